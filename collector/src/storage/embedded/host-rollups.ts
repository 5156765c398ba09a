/** What rollup blocks have of one host, on its way into series. */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { STATE } from './block.ts';
import type { TimeRange } from './catalogue.ts';
import type { Column, SeriesCollector } from './collect.ts';
import type { GrowingSeries } from './growing-series.ts';
import { firstAtLeast, type HostGroup } from './host-groups.ts';
import type { Pace } from './pace.ts';
import type { RollupUse } from './resolution.ts';
import type { RolledPart } from './rolled-series.ts';
import { ROLLUP } from './sealing/rollup.ts';

/** How a read takes rollups. */
export interface RollupRead {
  readonly collector: SeriesCollector;
  readonly columnsOf: (schema: Schema) => readonly Column[];
  readonly use: RollupUse;
  /** Times of the rollups that count, and how long each of them is. */
  readonly range: TimeRange;
  readonly spanMs: number;
  /** The times at which the newest value is wanted: `lastMs` and whole steps before it, as far as they lie in `range`. */
  readonly grid: { readonly lastMs: number; readonly stepMs: number; readonly range: TimeRange };
  readonly pace: Pace;
}

/**
 * @param groups in order of time
 * @throws AppError QUERY_LIMIT, QUERY_CANCELED
 */
export async function addRollups(groups: readonly HostGroup[], read: RollupRead): Promise<void> {
  const { use, range, columnsOf, collector, pace } = read;
  for (const { file, group, schema } of groups) {
    const all = file.times(group);
    if (all === undefined) continue;
    const low = firstAtLeast(all, range.fromMs);
    const high = firstAtLeast(all, range.toMs + 1);
    const timesMs = all.subarray(low, high);
    for (const { index, series } of columnsOf(schema)) {
      const column = (stream: number) => file.column(group, index, stream);
      const rows = { timesMs, firstRow: low, column };
      if (use === 'newest') addNewestOf(series, rows, read);
      else {
        const part = rolledPart(rows, use);
        if (part === undefined) continue;
        collector.count(part.presentCount);
        series.rolled(use).add(part);
      }
      if (pace.isDue) await pace.rest();
    }
  }
}

/** Rollups of one series in one group, as far as they lie in the range that is read. */
interface RollupRows {
  readonly timesMs: Float64Array;
  /** The row that belongs to the first of the times. */
  readonly firstRow: number;
  readonly column: (
    stream: number,
  ) => { readonly values: Float64Array; readonly states: Uint8Array | undefined } | undefined;
}

function addNewestOf(
  series: GrowingSeries,
  { timesMs, firstRow, column }: RollupRows,
  read: RollupRead,
): void {
  const counts = column(ROLLUP.COUNT);
  const lasts = column(ROLLUP.LAST);
  if (counts === undefined || lasts === undefined) return;
  let wasPresent = false;
  for (let i = 0, row = firstRow; i < timesMs.length; i++, row++) {
    const timeMs = timesMs[i] ?? 0;
    const isPresent = counts.states === undefined || counts.states[row] === STATE.PRESENT;
    const count = counts.values[row] ?? 0;
    if (isPresent)
      addNewest(series, { timeMs, value: lasts.values[row] ?? Number.NaN, hasEnded: count < 0 }, read);
    else if (wasPresent) addNewest(series, { timeMs, value: Number.NaN, hasEnded: true }, read);
    wasPresent = isPresent && count >= 0;
  }
}

/** The rollups as `use` wants them; undefined when the group has none of the series, or is damaged. */
function rolledPart({ timesMs, firstRow, column }: RollupRows, use: RollupUse): RolledPart | undefined {
  const counts = column(ROLLUP.COUNT);
  const lasts = column(ROLLUP.LAST);
  if (counts === undefined || lasts === undefined) return undefined;
  const special = streamOf(use);
  const values = (special === undefined ? undefined : column(special)?.values) ?? lasts.values;
  const { states } = counts;
  return {
    timesMs,
    firstRow,
    presentCount: presentIn(states, firstRow, timesMs.length),
    states,
    values,
    // A counter has no sums; its last value has to do for the mean.
    isSum: use === 'mean' && values !== lasts.values,
    increases: use === 'counter' ? column(ROLLUP.INCREASE)?.values : undefined,
    counts: counts.values,
  };
}

function presentIn(states: Uint8Array | undefined, firstRow: number, rows: number): number {
  if (states === undefined) return rows;
  let count = 0;
  for (let row = firstRow; row < firstRow + rows; row++) if (states[row] === STATE.PRESENT) count++;
  return count;
}

function streamOf(use: RollupUse): number | undefined {
  switch (use) {
    case 'min':
      return ROLLUP.MIN;
    case 'max':
      return ROLLUP.MAX;
    case 'sum':
    case 'mean':
      return ROLLUP.SUM;
    case 'newest':
    case 'last':
    case 'counter':
      return undefined;
  }
}

/** Puts the value at those times of evaluation that look back on this rollup. */
function addNewest(
  series: GrowingSeries,
  point: { readonly timeMs: number; readonly value: number; readonly hasEnded: boolean },
  { collector, spanMs, grid }: RollupRead,
): void {
  const { timeMs, value, hasEnded } = point;
  const { lastMs, stepMs } = grid;
  if (!hasEnded && timeMs <= grid.range.toMs && timeMs + spanMs > grid.range.toMs) {
    // Whoever evaluates right behind the range looks back on this one.
    collector.count();
    series.push(timeMs, value, false);
  }
  const back = stepMs > 0 ? Math.floor((lastMs - timeMs) / stepMs) : 0;
  const endMs = Math.min(timeMs + spanMs, grid.range.toMs + 1);
  for (let atMs = lastMs - back * stepMs; atMs >= timeMs && atMs < endMs; atMs += stepMs) {
    if (atMs >= grid.range.fromMs) {
      collector.count();
      series.push(atMs, value, hasEnded);
    }
    if (hasEnded || stepMs <= 0) return;
  }
}
