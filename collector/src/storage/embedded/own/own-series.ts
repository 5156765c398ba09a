/**
 * Writes what the collector itself stores through the journal, in a lane of its own: the same records and schemas as
 * agents send, but with complete label sets. Each series has a place in a schema; a record holds the values of one
 * time. After a restart, or when the places are used up, the lane starts anew under a fresh epoch.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { decodeRecord, encodeRecord, RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { encodeSamples, type ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import { encodeSchemaBody, type HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { COLLECTOR_AGENT_ID, type Journal, type JournalSession } from '../../../journal/journal.ts';
import { OWN_SAMPLER } from '../../../journal/schema-cache.ts';
import type { Labels } from '../../labels.ts';
import type { SeriesBatch } from '../../moment-batch.ts';
import type { AppendResult, AppendSample, AppendSeries, RejectReason } from '../../storage.ts';
import { ownCode } from '../blocks/block.ts';
import { EMBEDDED_LIMITS } from '../limits.ts';
import { isStorable, packSchemas } from './own-schemas.ts';
import { OwnSeriesTable } from './own-table.ts';

/** Times that a record can carry. */
const TIME_MS_MAX = 2 ** 48 - 1;
/** The format ends at 65,535; the batch that passes this one still fits. */
const SCHEMA_NUMBERS_MAX = 50_000;

/** The newest sample of a series. */
export interface LastSample {
  readonly timeMs: number;
  readonly value: number;
  readonly isStale: boolean;
}

/**
 * Samples on their way into the lane, in columns: a rule over ten thousand hosts brings as many at once, and as objects they
 * live for just so long that the engine takes them for something to keep.
 */
class Points {
  /** Of their series in the table of the lane. */
  readonly rows: number[] = [];
  readonly labels: Labels[] = [];
  readonly timesMs: number[] = [];
  readonly values: number[] = [];
  readonly stale: boolean[] = [];

  get size(): number {
    return this.rows.length;
  }

  add(row: number, labels: Labels, { timeMs, value, isStale = false }: AppendSample): void {
    this.rows.push(row);
    this.labels.push(labels);
    this.timesMs.push(timeMs);
    this.values.push(value);
    this.stale.push(isStale);
  }

  /** Indices of points by their times, oldest first. */
  byTime(): readonly (readonly [timeMs: number, indices: readonly number[]])[] {
    return [...indicesBy(this.timesMs)].sort(([left], [right]) => left - right);
  }
}

interface OwnLane {
  readonly session: JournalSession;
  readonly epochId: string;
  readonly series: OwnSeriesTable;
  /** By their numbers. */
  readonly schemas: Map<number, HashedSchema>;
  nextSeq: number;
  nextNumber: number;
}

/** Work of a few milliseconds: series looked up at once, and values written, between two turns of the event loop. */
const SERIES_PER_TURN = 500;
const VALUES_PER_TURN = 4_000;

export interface OwnSeriesOptions {
  readonly journal: Journal;
  readonly randomBytes: (count: number) => Buffer;
  /** Times of what was stored before are at most this. */
  readonly newestMs: number;
  /** The one object for a schema, so that it is in memory once. */
  readonly intern: (schema: HashedSchema) => HashedSchema;
  /** By the digest of its labels, the newest sample at or after the time of those of the series that have one among what is stored. */
  readonly findLast: (series: readonly Labels[], fromMs: number) => Promise<ReadonlyMap<string, LastSample>>;
  /** Resolves in a later turn of the event loop. */
  readonly yieldToLoop: () => Promise<void>;
}

