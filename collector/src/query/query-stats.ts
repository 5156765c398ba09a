/** What a query cost, for whoever asks with `stats`, in the words of Prometheus' API. */
import { timeAt } from './evaluate/columns.ts';
import type { Column, Grid } from './evaluate/columns.ts';
import type { Pacer } from './evaluate/evaluation.ts';
import { secondsOf } from './encode/format.ts';
import type { RangeVector } from './evaluate/selectors.ts';

/** How much is told: sums, or also the samples of each step. */
export type StatsDetail = 'sums' | 'steps';

/** Times are milliseconds. */
export interface QueryStats {
  /** Waiting for a turn. */
  readonly queueMs: number;
  /** Reading and evaluating. */
  readonly evaluationMs: number;
  /** Samples that its steps looked at; see `StepSamples`. */
  readonly samples: number;
  /** The most that it had in memory at once, in samples. */
  readonly samplesPeak: number;
  /** Only where the steps were asked for. */
  readonly steps?: readonly StepSample[];
}

/** Unix seconds of a step, and samples that it looked at. */
export type StepSample = readonly [seconds: number, samples: number];

/**
 * Counts the samples that the steps of a query look at, each as often as a step does: a window of five minutes that moves by
 * one looks at most of its samples five times. What subqueries read for themselves does not count, their values do.
 * Source: Prometheus, util/stats/query_stats.go.
 */
export class StepSamples {
  readonly #grid: Grid;
  readonly #counts: Float64Array;

  /** `grid` has the steps of the query. */
  constructor(grid: Grid) {
    this.#grid = grid;
    this.#counts = new Float64Array(grid.count);
  }

  /** The newest samples that a selector found. */
  async addColumns(columns: readonly Column[], grid: Grid, pacer: Pacer): Promise<void> {
    if (grid.isInner === true) return;
    for (const { present } of columns) {
      for (let i = 0; i < grid.count; i++) if (present[i] === 1) this.#add(i, 1, grid);
      if (pacer.spend(grid.count)) await pacer.pause();
    }
  }

  /** The samples in the windows of a range vector. */
  async addWindows({ series, rangeMs, windowEndsMs }: RangeVector, grid: Grid, pacer: Pacer): Promise<void> {
    if (grid.isInner === true) return;
    for (const { timestamps } of series) {
      let [from, to] = [0, 0];
      for (const [i, endMs] of windowEndsMs.entries()) {
        while (to < timestamps.length && (timestamps[to] ?? NaN) <= endMs) to++;
        while (from < to && (timestamps[from] ?? NaN) <= endMs - rangeMs) from++;
        this.#add(i, to - from, grid);
      }
      if (pacer.spend(timestamps.length + grid.count)) await pacer.pause();
    }
  }

  /** What is evaluated once for all steps is looked at by each of them. */
  #add(step: number, count: number, { count: steps }: Grid): void {
    if (steps === 1)
      for (let i = 0; i < this.#counts.length; i++) this.#counts[i] = (this.#counts[i] ?? 0) + count;
    else this.#counts[step] = (this.#counts[step] ?? 0) + count;
  }

  get total(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  steps(): readonly StepSample[] {
    return Array.from(this.#counts, (count, i) => [timeAt(this.#grid, i) / 1000, count]);
  }
}

/** `stats` of an answer. Prometheus also tells how long it sorted and prepared, which are no steps of their own here. */
export function statsJson({ queueMs, evaluationMs, samples, samplesPeak, steps }: QueryStats): string {
  return JSON.stringify({
    timings: {
      evalTotalTime: secondsOf(evaluationMs),
      execQueueTime: secondsOf(queueMs),
      execTotalTime: secondsOf(queueMs + evaluationMs),
    },
    samples: {
      totalQueryableSamplesPerStep: steps,
      totalQueryableSamples: samples,
      peakSamples: samplesPeak,
    },
  });
}
