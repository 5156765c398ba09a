/** The rollups of one series on their way into samples that PromQL's functions can be applied to. */
import type { RollupUse } from './resolution.ts';
import { increaseBetween } from './sealing/rollup.ts';

/** What rollups give to PromQL, with rising times. */
export interface RolledPoints {
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  /** How many samples each stands for, where the values are means. */
  readonly counts: Float64Array | undefined;
}

/** Rollups of a series, one after another; kept as columns, because a year has very many. */
export class RolledSeries {
  readonly #use: RollupUse;
  #times: number[] = [];
  #values: number[] = [];
  /** What a counter rose by since the rollup before; NaN when the series is none. */
  #increases: number[] = [];
  /** How many samples each stands for. */
  #counts: number[] = [];
  /** Positions of rollups that do not know the one before. */
  #firsts = new Set<number>();
  #isRising = true;

  /** @param use what the values are; for a counter its last ones */
  constructor(use: RollupUse) {
    this.#use = use;
  }

  /** The next rollup begins a group: it does not know the rollup before. */
  startGroup(): void {
    this.#firsts.add(this.#times.length);
  }

  push(point: {
    readonly timeMs: number;
    readonly value: number;
    readonly increase: number;
    readonly samples: number;
  }): void {
    const { timeMs, value, increase, samples } = point;
    if (timeMs <= (this.#times.at(-1) ?? Number.NEGATIVE_INFINITY)) this.#isRising = false;
    this.#times.push(timeMs);
    this.#values.push(value);
    this.#increases.push(increase);
    this.#counts.push(samples);
  }

  finish(): RolledPoints {
    if (!this.#isRising) this.#sort();
    if (this.#use === 'counter') this.#completeIncreases();
    if (!this.#isRising) this.#combine();
    const timesMs = Float64Array.from(this.#times);
    return {
      timesMs,
      values: this.#use === 'counter' ? this.#withoutResets() : Float64Array.from(this.#values),
      counts: this.#use === 'mean' ? Float64Array.from(this.#counts) : undefined,
    };
  }

  #sort(): void {
    const order = this.#times.map((_, at) => at);
    order.sort((a, b) => (this.#times[a] ?? 0) - (this.#times[b] ?? 0) || a - b);
    const firsts = new Set<number>();
    for (const [to, from] of order.entries()) if (this.#firsts.has(from)) firsts.add(to);
    const pick = (list: readonly number[]): number[] => order.map((at) => list[at] ?? Number.NaN);
    this.#times = pick(this.#times);
    this.#values = pick(this.#values);
    this.#increases = pick(this.#increases);
    this.#counts = pick(this.#counts);
    this.#firsts = firsts;
  }

  #completeIncreases(): void {
    for (const at of this.#firsts) {
      const before = this.#values[at - 1];
      const last = this.#values[at] ?? Number.NaN;
      const increase = this.#increases[at] ?? Number.NaN;
      if (before !== undefined && !Number.isNaN(increase))
        this.#increases[at] = increase + increaseBetween(before, { last, increase });
    }
  }

  /** Rollups of one time become one: those of two schemas of which one replaced the other within the span. */
  #combine(): void {
    let to = 0;
    for (let from = 1; from < this.#times.length; from++) {
      const isSame = this.#times[from] === this.#times[to];
      const value = this.#values[from] ?? Number.NaN;
      const increase = this.#increases[from] ?? Number.NaN;
      const count = this.#counts[from] ?? 0;
      if (isSame) {
        const countBefore = this.#counts[to] ?? 0;
        this.#values[to] = combined(
          this.#use,
          { value: this.#values[to] ?? Number.NaN, count: countBefore },
          { value, count },
        );
        this.#counts[to] = countBefore + count;
        this.#increases[to] = (this.#increases[to] ?? 0) + increase;
        continue;
      }
      to++;
      this.#times[to] = this.#times[from] ?? 0;
      this.#values[to] = value;
      this.#increases[to] = increase;
      this.#counts[to] = count;
    }
    const length = Math.min(to + 1, this.#times.length);
    for (const list of [this.#times, this.#values, this.#increases, this.#counts]) list.length = length;
  }

  /**
   * A counter that only rises. Its last value is as it was, so that samples which follow go on from there; the first ones
   * may be below zero.
   */
  #withoutResets(): Float64Array {
    const values = Float64Array.from(this.#values);
    for (let at = values.length - 1; at > 0; at--) {
      const increase = this.#increases[at] ?? Number.NaN;
      if (!Number.isNaN(increase)) values[at - 1] = (values[at] ?? 0) - increase;
    }
    return values;
  }
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