export class OwnSeriesWriter {
  readonly #options: OwnSeriesOptions;
  #lane: OwnLane | undefined;
  /** A series without a place can have samples only up to here. */
  #newestMs: number;
  #waiting:
    | { readonly seq: number; readonly resolve: () => void; readonly reject: (error: Error) => void }
    | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: OwnSeriesOptions) {
    this.#options = options;
    this.#newestMs = options.newestMs;
  }

  /**
   * Stores a batch; batches are written one after another.
   * @throws AppError STORAGE_UNAVAILABLE (retryable): nothing of it was stored
   */
  append(batch: SeriesBatch): Promise<AppendResult> {
    const result = this.#queue.then(() => this.#append(batch));
    // The next batch does not suffer from this one's failure; its caller hears of it.
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Resolves when every batch so far has been settled. */
  async settled(): Promise<void> {
    await this.#queue;
  }

  close(): void {
    this.#lane?.session.close();
    this.#lane = undefined;
  }

  async #append(batch: SeriesBatch): Promise<AppendResult> {
    const lane = await this.#openLane();
    const points = new Points();
    let accepted = 0;
    const rejected: { labels: Labels; timeMs: number; reason: RejectReason }[] = [];
    try {
      for (let at = 0; at < batch.length; at += SERIES_PER_TURN) {
        const part = batch.slice(at, at + SERIES_PER_TURN);
        const known = part.map(({ labels }) => lane.series.row(labels.digest));
        const unknown = part.filter((_one, index) => known[index] === undefined);
        // Waiting for what is there already would cost more than all the rest.
        if (unknown.length > 0) await this.#addSeries(lane, unknown);
        for (const [index, { labels, samples }] of part.entries()) {
          const row = known[index] ?? lane.series.row(labels.digest);
          for (const sample of samples) {
            const verdict = row === undefined ? 'invalid_labels' : judge(lane.series, row, sample);
            if (verdict === 'same' || verdict === 'new') accepted++;
            else rejected.push({ labels, timeMs: sample.timeMs, reason: verdict });
            if (verdict !== 'new' || row === undefined) continue;
            lane.series.setLast(row, sample);
            points.add(row, labels, sample);
          }
        }
        if (part.length === SERIES_PER_TURN) await this.#options.yieldToLoop();
      }
      if (points.size > 0) await this.#write(lane, points);
    } catch (error) {
      // What the journal has of this lane is unknown now; a fresh one starts without doubt.
      this.#dropLane(lane);
      throw error;
    }
    return { accepted, rejected };
  }

  /** Begins with series that the lane does not know, but for those whose labels cannot be stored. */
  async #addSeries(lane: OwnLane, unknown: readonly AppendSeries[]): Promise<void> {
    // One without samples says nothing about when it is to be looked for, so it stays unknown.
    const storable = unknown.filter(({ labels, samples }) => samples.length > 0 && isStorable(labels));
    // Only a sample that is older than something stored before can be out of order.
    const late: Labels[] = [];
    let fromMs = Number.POSITIVE_INFINITY;
    for (const { labels, samples } of storable) {
      const oldestMs = samples.reduce(
        (least, { timeMs }) => Math.min(least, timeMs),
        Number.POSITIVE_INFINITY,
      );
      if (oldestMs <= this.#newestMs) {
        late.push(labels);
        fromMs = Math.min(fromMs, oldestMs);
      }
    }
    const lastOf = late.length === 0 ? undefined : await this.#options.findLast(late, fromMs);
    for (const { digest } of storable.map(({ labels }) => labels)) {
      // A batch may name a series twice.
      if (lane.series.row(digest) === undefined) lane.series.add(digest, lastOf?.get(digest));
    }
  }

  async #write(lane: OwnLane, points: Points): Promise<void> {
    await this.#place(lane, points);
    let values = 0;
    for (const [timeMs, indices] of points.byTime()) {
      for (const blocks of toBlocks(lane, points, indices)) {
        // Not after the last one: its commit must find that somebody waits for it.
        if (values >= VALUES_PER_TURN) {
          await this.#options.yieldToLoop();
          values = 0;
        }
        this.#apply(lane, RECORD_KIND.SAMPLES, timeMs, samplesBody(blocks));
        for (const block of blocks) values += block.values.length;
      }
    }
    await this.#durable(lane.nextSeq - 1);
    if (lane.series.size > EMBEDDED_LIMITS.ownSeriesMax || lane.nextNumber > SCHEMA_NUMBERS_MAX) {
      this.#dropLane(lane);
    }
  }

  /** Gives new series a place, and writes the schemas for it, each in a turn of its own. */
  async #place(lane: OwnLane, { rows, labels, timesMs }: Points): Promise<void> {
    const homeless = new Map<string, { readonly row: number; readonly labels: Labels }>();
    for (const [at, row] of rows.entries()) {
      const one = labels[at];
      if (one !== undefined && !lane.series.hasPlace(row)) homeless.set(one.digest, { row, labels: one });
    }
    const wallMs = Math.max(0, timesMs[0] ?? 0);
    const all = [...homeless.values()].map((one) => one.labels);
    for (const packed of packSchemas(all, () => `${OWN_SAMPLER}${lane.nextNumber++}`)) {
      const schema = this.#options.intern(packed.schema);
      const number = Number(schema.sampler.slice(OWN_SAMPLER.length));
      this.#apply(lane, RECORD_KIND.SCHEMA, wallMs, encodeSchemaBody(number, packed.schema));
      lane.schemas.set(number, schema);
      for (const [index, { digest }] of packed.labels.entries()) {
        const row = homeless.get(digest)?.row;
        if (row !== undefined) lane.series.setPlace(row, { number, index });
      }
      await this.#options.yieldToLoop();
    }
  }

  #apply(lane: OwnLane, kind: number, wallMs: number, body: Uint8Array): void {
    const bytes = encodeRecord({ kind, flags: 0, wallMs, bootMs: 0, body }, lane.nextSeq);
    const outcome = lane.session.apply(lane.epochId, decodeRecord(bytes, 0));
    lane.nextSeq++;
    if (outcome.kind === 'accepted') return;
    const text = outcome.kind === 'duplicate' ? 'the number was used before' : outcome.text;
    throw unavailable(`store own series: ${text}`);
  }

  #durable(seq: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { seq, resolve, reject };
    });
  }

  async #openLane(): Promise<OwnLane> {
    if (this.#lane !== undefined) return this.#lane;
    const epochId = this.#options.randomBytes(8).toString('hex');
    const epochs = [{ id: epochId, bootId: 'collector', first: 1, next: 1, acked: 0 }];
    const session = await this.#options.journal.openSession(
      { agentId: COLLECTOR_AGENT_ID, epochs },
      {
        committed: (_epochId, watermark) => {
          if (this.#waiting !== undefined && watermark >= this.#waiting.seq) this.#waiting.resolve();
        },
        failed: (text) => {
          this.#lane = undefined;
          this.#waiting?.reject(unavailable(`store own series: ${text}`));
        },
      },
    );
    this.#lane = {
      session,
      epochId,
      series: new OwnSeriesTable(),
      schemas: new Map(),
      nextSeq: 1,
      nextNumber: 1,
    };
    return this.#lane;
  }

  /** Forgets the places of all series; the next batch opens a fresh lane. */
  #dropLane(lane: OwnLane): void {
    this.#newestMs = Math.max(this.#newestMs, lane.series.newestMs());
    lane.session.close();
    if (this.#lane === lane) this.#lane = undefined;
  }
}

