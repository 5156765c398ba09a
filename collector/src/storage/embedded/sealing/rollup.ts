/**
 * Rollups: what is kept of the samples of five minutes, or of an hour. A rollup is dated with the last millisecond of its
 * span, so whoever looks back from any time finds the newest one that is complete.
 */
import type { HashedSchema, SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import { STATE } from '../blocks/block.ts';
import type { Column, GroupColumns } from '../format/group.ts';

/** Positions in `Column.streams` of a rollup; see STREAMS. */
export const ROLLUP = { COUNT: 0, MIN: 1, MAX: 2, SUM: 3, LAST: 4, INCREASE: 5 } as const;

/** Spans of the rollups that there are. */
export const ROLLUP_MS = { '5m': 300_000, '1h': 3_600_000 } as const;

/** Share of a counter's value by which it may seem to have fallen where it stood still. */
const ROUNDING = 1e-9;

/** Names that the metrics of Prometheus' counters have; pushed series do not say what they are. */
const COUNTER_NAME = /_(?:total|count|sum|bucket)$/;

/** Whether the series of a column only rise until they start again. */
export function counterColumns({ metrics }: HashedSchema, hostId: string): readonly boolean[] {
  const isOwn = hostId === COLLECTOR_AGENT_ID;
  const isCounter = ({ type, name }: SchemaMetric): boolean =>
    type === 'counter' || (isOwn && COUNTER_NAME.test(name));
  return metrics.flatMap((metric) => metric.series.map(() => isCounter(metric)));
}

/** Rows that a rollup sums up: for each of its spans where they begin, and the time that it is dated with. */
export interface Spans {
  readonly begins: Uint32Array;
  readonly timesMs: Float64Array;
}

/**
 * The rollups of raw rows.
 * @param source.isCounter per column; a counter's rollup has `increase`, any other has `min`, `max` and `sum`
 * @param source.hasDerivedEnds a series that is absent from a row has ended there
 */
export function rollUp(
  group: GroupColumns,
  spanMs: number,
  source: { readonly isCounter: readonly boolean[]; readonly hasDerivedEnds: boolean },
): GroupColumns {
  const spans = spansOf(group.timesMs, spanMs);
  const columns = group.columns.map((column, index) =>
    rollUpColumn(column, spans, {
      isCounter: source.isCounter[index] ?? false,
      hasDerivedEnds: source.hasDerivedEnds,
    }),
  );
  return { ...group, timesMs: spans.timesMs, columns };
}

/** The rollups of a coarser span out of finer ones, which must divide it. */
export function rollUpFurther(group: GroupColumns, spanMs: number): GroupColumns {
  const spans = spansOf(group.timesMs, spanMs);
  return {
    ...group,
    timesMs: spans.timesMs,
    columns: group.columns.map((column) => combineColumn(column, spans)),
  };
}

/**
 * What a counter rose by between two rollups, when the later one does not know what came before it.
 * @param before last value of the earlier one
 * @param later last value of the later one, and what it rose by within its own samples
 */
export function increaseBetween(
  before: number,
  later: { readonly last: number; readonly increase: number },
): number {
  // Its first value, unless the counter started again within it: then that is not known, and not much is lost.
  const first = later.last - later.increase;
  if (first < 0) return 0;
  if (first >= before) return first - before;
  // An increase is a sum of differences: its rounding is no new start.
  return before - first <= before * ROUNDING ? 0 : first;
}

/** The spans that have rows. @param timesMs rising */
export function spansOf(timesMs: Float64Array, spanMs: number): Spans {
  const begins: number[] = [];
  const ends: number[] = [];
  for (let row = 0; row < timesMs.length; row++) {
    const endMs = (Math.floor((timesMs[row] ?? 0) / spanMs) + 1) * spanMs - 1;
    if (endMs === ends.at(-1)) continue;
    begins.push(row);
    ends.push(endMs);
  }
  begins.push(timesMs.length);
  return { begins: Uint32Array.from(begins), timesMs: Float64Array.from(ends) };
}

/** Arrays of one column while it is rolled up; what its kind does not have is empty, and takes nothing. */
class Rolled {
  readonly states: Uint8Array;
  readonly count: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly sum: Float64Array;
  readonly last: Float64Array;
  readonly increase: Float64Array;
  readonly #isCounter: boolean;

  constructor(length: number, isCounter: boolean) {
    this.#isCounter = isCounter;
    this.states = new Uint8Array(length);
    this.count = new Float64Array(length);
    this.min = new Float64Array(isCounter ? 0 : length);
    this.max = new Float64Array(isCounter ? 0 : length);
    this.sum = new Float64Array(isCounter ? 0 : length);
    this.last = new Float64Array(length);
    this.increase = new Float64Array(isCounter ? length : 0);
  }

  column(): Column {
    const isComplete = !this.states.includes(STATE.ABSENT) && !this.states.includes(STATE.STALE);
    const { count, min, max, sum, last, increase } = this;
    return {
      states: isComplete ? undefined : this.states,
      streams: this.#isCounter
        ? [count, undefined, undefined, undefined, last, increase]
        : [count, min, max, sum, last, undefined],
    };
  }
}

/** The rollups of a raw column; options as of `rollUp`. */
export function rollUpColumn(
  { states, streams }: Column,
  { begins, timesMs }: Spans,
  options: { readonly isCounter: boolean; readonly hasDerivedEnds: boolean },
): Column {
  const [values] = streams;
  const rolled = new Rolled(timesMs.length, options.isCounter);
  if (values === undefined) return rolled.column();
  let previous = Number.NaN;
  for (let at = 0; at < timesMs.length; at++) {
    const end = begins[at + 1] ?? 0;
    let count = 0;
    let min = Number.NaN;
    let max = Number.NaN;
    let sum = 0;
    let last = 0;
    let increase = 0;
    let hasEnded = false;
    let isMarked = false;
    for (let row = begins[at] ?? 0; row < end; row++) {
      const state = states === undefined ? STATE.PRESENT : states[row];
      if (state !== STATE.PRESENT) {
        isMarked ||= state === STATE.STALE;
        if (state === STATE.STALE || options.hasDerivedEnds) hasEnded = true;
        continue;
      }
      const value = values[row] ?? Number.NaN;
      hasEnded = false;
      count++;
      sum += value;
      last = value;
      // As min_over_time and max_over_time do: NaN counts only when there is nothing else.
      if (!(value >= min)) min = Number.isNaN(value) ? min : value;
      if (!(value <= max)) max = Number.isNaN(value) ? max : value;
      if (!Number.isNaN(previous)) increase += value >= previous ? value - previous : value;
      previous = value;
    }
    if (count === 0) {
      rolled.states[at] = isMarked ? STATE.STALE : STATE.ABSENT;
      continue;
    }
    rolled.states[at] = STATE.PRESENT;
    rolled.count[at] = hasEnded ? -count : count;
    rolled.min[at] = min;
    rolled.max[at] = max;
    rolled.sum[at] = sum;
    rolled.last[at] = last;
    rolled.increase[at] = increase;
  }
  return rolled.column();
}

/** The rollups of a column of finer ones. */
export function combineColumn({ states, streams }: Column, { begins, timesMs }: Spans): Column {
  // In the order of ROLLUP.
  const [counts, mins, maxs, sums, lasts, increases] = streams;
  const rolled = new Rolled(timesMs.length, increases !== undefined);
  for (let at = 0; at < timesMs.length; at++) {
    const end = begins[at + 1] ?? 0;
    let isEmpty = true;
    for (let row = begins[at] ?? 0; row < end; row++) {
      const state = states === undefined ? STATE.PRESENT : states[row];
      if (state !== STATE.PRESENT) {
        if (isEmpty) rolled.states[at] = Math.max(rolled.states[at] ?? 0, state ?? STATE.ABSENT);
        else rolled.count[at] = -Math.abs(rolled.count[at] ?? 0);
        continue;
      }
      const count = counts?.[row] ?? Number.NaN;
      const total = Math.abs(rolled.count[at] ?? 0) + Math.abs(count);
      rolled.states[at] = STATE.PRESENT;
      rolled.count[at] = count < 0 ? -total : total;
      rolled.last[at] = lasts?.[row] ?? Number.NaN;
      if (increases !== undefined) {
        rolled.increase[at] = (rolled.increase[at] ?? 0) + (increases[row] ?? Number.NaN);
      } else {
        const min = mins?.[row] ?? Number.NaN;
        const max = maxs?.[row] ?? Number.NaN;
        rolled.min[at] = isEmpty ? min : lesser(rolled.min[at], min);
        rolled.max[at] = isEmpty ? max : greater(rolled.max[at], max);
        rolled.sum[at] = (rolled.sum[at] ?? 0) + (sums?.[row] ?? Number.NaN);
      }
      isEmpty = false;
    }
  }
  return rolled.column();
}

function lesser(left: number | undefined, right: number): number {
  return left === undefined || Number.isNaN(left) || right < left ? right : left;
}

function greater(left: number | undefined, right: number): number {
  return left === undefined || Number.isNaN(left) || right > left ? right : left;
}
