/** Chooses how fine a read has to be, and where in its range blocks of which resolution serve it. Pure. */
import type { BlockResolution, BlockRow } from '../../../journal/blocks.ts';
import type { SelectHints } from '../../storage.ts';
import type { TimeRange } from '../catalogue.ts';
import { ROLLUP_MS } from '../sealing/rollup.ts';

/** A part of a read's range, served by blocks of one resolution; the raw part is served by journal and memory too. */
export interface Segment {
  readonly resolution: BlockResolution;
  readonly range: TimeRange;
  /** There are only samples, of which the rollups are made when they are read. */
  readonly isMade: boolean;
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

/** Resolution of rollups that are made of samples: windows end five minutes too early at most, and not an hour. */
export const MADE_RESOLUTION = '5m';

/**
 * So many of them must lie in a window: they stand for samples that are still there, so they are to blur the ends of it by
 * little.
 */
const MADE_PER_RANGE_MIN = 24;

/** Whether rollups that are made of samples may stand for them; a value per step stays the newest sample. */
export function mayMakeRollups(hints: SelectHints | undefined): boolean {
  const rangeMs = hints?.rangeMs ?? 0;
  return rangeMs >= MADE_PER_RANGE_MIN * ROLLUP_MS[MADE_RESOLUTION] && coarsestFor(hints) !== 'raw';
}

/**
 * The parts of a range, in order of time: as coarse as allowed where there are such blocks, else finer; where samples are
 * too old to be there any more, the finest rollups that are left.
 * @param making.isAllowed whether rollups may be made of blocks of samples where there are none
 */
export function segmentsOf(
  rows: readonly BlockRow[],
  range: TimeRange,
  coarsest: BlockResolution,
  making: { readonly isAllowed: boolean } = { isAllowed: false },
): readonly Segment[] {
  if (range.fromMs > range.toMs) return [];
  const inRange = rows.filter(({ fromMs, toMs }) => fromMs <= range.toMs && toMs > range.fromMs);
  const apart = making.isAllowed ? blocksApart(rows) : NO_ROWS;
  const onlyRaw = inRange.every((row) => row.resolution === 'raw' && !apart.has(row));
  if (onlyRaw) return [{ resolution: 'raw', range, isMade: false }];
  const cuts = new Set([range.fromMs, range.toMs + 1]);
  for (const { fromMs, toMs } of inRange) {
    if (fromMs > range.fromMs) cuts.add(fromMs);
    if (toMs <= range.toMs) cuts.add(toMs);
  }
  const times = [...cuts].sort((left, right) => left - right);
  const segments: (Segment & { range: { fromMs: number; toMs: number } })[] = [];
  for (const [at, fromMs] of times.entries()) {
    const endMs = times[at + 1];
    if (endMs === undefined) break;
    const here = inRange.filter((row) => row.fromMs <= fromMs && row.toMs > fromMs);
    const there = new Set<BlockResolution | 'made'>(here.map((row) => row.resolution));
    if (here.some((row) => apart.has(row))) there.add('made');
    const choice = PREFERENCES[coarsest].find((one) => there.has(one));
    const isMade = choice === 'made';
    // Where no block is, the journal may have something.
    const resolution = isMade ? MADE_RESOLUTION : (choice ?? 'raw');
    const last = segments.at(-1);
    if (last?.resolution === resolution && last.isMade === isMade) last.range.toMs = endMs - 1;
    else segments.push({ resolution, range: { fromMs, toMs: endMs - 1 }, isMade });
  }
  return segments;
}

/** What of segments lies in a range: those of all time say what those of any range are. */
export function segmentsIn(segments: readonly Segment[], { fromMs, toMs }: TimeRange): readonly Segment[] {
  if (fromMs > toMs) return [];
  return segments
    .filter(({ range }) => range.fromMs <= toMs && range.toMs >= fromMs)
    .map(({ range, ...rest }) => ({
      ...rest,
      range: { fromMs: Math.max(range.fromMs, fromMs), toMs: Math.min(range.toMs, toMs) },
    }));
}

const PREFERENCES: Readonly<Record<BlockResolution, readonly (BlockResolution | 'made')[]>> = {
  raw: ['raw', '5m', '1h'],
  '5m': ['5m', 'made', 'raw', '1h'],
  '1h': ['1h', '5m', 'made', 'raw'],
};

const NO_ROWS: ReadonlySet<BlockRow> = new Set();

/** Blocks of samples of whose windows no other one has any: late samples stand between others, and no rollup knows where. */
function blocksApart(rows: readonly BlockRow[]): ReadonlySet<BlockRow> {
  const raw = rows.filter(({ resolution }) => resolution === 'raw').sort((a, b) => a.fromMs - b.fromMs);
  const apart = new Set<BlockRow>();
  let endMs = Number.NEGATIVE_INFINITY;
  for (const [at, row] of raw.entries()) {
    if (row.fromMs >= endMs && (raw[at + 1]?.fromMs ?? Number.POSITIVE_INFINITY) >= row.toMs) apart.add(row);
    endMs = Math.max(endMs, row.toMs);
  }
  return apart;
}
