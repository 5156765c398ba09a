/**
 * Puts samples of blocks together as series, and finds where series ended: an agent sends no stale markers, so they
 * follow from its blocks. A series that was present in a sampler's block, and is absent in the sampler's next successful
 * block, or missing from the schema of it, ended at the time of that block. A block of a sampler that failed says
 * nothing. Only what is in the range read counts: no marker is made for a series that ended without a sample in it.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import type { Labels } from '../labels.ts';
import { tooManySamples } from '../limits.ts';
import type { Series } from '../storage.ts';
import { STATE, type Block } from './block.ts';

/** The series of a read while it grows. */
export class SeriesCollector {
  readonly #samplesMax: number;
  readonly #byKey = new Map<string, GrowingSeries>();
  #count = 0;

  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
  }

  /** The series with these labels; sources with equal labels share one. */
  series(labels: Labels): GrowingSeries {
    let series = this.#byKey.get(labels.key);
    if (series === undefined) {
      series = new GrowingSeries(labels);
      this.#byKey.set(labels.key, series);
    }
    return series;
  }

  /**
   * Counts a sample.
   * @throws AppError QUERY_LIMIT
   */
  count(): void {
    this.#count++;
    if (this.#count > this.#samplesMax) throw tooManySamples(this.#samplesMax);
  }

  /** Series with samples, in no order. */
  *grown(): Iterable<GrowingSeries> {
    for (const series of this.#byKey.values()) if (!series.isEmpty) yield series;
  }
}

export class GrowingSeries {
  readonly labels: Labels;
  /** The last sample of the source that adds at the moment was a value. */
  isLive = false;
  readonly #timestamps: number[] = [];
  readonly #values: number[] = [];
  /** Positions of stale markers. */
  readonly #stale = new Set<number>();
  #isRising = true;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  get isEmpty(): boolean {
    return this.#timestamps.length === 0;
  }

  push(timeMs: number, value: number, isStale: boolean): void {
    this.isLive = !isStale;
    const last = this.#timestamps.length - 1;
    const lastMs = this.#timestamps[last];
    if (lastMs !== undefined && timeMs <= lastMs) this.#isRising = false;
    if (isStale) this.#stale.add(last + 1);
    this.#timestamps.push(timeMs);
    this.#values.push(isStale ? Number.NaN : value);
  }

  /** The series with rising timestamps. Of samples of one time the first value counts; a value beats a stale marker. */
  finish(): Series {
    if (this.#isRising) {
      const { length } = this.#timestamps;
      const stale = this.#stale.size === 0 ? undefined : new Uint8Array(length);
      for (const at of this.#stale) if (stale !== undefined) stale[at] = 1;
      return {
        labels: this.labels,
        timestamps: Float64Array.from(this.#timestamps),
        values: Float64Array.from(this.#values),
        stale,
      };
    }
    return this.#sorted().finish();
  }

  #sorted(): GrowingSeries {
    const rank = (at: number): number => (this.#stale.has(at) ? 1 : 0);
    const timeOf = (at: number): number => this.#timestamps[at] ?? 0;
    const order = this.#timestamps
      .map((_, at) => at)
      .sort((a, b) => timeOf(a) - timeOf(b) || rank(a) - rank(b) || a - b);
    const series = new GrowingSeries(this.labels);
    let lastMs = Number.NEGATIVE_INFINITY;
    for (const at of order) {
      const timeMs = timeOf(at);
      if (timeMs === lastMs) continue;
      series.push(timeMs, this.#values[at] ?? Number.NaN, this.#stale.has(at));
      lastMs = timeMs;
    }
    return series;
  }
}

/** A wanted series of a schema. */
export interface Column {
  readonly index: number;
  readonly series: GrowingSeries;
}

/** The blocks of one sampler of one host on their way into series; fed in order of time. */
export class SamplerTimeline {
  readonly #collector: SeriesCollector;
  readonly #columnsOf: (schema: Schema) => readonly Column[];
  readonly #hasDerivedEnds: boolean;
  readonly #columns = new Map<Schema, readonly Column[]>();
  #current: readonly Column[] = [];
  #lastMs = Number.NEGATIVE_INFINITY;

  /**
   * @param options.columnsOf the wanted series of a schema of this sampler
   * @param options.hasDerivedEnds false for the collector's own blocks, which hold only some series of their schema
   */
  constructor(options: {
    readonly collector: SeriesCollector;
    readonly columnsOf: (schema: Schema) => readonly Column[];
    readonly hasDerivedEnds: boolean;
  }) {
    this.#collector = options.collector;
    this.#columnsOf = options.columnsOf;
    this.#hasDerivedEnds = options.hasDerivedEnds;
  }

  /** @throws AppError QUERY_LIMIT */
  add(block: Block): void {
    const { timeMs, values, states, schema } = block;
    // Blocks of an epoch that overlaps an older one add values, but say nothing about what came before.
    const isNext = timeMs > this.#lastMs;
    const columns = this.#columnsFor(schema);
    if (columns !== this.#current) {
      if (isNext) this.#endMissing(columns, timeMs);
      this.#current = columns;
    }
    for (const { index, series } of columns) {
      const state = states === undefined ? STATE.PRESENT : (states[index] ?? STATE.ABSENT);
      if (state === STATE.PRESENT) this.#push(series, timeMs, values[index] ?? Number.NaN, false);
      else if (state === STATE.STALE) this.#push(series, timeMs, Number.NaN, true);
      else if (isNext && this.#hasDerivedEnds && series.isLive) this.#push(series, timeMs, Number.NaN, true);
    }
    this.#lastMs = Math.max(this.#lastMs, timeMs);
  }

  /** Ends the series of the schema before that the new one does not have. */
  #endMissing(columns: readonly Column[], timeMs: number): void {
    if (!this.#hasDerivedEnds || this.#current.length === 0) return;
    const kept = new Set(columns.map(({ series }) => series));
    for (const { series } of this.#current) {
      if (series.isLive && !kept.has(series)) this.#push(series, timeMs, Number.NaN, true);
    }
  }

  #push(series: GrowingSeries, timeMs: number, value: number, isStale: boolean): void {
    this.#collector.count();
    series.push(timeMs, value, isStale);
  }

  #columnsFor(schema: Schema): readonly Column[] {
    let columns = this.#columns.get(schema);
    if (columns === undefined) {
      columns = this.#columnsOf(schema);
      this.#columns.set(schema, columns);
    }
    return columns;
  }
}
