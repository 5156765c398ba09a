/**
 * Puts samples of blocks together as series, and finds where series ended: an agent sends no stale markers, so they
 * follow from its blocks. A series that was present in a sampler's block, and is absent in the sampler's next successful
 * block, or missing from the schema of it, ended at the time of that block. A block of a sampler that failed says
 * nothing. Only what is in the range read counts: no marker is made for a series that ended without a sample in it.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import type { Labels } from '../labels.ts';
import { tooManySamples } from '../limits.ts';
import { STATE, type Block } from './block.ts';
import { GrowingSeries } from './growing-series.ts';
import { blocksOf, type ReadingRun } from './readings.ts';

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
   * Counts samples.
   * @throws AppError QUERY_LIMIT
   */
  count(samples = 1): void {
    this.#count += samples;
    if (this.#count > this.#samplesMax) throw tooManySamples(this.#samplesMax);
  }

  /** Series with samples, in no order. */
  *grown(): Iterable<GrowingSeries> {
    for (const series of this.#byKey.values()) if (!series.isEmpty) yield series;
  }
}

/** Rows of columns: what a block file has of one schema of a host, or a piece of it. */
export interface Rows {
  /** Never changed; a view of a longer array is welcome. */
  readonly values: Float64Array;
  /** STATE per row; undefined when all are present. */
  readonly states: Uint8Array | undefined;
}

/** A wanted series of a schema. */
export interface Column {
  readonly index: number;
  readonly series: GrowingSeries;
}

/** The blocks of one sampler of one host on their way into series; fed in order of time. */
export class SamplerTimeline {
  readonly #collector: SeriesCollector;
  readonly #makeColumns: (schema: Schema) => readonly Column[];
  readonly #hasDerivedEnds: boolean;
  readonly #columns = new Map<Schema, readonly Column[]>();
  #current: readonly Column[] = [];
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Of the rows that were begun with; all series that they are in share it. */
  #rowTimes: Float64Array = new Float64Array(0);

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
    this.#makeColumns = options.columnsOf;
    this.#hasDerivedEnds = options.hasDerivedEnds;
  }

  /** @throws AppError QUERY_LIMIT */
  add(block: Block): void {
    const { timeMs, values, states, schema } = block;
    // Blocks of an epoch that overlaps an older one add values, but say nothing about what came before.
    const isNext = timeMs > this.#lastMs;
    const columns = this.columnsOf(schema);
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

  /**
   * Adds readings in order of time, which is much cheaper than block by block.
   * @throws AppError QUERY_LIMIT
   */
  addRuns(runs: readonly ReadingRun[]): void {
    let rowsLeft = 0;
    for (const { timesMs } of runs) rowsLeft += timesMs.length;
    for (const run of runs) {
      // Nearly always all of them are of one schema.
      if (this.columnsOf(run.schema) !== this.#current)
        for (const { series } of this.columnsOf(run.schema)) series.reserve(rowsLeft);
      this.#addRun(run);
      rowsLeft -= run.timesMs.length;
    }
  }

  #addRun(run: ReadingRun): void {
    const { schema, timesMs, states } = run;
    if ((timesMs[0] ?? 0) <= this.#lastMs) {
      for (const block of blocksOf(run)) this.add(block);
      return;
    }
    const { seriesCount } = schema;
    const values = new Float64Array(states === undefined ? 0 : timesMs.length);
    for (const { index, series } of this.startRows(schema, timesMs)) {
      if (states === undefined) {
        this.#collector.count(timesMs.length);
        series.pushColumn(run, index);
        continue;
      }
      run.copySeries(index, values);
      for (let row = 0, at = index; row < timesMs.length; row++, at += seriesCount) {
        const state = states[at];
        if (state === STATE.PRESENT) this.#push(series, timesMs[row] ?? 0, values[row] ?? Number.NaN, false);
        else if (state === STATE.STALE || (this.#hasDerivedEnds && series.isLive))
          this.#push(series, timesMs[row] ?? 0, Number.NaN, true);
      }
    }
  }

  /**
   * Begins with rows of a schema that are all after what was added before; `addColumn` brings them, series by series.
   * @param timesMs of the rows, rising; kept when `addColumn` follows, and not to be changed then
   * @returns the wanted series
   */
  startRows(schema: Schema, timesMs: Float64Array): readonly Column[] {
    const [firstMs] = timesMs;
    if (firstMs === undefined) return [];
    const columns = this.columnsOf(schema);
    if (columns !== this.#current) {
      this.#endMissing(columns, firstMs);
      this.#current = columns;
    }
    this.#lastMs = Math.max(this.#lastMs, timesMs.at(-1) ?? firstMs);
    this.#rowTimes = timesMs;
    return columns;
  }

  /**
   * The values of a series in the rows that were begun with; the arrays are kept, and not to be changed.
   * @throws AppError QUERY_LIMIT
   */
  addColumn(series: GrowingSeries, { values, states }: Rows): void {
    const timesMs = this.#rowTimes;
    if (states === undefined) {
      this.#collector.count(timesMs.length);
      series.pushAll(timesMs, values);
      return;
    }
    for (let row = 0; row < timesMs.length; row++) {
      const state = states[row];
      const timeMs = timesMs[row] ?? 0;
      if (state === STATE.PRESENT) this.#push(series, timeMs, values[row] ?? Number.NaN, false);
      else if (state === STATE.STALE || (this.#hasDerivedEnds && series.isLive))
        this.#push(series, timeMs, Number.NaN, true);
    }
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

  /** The wanted series of a schema. */
  columnsOf(schema: Schema): readonly Column[] {
    let columns = this.#columns.get(schema);
    if (columns === undefined) {
      columns = this.#makeColumns(schema);
      this.#columns.set(schema, columns);
    }
    return columns;
  }
}
