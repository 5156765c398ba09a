/** What rollup blocks have of one host, on its way into series. */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { STATE } from '../blocks/block.ts';
import type { TimeRange } from '../catalogue.ts';
import type { Column, SeriesCollector } from '../reads/collect.ts';
import type { ColumnValues } from '../format/group.ts';
import type { GrowingSeries } from '../reads/growing-series.ts';
import { firstAtLeast } from '../blocks/host-groups.ts';
import type { Pace } from '../reads/pace.ts';
import type { RollupUse } from './resolution.ts';
import type { RolledPart } from './rolled-series.ts';
import { ROLLUP } from '../sealing/rollup.ts';
import type { HostGroup } from '../blocks/stored-groups.ts';

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
  for (const group of groups) await addColumns(group, read.columnsOf(group.schema), read);
}

async function addColumns(from: HostGroup, columns: readonly Column[], read: RollupRead): Promise<void> {
  const { use, range, collector, pace } = read;
  const { file, group, joined } = from;
  const addParts = async (some: readonly Column[]): Promise<void> => {
    for (const part of joined?.parts ?? []) await addColumns(part, some, read);
  };
  const all = file.times(group);
  if (all === undefined) return addParts(columns);
  const low = firstAtLeast(all, range.fromMs);
  const high = firstAtLeast(all, range.toMs + 1);
  if (low === high) return;
  const timesMs = low === 0 && high === all.length ? all : all.subarray(low, high);
  const starts = joined?.starts ?? NO_STARTS;
  for (const column of columns) {
    const { index, series } = column;
    const rows = streamsOf((stream) => file.column(group, index, stream), use);
    if (joined?.broken.has(index) === true) await addParts([column]);
    else if (rows !== undefined) {
      const part = { ...rows, timesMs, firstRow: low, starts };
      if (use === 'newest') addNewestOf(series, part, read);
      else {
        const presentCount = presentIn(part.states, low, timesMs.length);
        collector.count(presentCount);
        series.rolled(use).add({ ...part, presentCount });
      }
    }
    if (pace.isDue) await pace.rest();
  }
}

/** Of a group that is no run of several. */
const NO_STARTS: readonly number[] = [];

/** What is taken of a column. */
type Streams = Pick<RolledPart, 'states' | 'values' | 'isSum' | 'increases' | 'counts'>;

/** The rollups of a column as `use` wants them; undefined when the group has none of the series, or they are damaged. */
function streamsOf(
  column: (stream: number) => ColumnValues | undefined,
  use: RollupUse,
): Streams | undefined {
  const counts = column(ROLLUP.COUNT);
  const lasts = column(ROLLUP.LAST);
  if (counts === undefined || lasts === undefined) return undefined;
  const special = streamOf(use);
  const values = (special === undefined ? undefined : column(special)?.values) ?? lasts.values;
  return {
    states: counts.states,
    values,
    // A counter has no sums; its last value has to do for the mean.
    isSum: use === 'mean' && values !== lasts.values,
    increases: use === 'counter' ? column(ROLLUP.INCREASE)?.values : undefined,
    counts: counts.values,
  };
}

function addNewestOf(
  series: GrowingSeries,
  { timesMs, firstRow, starts, states, values, counts }: Streams & Omit<RolledPart, 'presentCount'>,
  read: RollupRead,
): void {
  let wasPresent = false;
  let nextStart = starts.findIndex((row) => row > firstRow);
  for (let i = 0, row = firstRow; i < timesMs.length; i++, row++) {
    if (row === starts[nextStart]) {
      // What came before says nothing about the rows of another file.
      wasPresent = false;
      nextStart++;
    }
    const timeMs = timesMs[i] ?? 0;
    const isPresent = states === undefined || states[row] === STATE.PRESENT;
    const count = counts[row] ?? 0;
    if (isPresent) addNewest(series, { timeMs, value: values[row] ?? Number.NaN, hasEnded: count < 0 }, read);
    else if (wasPresent) addNewest(series, { timeMs, value: Number.NaN, hasEnded: true }, read);
    wasPresent = isPresent && count >= 0;
  }
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
