/**
 * Samples on their way into the store. What rules record of ten thousand hosts comes ten thousand at a time and waits for its
 * turn there; as objects, four for each sample, it would live for just so long that the engine takes it for something to keep.
 */
import type { Labels } from './labels.ts';

/** Samples of one series to be stored. */
export interface SeriesSamples {
  readonly labels: Labels;
  readonly samples: readonly {
    /** UTC milliseconds. */
    readonly timeMs: number;
    readonly value: number;
    /** A stale marker; `value` is then ignored. */
    readonly isStale?: boolean;
  }[];
}

/** Series to be stored: a list, or something that makes a part of one when it is asked for. */
export interface SeriesBatch {
  readonly length: number;
  /** Those from one place to before another, counted from 0; all when left out. */
  slice(start?: number, end?: number): readonly SeriesSamples[];
}

/** The samples that many series have at one time, in columns. */
export class MomentBatch implements SeriesBatch {
  readonly #timeMs: number;
  readonly #labels: Labels[] = [];
  readonly #values: number[] = [];
  /** From here on series end: their samples are stale markers. */
  #endsFrom = Number.POSITIVE_INFINITY;

  /** @param timeMs of all samples, UTC milliseconds */
  constructor(timeMs: number) {
    this.#timeMs = timeMs;
  }

  get length(): number {
    return this.#labels.length;
  }

  /** Before the first `addEnd`. */
  add(labels: Labels, value: number): void {
    this.#labels.push(labels);
    this.#values.push(value);
  }

  /** A series that has no value from this time on. */
  addEnd(labels: Labels): void {
    this.#endsFrom = Math.min(this.#endsFrom, this.#labels.length);
    this.#labels.push(labels);
  }

  slice(start = 0, end = this.length): SeriesSamples[] {
    const timeMs = this.#timeMs;
    return this.#labels.slice(start, end).map((labels, offset) => {
      const isStale = start + offset >= this.#endsFrom;
      const sample = isStale
        ? { timeMs, value: Number.NaN, isStale }
        : { timeMs, value: this.#values[start + offset] ?? Number.NaN };
      return { labels, samples: [sample] };
    });
  }
}
