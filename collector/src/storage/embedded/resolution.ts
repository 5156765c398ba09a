/** Chooses how fine a read has to be, and where in its range blocks of which resolution serve it. Pure. */
import type { BlockResolution, BlockRow } from '../../journal/blocks.ts';
import type { SelectHints } from '../storage.ts';
import type { TimeRange } from './catalogue.ts';
import { ROLLUP_MS } from './sealing/rollup.ts';

/** A part of a read's range, served by blocks of one resolution; the raw part is served by journal and memory too. */
export interface Segment {
  readonly resolution: BlockResolution;
  readonly range: TimeRange;
}

/** What is taken from rollups for a read. */
export type RollupUse =
  /** The newest value at each time of evaluation. */
  | 'newest'
  /** The last value of each span. */
  | 'last'
  /** A counter without resets. */
  | 'counter'
  | 'min'
  | 'max'
  | 'sum'
  /** The mean, and of how many samples. */
  | 'mean';

/** Functions whose result over rollups is that over the samples, but for the ends of the window. */
const ROLLED_FUNCTIONS: ReadonlyMap<string, RollupUse> = new Map([
  ['rate', 'counter'],
  ['increase', 'counter'],
  ['min_over_time', 'min'],
  ['max_over_time', 'max'],
  ['sum_over_time', 'sum'],
  ['avg_over_time', 'mean'],
  ['last_over_time', 'last'],
  ['present_over_time', 'last'],
]);

/** So many rollups must lie in a window, or between two evaluations, before rollups may stand for samples. */
const ROLLUPS_PER_RANGE_MIN = 4;
const ROLLUPS_PER_STEP_MIN = 2;

/** What a read takes from rollups where it meets them. */
export function rollupUse(hints: SelectHints | undefined): RollupUse {
  if (hints === undefined) return 'last';
  if (hints.rangeMs === undefined) return 'newest';
  if (hints.functionName === 'count_over_time') return 'mean';
  return ROLLED_FUNCTIONS.get(hints.functionName ?? '') ?? 'last';
}

/** The coarsest resolution that serves a read as well as the samples do. */
export function coarsestFor(hints: SelectHints | undefined): BlockResolution {
  const { stepMs = 0, rangeMs, functionName = '' } = hints ?? {};
  const isRolled = rangeMs === undefined || ROLLED_FUNCTIONS.has(functionName);
  if (hints === undefined || !isRolled) return 'raw';
  const fits = (spanMs: number): boolean =>
    rangeMs === undefined
      ? stepMs >= spanMs * ROLLUPS_PER_STEP_MIN
      : stepMs >= spanMs && rangeMs >= spanMs * ROLLUPS_PER_RANGE_MIN;
  if (fits(ROLLUP_MS['1h'])) return '1h';
  return fits(ROLLUP_MS['5m']) ? '5m' : 'raw';
}

/**
 * The parts of a range, in order of time: as coarse as allowed where there are such blocks, else finer; where samples are
 * too old to be there any more, the finest rollups that are left.
 */
export function segmentsOf(
  rows: readonly BlockRow[],
  range: TimeRange,
  coarsest: BlockResolution,
): readonly Segment[] {
  if (range.fromMs > range.toMs) return [];
  const inRange = rows.filter(({ fromMs, toMs }) => fromMs <= range.toMs && toMs > range.fromMs);
  if (inRange.every(({ resolution }) => resolution === 'raw')) return [{ resolution: 'raw', range }];
  const cuts = new Set([range.fromMs, range.toMs + 1]);
  for (const { fromMs, toMs } of inRange) {
    if (fromMs > range.fromMs) cuts.add(fromMs);
    if (toMs <= range.toMs) cuts.add(toMs);
  }
  const times = [...cuts].sort((left, right) => left - right);
  const segments: { resolution: BlockResolution; range: { fromMs: number; toMs: number } }[] = [];
  for (const [at, fromMs] of times.entries()) {
    const endMs = times[at + 1];
    if (endMs === undefined) break;
    const there = new Set(
      inRange.filter((row) => row.fromMs <= fromMs && row.toMs > fromMs).map((row) => row.resolution),
    );
    const resolution = chosen(there, coarsest);
    const last = segments.at(-1);
    if (last?.resolution === resolution) last.range.toMs = endMs - 1;
    else segments.push({ resolution, range: { fromMs, toMs: endMs - 1 } });
  }
  return segments;
}

const PREFERENCES: Readonly<Record<BlockResolution, readonly BlockResolution[]>> = {
  raw: ['raw', '5m', '1h'],
  '5m': ['5m', 'raw', '1h'],
  '1h': ['1h', '5m', 'raw'],
};

/** Where no block is, the journal may have something. */
function chosen(there: ReadonlySet<BlockResolution>, coarsest: BlockResolution): BlockResolution {
  return PREFERENCES[coarsest].find((resolution) => there.has(resolution)) ?? 'raw';
}
