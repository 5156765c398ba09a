/**
 * Puts samples of blocks together as series, and finds where series ended: an agent sends no stale markers, so they
 * follow from its blocks. A series that was present in a sampler's block, and is absent in the sampler's next successful
 * block, or missing from the schema of it, ended at the time of that block. A block of a sampler that failed says
 * nothing. Only what is in the range read counts: no marker is made for a series that ended without a sample in it.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import type { Labels } from '../../labels.ts';
import { tooManySamples } from '../../limits.ts';
import { STATE, type Block } from '../blocks/block.ts';
import { GrowingSeries } from './growing-series.ts';
import { joined } from '../recent/joined-times.ts';
import { blocksOf, type ReadingRun } from '../recent/readings.ts';

/** Series that are told apart one by one when their labels have the same number: hosts could choose labels of which many have. */
const SAME_HASH_MAX = 8;

/** The series of a read while it grows. */
export class SeriesCollector {
  readonly #samplesMax: number;
  readonly #all: GrowingSeries[] = [];
  /** The first series of each number; others with the same number follow as `next`. */
  readonly #byHash = new Map<number, GrowingSeries>();
  /** Series for which there are too many with the same number already. */
  readonly #byKey = new Map<string, GrowingSeries>();
  #count = 0;

  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
  }

  /** The series with these labels; sources with equal labels share one. */
  series(labels: Labels): GrowingSeries {
    const code = labels.hashCode;
    const first = this.#byHash.get(code);
    let last = first;
    let length = 0;
    for (let series = first; series !== undefined; series = series.next, length++) {
      if (series.labels.equals(labels)) return series;
      last = series;
    }
    if (length >= SAME_HASH_MAX) return this.#keyed(labels);
    const series = this.#added(labels);
    if (last === undefined) this.#byHash.set(code, series);
    else last.next = series;
    return series;
  }

  #keyed(labels: Labels): GrowingSeries {
    let series = this.#byKey.get(labels.key);
    if (series === undefined) this.#byKey.set(labels.key, (series = this.#added(labels)));
    return series;
  }

  #added(labels: Labels): GrowingSeries {
    const series = new GrowingSeries(labels);
    this.#all.push(series);
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
    for (const series of this.#all) if (!series.isEmpty) yield series;
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
      else if (isNext && this.#hasDerivedEnds && this.#isLive(series))
        this.#push(series, timeMs, Number.NaN, true);
    }
    this.#lastMs = Math.max(this.#lastMs, timeMs);
  }

  /**
   * Adds readings in order of time, which is much cheaper than block by block.
   * @throws AppError QUERY_LIMIT
   */
  addRuns(runs: readonly ReadingRun[]): void {
    let at = 0;
    for (let run = runs[0]; run !== undefined; run = runs[at]) {
      const end = this.#endOfFull(runs, at);
      if (end === at) this.#addRun(run);
      else this.#addFull(run.schema, runs.slice(at, end));
      at = Math.max(end, at + 1);
    }
  }

  /** Behind the last of the runs from `at` on that are of one schema, without gaps, and after what was added before. */
  #endOfFull(runs: readonly ReadingRun[], at: number): number {
    let lastMs = this.#lastMs;
    let end = at;
    for (const { schema, states, timesMs } of runs.slice(at)) {
      const isNext = (timesMs[0] ?? Number.NEGATIVE_INFINITY) > lastMs;
      if (schema !== runs[at]?.schema || states !== undefined || !isNext) break;
      lastMs = timesMs.at(-1) ?? lastMs;
      end++;
    }
    return end;
  }

  /** Adds runs where every series has every value: all of them share their times, and one array holds their values. */
  #addFull(schema: Schema, runs: readonly ReadingRun[]): void {
    const parts = runs.map(({ timesMs }) => timesMs);
    const times = parts.length === 1 && parts[0] !== undefined ? parts[0] : joined(parts);
    const columns = this.startRows(schema, times);
    this.#collector.count(times.length * columns.length);
    const room = new Float64Array(times.length * columns.length);
    let from = 0;
    for (const { index, series } of columns) {
      let to = from;
      for (const run of runs) {
        run.copySeries(index, room, to);
        to += run.timesMs.length;
      }
      this.#pushAll(series, times, room.subarray(from, to));
      from = to;
    }
  }

  /**
   * Adds the newest sample of each series that is in one of the runs, for a timeline without derived ends. Two samples
   * of a series at one time are not stored; if they were, the one written later would count here, and the earlier one where all
   * are added.
   * @param runs in order of time
   * @throws AppError QUERY_LIMIT
   */
  addNewest(runs: readonly ReadingRun[]): void {
    const found = new Set<GrowingSeries>();
    for (const run of runs.toReversed()) {
      const { schema, timesMs, states } = run;
      const timesOfRows: Float64Array[] = [];
      for (const { index, series } of this.columnsOf(schema)) {
        if (found.has(series)) continue;
        let row = timesMs.length - 1;
        let at = row * schema.seriesCount + index;
        for (; row >= 0 && states?.[at] === STATE.ABSENT; row--) at -= schema.seriesCount;
        if (row < 0) continue;
        found.add(series);
        if (states?.[at] === STATE.STALE) this.#push(series, timesMs[row] ?? 0, Number.NaN, true);
        else
          this.#pushOne(series, (timesOfRows[row] ??= timesMs.slice(row, row + 1)), run.valueAt(index, row));
      }
    }
  }

  #addRun(run: ReadingRun): void {
    const { schema, timesMs, states } = run;
    // What overlaps with rows before says nothing about ends. Where none are derived, rows in another order do no harm.
    if (this.#hasDerivedEnds && (timesMs[0] ?? 0) <= this.#lastMs) {
      for (const block of blocksOf(run)) this.add(block);
      return;
    }
    if (states === undefined) {
      this.#addFull(schema, [run]);
      return;
    }
    const values = new Float64Array(timesMs.length);
    const ofColumn = new Uint8Array(timesMs.length);
    const kept = new KeptRows(timesMs.length);
    for (const { index, series } of this.startRows(schema, timesMs)) {
      run.copySeries(index, values);
      for (let row = 0, at = index; row < ofColumn.length; row++, at += schema.seriesCount)
        ofColumn[row] = states[at] ?? STATE.ABSENT;
      const isPlain =
        !ofColumn.includes(STATE.STALE) && !(this.#hasDerivedEnds && ofColumn.includes(STATE.ABSENT));
      if (!isPlain) {
        this.addColumn(series, { values, states: ofColumn });
        continue;
      }
      const found = kept.of(timesMs, values, ofColumn);
      this.#collector.count(found.timesMs.length);
      this.#pushAll(series, found.timesMs, found.values);
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
      this.#pushAll(series, timesMs, values);
      return;
    }
    for (let row = 0; row < timesMs.length; row++) {
      const state = states[row];
      const timeMs = timesMs[row] ?? 0;
      if (state === STATE.PRESENT) this.#push(series, timeMs, values[row] ?? Number.NaN, false);
      else if (state === STATE.STALE || (this.#hasDerivedEnds && this.#isLive(series)))
        this.#push(series, timeMs, Number.NaN, true);
    }
  }

  /** Ends the series of the schema before that the new one does not have. */
  #endMissing(columns: readonly Column[], timeMs: number): void {
    if (!this.#hasDerivedEnds || this.#current.length === 0) return;
    const kept = new Set(columns.map(({ series }) => series));
    for (const { series } of this.#current) {
      if (this.#isLive(series) && !kept.has(series)) this.#push(series, timeMs, Number.NaN, true);
    }
  }

  /** Whether the last sample was a value, and of this timeline. */
  #isLive(series: GrowingSeries): boolean {
    return series.isLive && series.source === this;
  }

  #pushAll(series: GrowingSeries, timesMs: Float64Array, values: Float64Array): void {
    series.source = this;
    series.pushAll(timesMs, values);
  }

  #pushOne(series: GrowingSeries, timesMs: Float64Array, value: number): void {
    this.#collector.count();
    series.source = this;
    series.pushOne(timesMs, value);
  }

  #push(series: GrowingSeries, timeMs: number, value: number, isStale: boolean): void {
    this.#collector.count();
    series.source = this;
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

/** What is left of columns without the rows that a series is not in; what one rule records has the same rows. */
class KeptRows {
  readonly #times: Float64Array;
  readonly #values: Float64Array;
  #newest: Float64Array = new Float64Array(0);

  constructor(rowsMax: number) {
    this.#times = new Float64Array(rowsMax);
    this.#values = new Float64Array(rowsMax);
  }

  /** @returns arrays of its own; the times are those of the call before when they are equal */
  of(
    timesMs: Float64Array,
    values: Float64Array,
    states: Uint8Array,
  ): { readonly timesMs: Float64Array; readonly values: Float64Array } {
    let length = 0;
    let isSame = true;
    for (let row = 0; row < states.length; row++) {
      if (states[row] !== STATE.PRESENT) continue;
      const timeMs = timesMs[row] ?? Number.NaN;
      if (this.#newest[length] !== timeMs) isSame = false;
      this.#times[length] = timeMs;
      this.#values[length++] = values[row] ?? Number.NaN;
    }
    if (!isSame || this.#newest.length !== length) this.#newest = this.#times.slice(0, length);
    return { timesMs: this.#newest, values: this.#values.slice(0, length) };
  }
}
