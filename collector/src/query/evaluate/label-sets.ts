/** Keeps the label sets of a result apart: drops metric names, and finds series that have become equal. */
import type { Column } from './columns.ts';
import { executionError } from '../errors.ts';
import type { Evaluation } from './evaluation.ts';

/** Work on one label set, in the units of `Pacer.spend`. */
export const LABELS_WORK = 50;

/** What Prometheus says when two series of a result have the same labels. */
const SAME_LABELSET = 'vector cannot contain metrics with the same labelset';

/**
 * Joins columns with equal labels into one, in the place of the first.
 * @throws AppError QUERY_FAILED with `conflict` as its text when two of them have a value at the same time
 */
export async function mergeDuplicates(
  columns: readonly Column[],
  ev: Evaluation,
  conflict = SAME_LABELSET,
): Promise<readonly Column[]> {
  const merged = new Map<string, Column>();
  for (const column of columns) {
    const { key } = column.labels;
    const first = merged.get(key);
    merged.set(key, first === undefined ? column : joined(first, column, conflict));
    if (ev.pacer.spend(LABELS_WORK)) await ev.pacer.pause();
  }
  return merged.size === columns.length ? columns : [...merged.values()];
}

function joined(first: Column, second: Column, conflict: string): Column {
  const values = first.values.slice();
  const present = first.present.slice();
  for (let i = 0; i < values.length; i++) {
    if (second.present[i] !== 1) continue;
    if (present[i] === 1) throw executionError(conflict);
    present[i] = 1;
    values[i] = second.values[i] ?? NaN;
  }
  return { ...first, values, present };
}

/**
 * Columns without their metric name, or with the name marked for removal when that is delayed.
 * @throws AppError QUERY_FAILED when that makes two series equal
 */
export async function withoutNames(columns: readonly Column[], ev: Evaluation): Promise<readonly Column[]> {
  if (ev.isNameRemovalDelayed) return columns.map((column) => ({ ...column, isNameMarked: true }));
  const bare: Column[] = [];
  const firstName = columns[0]?.labels.metricName;
  // Series of one name stay different without it, which spares comparing them all; unless more than the name went.
  let stayDifferent = true;
  for (const { labels, values, present, isNameMarked } of columns) {
    const kept = labels.withoutName();
    bare.push({ labels: kept, values, present, isNameMarked });
    stayDifferent &&=
      labels.metricName === firstName && labels.size - kept.size === (firstName === '' ? 0 : 1);
    if (ev.pacer.spend(LABELS_WORK)) await ev.pacer.pause();
  }
  return stayDifferent ? bare : mergeDuplicates(bare, ev);
}

/** Removes the names that were marked. */
export async function withoutMarkedNames(
  columns: readonly Column[],
  ev: Evaluation,
): Promise<readonly Column[]> {
  if (!columns.some(({ isNameMarked }) => isNameMarked)) return columns;
  const bare = columns.map((column) =>
    column.isNameMarked ? { ...column, labels: column.labels.withoutName(), isNameMarked: false } : column,
  );
  return mergeDuplicates(bare, ev);
}
