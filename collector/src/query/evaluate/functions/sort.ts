/** Orders of series, for queries at a single time. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { sortInTurns } from '@rollcall/shared/lib/turn.ts';
import { Labels } from '../../../storage/labels.ts';
import type { Column } from '../columns.ts';
import type { Pacer } from '../evaluation.ts';

/** By the first value, NaN last in either direction; equal values keep their order. Gives way. */
export function sortedByValue(
  columns: readonly Column[],
  { isDescending }: { readonly isDescending: boolean },
  pacer: Pacer,
): Promise<readonly Column[]> {
  const valueOf = ({ values }: Column): number => values[0] ?? NaN;
  return sortInTurns([...columns], byNumber(valueOf, { isDescending }), pacer);
}

/** Compares by number, NaN last in either direction. */
export function byNumber<T>(
  numberOf: (item: T) => number,
  { isDescending }: { readonly isDescending: boolean },
): (left: T, right: T) => number {
  return (left, right) => {
    const [a, b] = [numberOf(left), numberOf(right)];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    if (a === b) return 0;
    return a < b !== isDescending ? -1 : 1;
  };
}

/** How labels are sorted. */
interface LabelOrder {
  readonly names: readonly string[];
  readonly isDescending: boolean;
}

/** By the values of `names` in natural order (`a2` before `a10`), then by all labels. Gives way: labels that a query made are long. */
export async function sortedByLabels(
  columns: readonly Column[],
  { names, isDescending }: LabelOrder,
  pacer: Pacer,
): Promise<readonly Column[]> {
  const sign = isDescending ? -1 : 1;
  let work = 0;
  const isInOrder = (left: Column, right: Column): boolean => {
    for (const name of names) {
      const [a, b] = [left.labels.get(name), right.labels.get(name)];
      work += 1 + Math.min(a.length, b.length);
      const order = compareNatural(a, b);
      if (order !== 0) return sign * order < 0;
    }
    work++;
    return sign * Labels.compare(left.labels, right.labels) <= 0;
  };
  let sorted = [...columns];
  // Merges runs that are in order, each twice as long as those of the round before.
  for (let length = 1; length < sorted.length; length *= 2) {
    const merged: Column[] = [];
    for (let start = 0; start < sorted.length; start += 2 * length) {
      const lefts = sorted.slice(start, start + length);
      const rights = sorted.slice(start + length, start + 2 * length);
      let taken = 0;
      for (const right of rights) {
        for (let left = lefts[taken]; left !== undefined; left = lefts[++taken]) {
          const isBefore = isInOrder(left, right);
          if (pacer.spend(work)) await pacer.pause();
          work = 0;
          if (!isBefore) break;
          merged.push(left);
        }
        merged.push(right);
      }
      for (; taken < lefts.length; taken++) {
        const left = lefts[taken];
        if (left !== undefined) merged.push(left);
      }
    }
    sorted = merged;
  }
  return sorted;
}

/** Runs of digits compare as numbers, everything else character by character; the shorter text comes first. */
export function compareNatural(left: string, right: string): number {
  let [a, b] = [0, 0];
  while (a < left.length && b < right.length) {
    if (isDigit(left, a) && isDigit(right, b)) {
      const [endA, endB] = [endOfDigits(left, a), endOfDigits(right, b)];
      const order = compareDigits(left.slice(a, endA), right.slice(b, endB));
      if (order !== 0) return order;
      [a, b] = [endA, endB];
    } else {
      const [own, other] = [left.codePointAt(a) ?? 0, right.codePointAt(b) ?? 0];
      if (own !== other) return own - other;
      const width = own > 0xffff ? 2 : 1;
      a += width;
      b += width;
    }
  }
  if (a < left.length) return 1;
  return b < right.length ? -1 : compareUtf8(left, right);
}

/** Digits may be too many for a number, so their length without leading zeros comes first. */
function compareDigits(left: string, right: string): number {
  const [a, b] = [left.replace(/^0+/, ''), right.replace(/^0+/, '')];
  return a.length - b.length || compareUtf8(a, b);
}

function endOfDigits(text: string, start: number): number {
  let end = start;
  while (end < text.length && isDigit(text, end)) end++;
  return end;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}
