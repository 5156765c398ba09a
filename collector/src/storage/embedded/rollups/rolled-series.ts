/** The rollups of one series on their way into samples that PromQL's functions can be applied to. */
import { STATE } from '../blocks/block.ts';
import type { JoinedTimes } from '../recent/joined-times.ts';
import type { RollupUse } from './resolution.ts';
import { increaseBetween } from '../sealing/rollup.ts';

/** Rollups of one series in one group of a block file. The arrays are kept, and are never changed. */
export interface RolledPart {
  /** Rising; series of one group share it. */
  readonly timesMs: Float64Array;
  /** The row of the columns that belongs to the first of the times. */
  readonly firstRow: number;
  /** Rows, rising, that do not know the rollup before; so does the first one of all, which may be left out. */
  readonly starts: readonly number[];
  /** How many of the rows are present. */
  readonly presentCount: number;
  /** STATE per row; undefined when all are present. */
  readonly states: Uint8Array | undefined;
  readonly values: Float64Array;
  /** The values are sums, and their means are wanted. */
  readonly isSum: boolean;
  /** What a counter rose by since the rollup before; NaN where that is not known. Of a counter only. */
  readonly increases: Float64Array | undefined;
  /** How many samples each stands for; below zero where the series ended. */
  readonly counts: Float64Array;
}

/** What rollups give to PromQL, with rising times. */
export interface RolledPoints {
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  /** How many samples each stands for, where the values are means. */
  readonly counts: Float64Array | undefined;
}

/** All rollups of a series. The times and, unless it is a counter, the values may belong to others. */
interface Columns {
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  readonly increases: Float64Array | undefined;
  readonly counts: Float64Array | undefined;
  /** Positions of rollups that do not know the one before. */
  readonly firsts: readonly number[];
}

/** Rollups of a series, one group after another. */
export class RolledSeries {
  readonly #use: RollupUse;
  readonly #parts: RolledPart[] = [];

  /** @param use what the values are; for a counter its last ones */
  constructor(use: RollupUse) {
    this.#use = use;
  }

  /** Adds the rollups of a group. */
  add(part: RolledPart): void {
    if (part.presentCount > 0) this.#parts.push(part);
  }

  /** @param times puts times together for all series of a read */
  finish(times: JoinedTimes): RolledPoints {
    // In a file of a month all groups of a schema stand together. Schemas that replaced each other overlap in the span of
    // the change, and nowhere else.
    const parts = this.#parts.sort((left, right) => (left.timesMs[0] ?? 0) - (right.timesMs[0] ?? 0));
    const all = this.#columns(parts, times);
    if (areRising(all, (before, next) => next > before)) {
      completeIncreases(all);
      return withoutResets(all);
    }
    const isSorted = areRising(all, (before, next) => next >= before);
    const sorted = isSorted
      ? { ...all, timesMs: all.timesMs.slice(), values: all.values.slice() }
      : inOrder(all);
    completeIncreases(sorted);
    return withoutResets(this.#combined(sorted));
  }

  /** What is present of all groups, one behind the other. */
  #columns(parts: readonly RolledPart[], times: JoinedTimes): Columns {
    const [only] = parts;
    if (only !== undefined && parts.length === 1 && this.#isAsItStands(only)) {
      const values = only.values.subarray(only.firstRow, only.firstRow + only.timesMs.length);
      return { timesMs: only.timesMs, values, increases: undefined, counts: undefined, firsts: [0] };
    }
    const length = parts.reduce((sum, { presentCount }) => sum + presentCount, 0);
    const areAllPresent = parts.every(({ presentCount, timesMs }) => presentCount === timesMs.length);
    const ownTimes = areAllPresent ? undefined : new Float64Array(length);
    const values = new Float64Array(length);
    const increases = this.#use === 'counter' ? new Float64Array(length).fill(Number.NaN) : undefined;
    const counts = this.#use === 'mean' ? new Float64Array(length) : undefined;
    const firsts: number[] = [];
    let at = 0;
    for (const part of parts) {
      const { timesMs, firstRow, starts, states } = part;
      let nextStart = starts.findIndex((row) => row > firstRow);
      let isFirst = true;
      for (let i = 0, row = firstRow; i < timesMs.length; i++, row++) {
        if (row === starts[nextStart]) {
          isFirst = true;
          nextStart++;
        }
        if (states !== undefined && states[row] !== STATE.PRESENT) continue;
        if (isFirst) firsts.push(at);
        isFirst = false;
        const value = part.values[row] ?? Number.NaN;
        const count = Math.abs(part.counts[row] ?? 0);
        values[at] = part.isSum ? value / count : value;
        if (ownTimes !== undefined) ownTimes[at] = timesMs[i] ?? 0;
        if (counts !== undefined) counts[at] = count;
        if (increases !== undefined && part.increases !== undefined)
          increases[at] = part.increases[row] ?? Number.NaN;
        at++;
      }
    }
    const timesMs = ownTimes ?? times.of(parts.map((part) => part.timesMs));
    return { timesMs, values, increases, counts, firsts };
  }

