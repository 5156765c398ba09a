/** What rollup blocks have of one host, on its way into series. */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { STATE } from './block.ts';
import type { TimeRange } from './catalogue.ts';
import type { Column, SeriesCollector } from './collect.ts';
import type { GrowingSeries } from './growing-series.ts';
import type { HostGroup } from './host-groups.ts';
import type { Pace } from './pace.ts';
import type { RollupUse } from './resolution.ts';
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
  for (const { file, group, schema } of groups) {
    const timesMs = file.times(group);
    if (timesMs === undefined) continue;
    for (const { index, series } of read.columnsOf(schema)) {
      const column = (stream: number) => file.column(group, index, stream);
      addColumn(series, { timesMs, column }, read);
      if (read.pace.isDue) await read.pace.rest();
    }
  }
}

interface RollupColumn {
  readonly timesMs: Float64Array;
  readonly column: (
    stream: number,
  ) => { readonly values: Float64Array; readonly states: Uint8Array | undefined } | undefined;
}

function addColumn(series: GrowingSeries, { timesMs, column }: RollupColumn, read: RollupRead): void {
  const { use, range, collector } = read;
  const counts = column(ROLLUP.COUNT);
  const lasts = column(ROLLUP.LAST);
  if (counts === undefined || lasts === undefined) return;
  const increases = use === 'counter' ? column(ROLLUP.INCREASE)?.values : undefined;
  const special = streamOf(use);
  const values = (special === undefined ? undefined : column(special)?.values) ?? lasts.values;
  // A counter has no sums; its last value has to do for the mean.
  const isMean = use === 'mean' && values !== lasts.values;
  let wasPresent = false;
  if (use !== 'newest') series.rolled(use).startGroup();
  for (let row = 0; row < timesMs.length; row++) {
    const timeMs = timesMs[row] ?? 0;
    if (timeMs < range.fromMs || timeMs > range.toMs) continue;
    const isPresent = counts.states === undefined || counts.states[row] === STATE.PRESENT;
    const count = counts.values[row] ?? 0;
    if (use === 'newest') {
      if (isPresent)
        addNewest(series, { timeMs, value: lasts.values[row] ?? Number.NaN, hasEnded: count < 0 }, read);
      else if (wasPresent) addNewest(series, { timeMs, value: Number.NaN, hasEnded: true }, read);
      wasPresent = isPresent && count >= 0;
    } else if (isPresent) {
      collector.count();
      const value = values[row] ?? Number.NaN;
      const samples = Math.abs(count);
      const shown = isMean ? value / samples : value;
      series.rolled(use).push({ timeMs, value: shown, increase: increases?.[row] ?? Number.NaN, samples });
    }
  }
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
