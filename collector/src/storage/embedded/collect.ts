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
import { blocksOf, type ReadingRun } from './readings.ts';
import type { RollupUse } from './resolution.ts';
import { RolledSeries, type RolledPoints } from './rolled-series.ts';

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
  readonly values: Float64Array;
  /** STATE per row; undefined when all are present. */
  readonly states: Uint8Array | undefined;
}

/** Samples of a series that came at once; the arrays are never changed, and series of one sampler share their times. */
interface Part {
  readonly timesMs: Float64Array<ArrayBuffer>;
  readonly values: Float64Array<ArrayBuffer>;
}

const NO_NUMBERS = new Float64Array(0);
/** What a series has room for once it has more than its first samples. */
const GROWN_LENGTH_MIN = 32;

export class GrowingSeries {
  readonly labels: Labels;
  /** The last sample of the source that adds at the moment was a value. */
  isLive = false;
  #parts: Part[] = [];
  /** Samples in all parts. */
  #partsLength = 0;
  /** What came one by one after the parts. */
  #timestamps = NO_NUMBERS;
  #values = NO_NUMBERS;
  #length = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Positions of stale markers, counted from the first sample of all, once there are any. */
  #stale: Set<number> | undefined;
  #isRising = true;
  #rolled: RolledSeries | undefined;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  get isEmpty(): boolean {
    return this.#partsLength + this.#length === 0 && this.#rolled === undefined;
  }

  /** What older time has of it as rollups; the samples come after them. */
  rolled(use: RollupUse): RolledSeries {
    this.#rolled ??= new RolledSeries(use);
    return this.#rolled;
  }

  push(timeMs: number, value: number, isStale: boolean): void {
    this.isLive = !isStale;
    const at = this.#length;
    this.#noteOrder(timeMs);
    if (at === this.#timestamps.length) this.#grow(1);
    if (isStale) (this.#stale ??= new Set()).add(this.#partsLength + at);
    this.#timestamps[at] = timeMs;
    this.#values[at] = isStale ? Number.NaN : value;
    this.#length++;
    this.#lastMs = timeMs;
  }

  /** Adds values of rising times, all present, at once. The arrays are kept, and are not to be changed afterwards. */
  pushAll(timesMs: Float64Array<ArrayBuffer>, values: Float64Array<ArrayBuffer>): void {
    const [firstMs] = timesMs;
    if (firstMs === undefined) return;
    this.isLive = true;
    this.#noteOrder(firstMs);
    this.#closeTail();
    this.#addPart({ timesMs, values });
    this.#lastMs = timesMs.at(-1) ?? firstMs;
  }

  /** Makes room for so many samples that will follow. */
  reserve(count: number): void {
    const length = this.#length + count;
    if (length <= this.#timestamps.length) return;
    this.#timestamps = enlarged(this.#timestamps, length);
    this.#values = enlarged(this.#values, length);
  }

  /** Adds one column of rows, all present, with rising times. */
  pushColumn({ schema: { seriesCount }, timesMs, values }: ReadingRun, index: number): void {
    const [firstMs] = timesMs;
    if (firstMs === undefined) return;
    this.isLive = true;
    this.#noteOrder(firstMs);
    const start = this.#length;
    if (start + timesMs.length > this.#timestamps.length) this.#grow(timesMs.length);
    this.#timestamps.set(timesMs, start);
    const own = this.#values;
    for (let row = 0, at = index; row < timesMs.length; row++, at += seriesCount)
      own[start + row] = values[at] ?? Number.NaN;
    this.#length += timesMs.length;
    this.#lastMs = timesMs.at(-1) ?? firstMs;
  }

  /**
   * The series with rising timestamps. Of samples of one time the first value counts; a value beats a stale marker.
   * @param times puts times together for all series of a read
   */
  finish(times: JoinedTimes): Series {
    this.#closeTail();
    const [first] = this.#parts;
    const isOne = this.#parts.length === 1 && first !== undefined;
    const timestamps = isOne ? first.timesMs : times.of(this.#parts.map(({ timesMs }) => timesMs));
    const values = isOne ? first.values : joined(this.#parts.map((part) => part.values));
    const stale = this.#stale === undefined ? undefined : new Uint8Array(values.length);
    for (const at of this.#stale ?? []) if (stale !== undefined) stale[at] = 1;
    const found = { labels: this.labels, timestamps, values, stale };
    if (this.#rolled !== undefined) return behindRollups(this.#rolled.finish(), found, times);
    return this.#isRising ? found : inOrder(found, times);
  }

  #noteOrder(timeMs: number): void {
    if (timeMs <= this.#lastMs) this.#isRising = false;
  }

  #addPart(part: Part): void {
    this.#parts.push(part);
    this.#partsLength += part.timesMs.length;
  }

  /** Makes a part of what came one by one. */
  #closeTail(): void {
    const length = this.#length;
    if (length === 0) return;
    this.#addPart({ timesMs: exactly(this.#timestamps, length), values: exactly(this.#values, length) });
    this.#timestamps = NO_NUMBERS;
    this.#values = NO_NUMBERS;
    this.#length = 0;
  }

  #grow(count: number): void {
    // Exactly as much at first: most series have one sample, or come as one column. Then in large steps, because many
    // small arrays cost more than the room that is left over.
    const length = this.#length;
    const capacity = length === 0 ? count : Math.max(GROWN_LENGTH_MIN, length * 2, length + count);
    this.#timestamps = enlarged(this.#timestamps, capacity);
    this.#values = enlarged(this.#values, capacity);
  }
}

/** Times of parts as one array; series with the same parts get the same array. */
export class JoinedTimes {
  /** By the last of the parts. */
  readonly #known = new Map<
    Float64Array,
    { readonly parts: readonly Float64Array[]; readonly all: Float64Array<ArrayBuffer> }
  >();

  of(parts: readonly Float64Array[]): Float64Array<ArrayBuffer> {
    const last = parts.at(-1);
    if (last === undefined) return new Float64Array(0);
    const known = this.#known.get(last);
    if (known?.parts.length === parts.length && parts.every((part, i) => part === known.parts[i]))
      return known.all;
    const all = joined(parts);
    this.#known.set(last, { parts, all });
    return all;
  }
}

function joined(parts: readonly Float64Array[]): Float64Array<ArrayBuffer> {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A series with what older time has of it as rollups in front. */
function behindRollups(
  { timesMs, values, counts }: RolledPoints,
  samples: Series,
  times: JoinedTimes,
): Series {
  const series = new GrowingSeries(samples.labels);
  series.pushAll(timesMs.slice(), values.slice());
  for (const [at, timeMs] of samples.timestamps.entries())
    series.push(timeMs, samples.values[at] ?? Number.NaN, samples.stale?.[at] === 1);
  const finished = series.finish(times);
  if (counts === undefined) return finished;
  return { ...finished, counts: countsAt(finished.timestamps, { timesMs, counts }) };
}

/** Sorts the samples of a series by time, and leaves one of each time. */
function inOrder({ labels, timestamps, values, stale }: Series, times: JoinedTimes): Series {
  const rank = (at: number): number => stale?.[at] ?? 0;
  const timeOf = (at: number): number => timestamps[at] ?? 0;
  const order = Array.from({ length: timestamps.length }, (_, at) => at).sort(
    (a, b) => timeOf(a) - timeOf(b) || rank(a) - rank(b) || a - b,
  );
  const series = new GrowingSeries(labels);
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const at of order) {
    const timeMs = timeOf(at);
    if (timeMs === lastMs) continue;
    series.push(timeMs, values[at] ?? Number.NaN, rank(at) === 1);
    lastMs = timeMs;
  }
  return series.finish(times);
}

/** How many samples the points at `timestamps` stand for: those of rollups for theirs, and one for every sample. */
function countsAt(
  timestamps: Float64Array,
  { timesMs, counts }: { readonly timesMs: Float64Array; readonly counts: Float64Array },
): Float64Array {
  let next = 0;
  return timestamps.map((timeMs) => (timesMs[next] === timeMs ? (counts[next++] ?? 1) : 1));
}

function exactly(array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  return array.length === length ? array : array.slice(0, length);
}

function enlarged(old: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const array = new Float64Array(capacity);
  array.set(old);
  return array;
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
  #rowTimes = new Float64Array(0);

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
    const { schema, timesMs, values, states } = run;
    if ((timesMs[0] ?? 0) <= this.#lastMs) {
      for (const block of blocksOf(run)) this.add(block);
      return;
    }
    const { seriesCount } = schema;
    for (const { index, series } of this.startRows(schema, timesMs)) {
      if (states === undefined) {
        this.#collector.count(timesMs.length);
        series.pushColumn(run, index);
        continue;
      }
      for (let row = 0, at = index; row < timesMs.length; row++, at += seriesCount) {
        const state = states[at];
        if (state === STATE.PRESENT) this.#push(series, timesMs[row] ?? 0, values[at] ?? Number.NaN, false);
        else if (state === STATE.STALE || (this.#hasDerivedEnds && series.isLive))
          this.#push(series, timesMs[row] ?? 0, Number.NaN, true);
      }
    }
  }

  /**
   * Begins with rows of a schema that are all after what was added before; `addColumn` brings them, series by series.
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
    this.#rowTimes = timesMs.slice();
    return columns;
  }

  /**
   * The values of a series in the rows that were begun with; they are copied.
   * @throws AppError QUERY_LIMIT
   */
  addColumn(series: GrowingSeries, { values, states }: Rows): void {
    const timesMs = this.#rowTimes;
    if (states === undefined) {
      this.#collector.count(timesMs.length);
      series.pushAll(timesMs, values.slice());
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