  /** Whether its values need no arrays of their own. */
  #isAsItStands({ isSum, states, presentCount, timesMs }: RolledPart): boolean {
    const isWhole = states === undefined || presentCount === timesMs.length;
    return isWhole && !isSum && this.#use !== 'counter' && this.#use !== 'mean';
  }

  /** Rollups of one time become one: those of two schemas of which one replaced the other within the span. */
  #combined({ timesMs, values, increases, counts }: Columns): Columns {
    let to = 0;
    for (let from = 1; from < timesMs.length; from++) {
      const isSame = timesMs[from] === timesMs[to];
      const left = { value: values[to] ?? Number.NaN, count: counts?.[to] ?? 0 };
      const right = { value: values[from] ?? Number.NaN, count: counts?.[from] ?? 0 };
      const increase = increases?.[from] ?? Number.NaN;
      if (!isSame) to++;
      timesMs[to] = timesMs[from] ?? 0;
      values[to] = isSame ? combined(this.#use, left, right) : right.value;
      if (counts !== undefined) counts[to] = isSame ? left.count + right.count : right.count;
      if (increases !== undefined) increases[to] = isSame ? (increases[to] ?? 0) + increase : increase;
    }
    const length = Math.min(to + 1, timesMs.length);
    return {
      timesMs: timesMs.subarray(0, length),
      values: values.subarray(0, length),
      increases: increases?.subarray(0, length),
      counts: counts?.subarray(0, length),
      firsts: [],
    };
  }
}

/** Within a group times always rise, so only where one begins they may not. */
function areRising(
  { timesMs, firsts }: Columns,
  fits: (beforeMs: number, nextMs: number) => boolean,
): boolean {
  return firsts.every((at) => at === 0 || fits(timesMs[at - 1] ?? 0, timesMs[at] ?? 0));
}

/** Rollups by time, with times of their own; of one time those that came first are first. */
function inOrder({ timesMs, values, increases, counts, firsts }: Columns): Columns {
  const order = Array.from(timesMs, (_, at) => at).sort(
    (a, b) => (timesMs[a] ?? 0) - (timesMs[b] ?? 0) || a - b,
  );
  const pick = (column: Float64Array): Float64Array =>
    Float64Array.from(order, (at) => column[at] ?? Number.NaN);
  const isFirst = new Set(firsts);
  return {
    timesMs: pick(timesMs),
    values: pick(values),
    increases: increases && pick(increases),
    counts: counts && pick(counts),
    firsts: order.flatMap((from, to) => (isFirst.has(from) ? [to] : [])),
  };
}

/** What a counter rose by between the rollups of different groups. */
function completeIncreases({ values, increases, firsts }: Columns): void {
  if (increases === undefined) return;
  for (const at of firsts) {
    const before = values[at - 1];
    const last = values[at] ?? Number.NaN;
    const increase = increases[at] ?? Number.NaN;
    if (before !== undefined && !Number.isNaN(increase))
      increases[at] = increase + increaseBetween(before, { last, increase });
  }
}

/**
 * A counter that only rises. Its last value is as it was, so that samples which follow go on from there; the first ones
 * may be below zero. Everything else as it is.
 */
function withoutResets({ timesMs, values, increases, counts }: Columns): RolledPoints {
  if (increases === undefined) return { timesMs, values, counts };
  for (let at = values.length - 1; at > 0; at--) {
    const increase = increases[at] ?? Number.NaN;
    if (!Number.isNaN(increase)) values[at - 1] = (values[at] ?? 0) - increase;
  }
  return { timesMs, values, counts };
}

interface Point {
  readonly value: number;
  /** Samples behind it. */
  readonly count: number;
}

function combined(use: RollupUse, left: Point, right: Point): number {
  switch (use) {
    case 'min':
      return Math.min(left.value, right.value);
    case 'max':
      return Math.max(left.value, right.value);
    case 'sum':
      return left.value + right.value;
    case 'mean':
      return (left.value * left.count + right.value * right.count) / (left.count + right.count);
    case 'newest':
    case 'last':
    case 'counter':
      return right.value;
  }
}