/** Whether a sample is new, the same as the newest one of its series, or not to be stored. */
function judge(series: OwnSeriesTable, row: number, sample: AppendSample): RejectReason | 'new' | 'same' {
  const { timeMs, value, isStale = false } = sample;
  if (!Number.isInteger(timeMs) || timeMs < 0 || timeMs > TIME_MS_MAX) {
    throw new AppError(
      'BAD_REQUEST',
      `sample time ${timeMs} is not a whole number of milliseconds since 1970`,
    );
  }
  const last = series.isBehind(row, timeMs) ? undefined : series.last(row);
  if (last === undefined) return 'new';
  if (timeMs < last.timeMs) return 'out_of_order';
  const isSame = isStale === last.isStale && (isStale || Object.is(value, last.value));
  return isSame ? 'same' : 'duplicate_timestamp';
}

/** Blocks for points of one time, in portions that fit in a record. */
function* toBlocks(
  { series, schemas }: Pick<OwnLane, 'series' | 'schemas'>,
  points: Points,
  indices: readonly number[],
): Iterable<readonly ValuesBlock[]> {
  let blocks: ValuesBlock[] = [];
  let count = 0;
  const numbers = indices.map((at) => series.numberOf(points.rows[at] ?? 0));
  for (const [number, places] of indicesBy(numbers)) {
    const list = places.map((place) => indices[place] ?? 0);
    const schema = schemas.get(number);
    if (schema === undefined) throw new Error(`lane has no schema ${number}`);
    const isFull =
      blocks.length === LIMITS.blocksPerRecord || count + list.length > EMBEDDED_LIMITS.ownValuesPerRecord;
    if (isFull && blocks.length > 0) {
      yield blocks;
      blocks = [];
      count = 0;
    }
    blocks.push(toBlock(number, schema, { series, points, indices: list }));
    count += list.length;
  }
  if (blocks.length > 0) yield blocks;
}

/** A block for points of one schema. */
function toBlock(
  schemaNumber: number,
  schema: HashedSchema,
  {
    series,
    points,
    indices,
  }: { readonly series: OwnSeriesTable; readonly points: Points; readonly indices: readonly number[] },
): ValuesBlock {
  const values = new Float64Array(schema.seriesCount);
  const present = new Uint8Array(schema.seriesCount);
  const errors: { index: number; code: number }[] = [];
  for (const at of indices) {
    const index = series.indexOf(points.rows[at] ?? 0);
    const value = points.values[at] ?? Number.NaN;
    const code = ownCode(value, points.stale[at] === true);
    if (code === undefined) {
      values[index] = value;
      present[index] = 1;
    } else {
      errors.push({ index, code });
    }
  }
  return { kind: 'values', schemaNumber, schema, offsetMs: 0, values, present, errors };
}

/** Indices of equal numbers, in the order of their first ones. */
function indicesBy(numbers: readonly number[]): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>();
  for (const [at, number] of numbers.entries()) {
    const list = found.get(number);
    if (list === undefined) found.set(number, [at]);
    else list.push(at);
  }
  return found;
}

function samplesBody(blocks: readonly ValuesBlock[]): Buffer {
  const writer = new ByteWriter(4_096);
  encodeSamples(writer, blocks);
  return writer.copy();
}

function unavailable(text: string): AppError {
  return new AppError('STORAGE_UNAVAILABLE', text, { isRetryable: true });
}
