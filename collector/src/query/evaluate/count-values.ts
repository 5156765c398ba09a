/** `count_values`: one series per distinct value, which becomes a label. */
import type { Labels } from '../../storage/labels.ts';
import { vectorOf } from './columns.ts';
import type { Column, Grid, VectorValue } from './columns.ts';
import { executionError } from '../errors.ts';
import type { Evaluation } from './evaluation.ts';
import { formatDecimal } from '../encode/format.ts';
import { LABELS_WORK } from './label-sets.ts';
import { isUtf8LabelName } from '../parse/literals.ts';

/** What to count, and how series are grouped. */
export interface ValueCount {
  readonly labelName: string;
  /** The name in quotes, for errors. */
  readonly labelText: string;
  /** Labels of the group of a series that already carries the value as a label. */
  readonly groupLabels: (labels: Labels) => Labels;
  readonly grid: Grid;
}

/** @throws AppError QUERY_FAILED on a bad label name; QUERY_LIMIT when there are too many distinct values */
export async function countValues(
  columns: readonly Column[],
  { labelName, labelText, groupLabels, grid }: ValueCount,
  ev: Evaluation,
): Promise<VectorValue> {
  if (!isUtf8LabelName(labelName)) throw executionError(`invalid label name ${labelText}`);
  const results = new Map<string, Column>();
  for (const column of columns) {
    const byValue = new Map<number | string, Column>();
    for (let i = 0; i < grid.count; i++) {
      if (column.present[i] !== 1) continue;
      const value = column.values[i] ?? NaN;
      // To a map, 0 and -0 are the same key.
      const key = Object.is(value, -0) ? '-0' : value;
      let result = byValue.get(key);
      if (result === undefined) {
        const labels = groupLabels(column.labels.with(labelName, formatDecimal(value)));
        result = results.get(labels.key);
        if (result === undefined) {
          ev.operands.take(1, grid);
          result = emptyColumn(labels, column.isNameMarked, grid);
          results.set(labels.key, result);
        }
        byValue.set(key, result);
        if (ev.pacer.spend(grid.count + LABELS_WORK)) await ev.pacer.pause();
      }
      result.present[i] = 1;
      result.values[i] = (result.values[i] ?? 0) + 1;
    }
    if (ev.pacer.spend(grid.count)) await ev.pacer.pause();
  }
  return vectorOf([...results.values()]);
}

function emptyColumn(labels: Labels, isNameMarked: boolean, { count }: Grid): Column {
  return { labels, values: new Float64Array(count), present: new Uint8Array(count), isNameMarked };
}
