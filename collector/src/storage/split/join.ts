/** Two reads of the same series as one. */
import { Labels } from '../labels.ts';
import type { Series } from '../storage.ts';

/**
 * The series of both in label order. Where both have a sample of the same time, that of `newer` counts.
 * @param older in label order, as `newer` is
 */
export function joinSeries(older: readonly Series[], newer: readonly Series[]): readonly Series[] {
  const joined = new Map(older.map((series) => [series.labels.key, series]));
  for (const series of newer) {
    const before = joined.get(series.labels.key);
    joined.set(series.labels.key, before === undefined ? series : joinTwo(before, series));
  }
  return [...joined.values()].sort((left, right) => Labels.compare(left.labels, right.labels));
}

function joinTwo(older: Series, newer: Series): Series {
  const length = older.timestamps.length + newer.timestamps.length;
  const timestamps = new Float64Array(length);
  const values = new Float64Array(length);
  const stale = new Uint8Array(length);
  let count = 0;
  const take = (series: Series, at: number): void => {
    timestamps[count] = series.timestamps[at] ?? 0;
    values[count] = series.values[at] ?? Number.NaN;
    stale[count] = series.stale?.[at] ?? 0;
    count++;
  };
  let [left, right] = [0, 0];
  for (;;) {
    const leftMs = older.timestamps[left];
    const rightMs = newer.timestamps[right];
    if (leftMs === undefined && rightMs === undefined) break;
    if (rightMs === undefined || (leftMs !== undefined && leftMs < rightMs)) {
      take(older, left++);
    } else {
      take(newer, right++);
      if (leftMs === rightMs) left++;
    }
  }
  const hasStale = older.stale !== undefined || newer.stale !== undefined;
  return {
    labels: older.labels,
    timestamps: timestamps.slice(0, count),
    values: values.slice(0, count),
    stale: hasStale ? stale.slice(0, count) : undefined,
  };
}
