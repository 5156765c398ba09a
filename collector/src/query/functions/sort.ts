/** Orders of series, for queries at a single time. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { Labels } from '../../storage/labels.ts';
import type { Column } from '../columns.ts';

/** By the first value, NaN last in either direction; equal values keep their order. */
export function sortedByValue(
  columns: readonly Column[],
  { isDescending }: { readonly isDescending: boolean },
): readonly Column[] {
  return columns.toSorted((left, right) => {
    const [a, b] = [left.values[0] ?? NaN, right.values[0] ?? NaN];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    if (a === b) return 0;
    return a < b !== isDescending ? -1 : 1;
  });
}

/** By the values of `names` in natural order (`a2` before `a10`), then by all labels. */
export function sortedByLabels(
  columns: readonly Column[],
  names: readonly string[],
  { isDescending }: { readonly isDescending: boolean },
): readonly Column[] {
  const sign = isDescending ? -1 : 1;
  return columns.toSorted((left, right) => {
    for (const name of names) {
      const order = compareNatural(left.labels.get(name), right.labels.get(name));
      if (order !== 0) return sign * order;
    }
    return sign * Labels.compare(left.labels, right.labels);
  });
}

/** Runs of digits compare as numbers, everything else character by character; the shorter text comes first. */
export function compareNatural(left: string, right: string): number {
  const [a, b] = [chunks(left), chunks(right)];
  for (const [i, own] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    const order = compareChunks(own, other);
    if (order !== 0) return order;
  }
  return a.length === b.length ? compareUtf8(left, right) : -1;
}

/** A run of digits each, every other character alone. */
function chunks(text: string): readonly string[] {
  return text.match(/\d+|./gsu) ?? [];
}

function compareChunks(left: string, right: string): number {
  if (!isDigits(left) || !isDigits(right)) return compareUtf8(left, right);
  // Digits may be too many for a number, so compare their length without leading zeros first.
  const [a, b] = [left.replace(/^0+/, ''), right.replace(/^0+/, '')];
  return a.length - b.length || compareUtf8(a, b);
}

function isDigits(chunk: string): boolean {
  return chunk.charCodeAt(0) >= 48 && chunk.charCodeAt(0) <= 57;
}
