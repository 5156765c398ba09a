/**
 * The spool that keeps its records in memory. It loses them with the process, which the collector notices because every
 * start begins a new epoch: numbers that were sent once are never used again.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { EpochState } from '@rollcall/shared/protocol/handshake.ts';
import { EPOCH_BYTES } from '@rollcall/shared/protocol/handshake.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import {
  encodeRecord,
  RECORD_KIND,
  renumberRecord,
  type RecordDraft,
} from '@rollcall/shared/protocol/record.ts';
import { encodeSchemaBody, type HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { MemoryEpoch } from './memory-epoch.ts';
import type { RecordCounts, Spool, SpoolBatch, SpoolStats } from './spool.ts';

/** A segment is closed before it grows over this. */
export const MEMORY_SEGMENT_BYTES = 256 * 1024;
/** Bytes of all records together, about a day of ticks. */
export const MEMORY_SPOOL_BYTES = 4 * 1024 * 1024;
/**
 * Schemas that may have gone out of use in an epoch before the next one begins: together with one per sampler they
 * stay below the collector's limit of schemas in an epoch.
 */
const OUTDATED_SCHEMAS_MAX = LIMITS.schemasPerEpoch / 2;
const NO_COUNTS: RecordCounts = { ticks: 0, samples: 0 };

export interface MemorySpoolOptions {
  readonly clock: Clock;
  /** Names the boot of the operating system; epochs do not outlive it. */
  readonly bootId: string;
  /** That many random bytes. */
  readonly randomBytes: (count: number) => Buffer;
  /** @default MEMORY_SEGMENT_BYTES */
  readonly segmentBytes?: number;
  /** At least two segments. @default MEMORY_SPOOL_BYTES */
  readonly maxBytes?: number;
}

interface NumberedSchema {
  readonly number: number;
  readonly schema: HashedSchema;
}

/** The schemas of a sampler, usually one, and how many records had been appended when they were declared. */
interface InForce {
  readonly asOf: number;
  readonly schemas: Map<number, NumberedSchema>;
}

export class MemorySpool implements Spool {
  readonly #options: Required<MemorySpoolOptions>;
  /** Oldest first; the last one is current. */
  #epochs: MemoryEpoch[] = [];
  /** Numbers of all schemas of the current epoch by hash. */
  #schemaNumbers = new Map<string, number>();
  /** What each sampler used last, by its name. */
  readonly #inForce = new Map<string, InForce>();
  /** Schemas that stand in the active segment, by number. */
  #written = new Set<number>();
  /** Records of the active segment that are no copies of schemas. */
  #activeAppends = 0;
  /** Records appended in all. */
  #appends = 0;
  #samplesDropped = 0;
  #onAppend: () => void = () => {};

  constructor(options: MemorySpoolOptions) {
    this.#options = { segmentBytes: MEMORY_SEGMENT_BYTES, maxBytes: MEMORY_SPOOL_BYTES, ...options };
    if (this.#options.maxBytes < 2 * this.#options.segmentBytes) {
      throw new RangeError('a spool must have room for two segments');
    }
    this.#epochs.push(this.#newEpoch());
    this.#openSegment();
  }

  declareSchema(schema: HashedSchema): number {
    const number = this.#schemaNumbers.get(schema.hash) ?? this.#freeNumber();
    this.#schemaNumbers.set(schema.hash, number);
    const before = this.#inForce.get(schema.sampler);
    // Schemas declared for the same record are in force together; those of a later record replace them.
    const inForce =
      before?.asOf === this.#appends
        ? before
        : { asOf: this.#appends, schemas: new Map<number, NumberedSchema>() };
    inForce.schemas.set(number, { number, schema });
    this.#inForce.set(schema.sampler, inForce);
    if (!this.#written.has(number)) this.#writeSchema({ number, schema });
    return number;
  }

  append(draft: RecordDraft, counts: RecordCounts): void {
    const epoch = this.#current();
    let bytes = encodeRecord(draft, epoch.next);
    if (this.#activeAppends > 0 && epoch.activeBytes + bytes.length > this.#options.segmentBytes) {
      this.#openSegment();
      bytes = renumberRecord(bytes, epoch.next);
    }
    epoch.push(bytes, counts);
    this.#activeAppends++;
    this.#appends++;
    this.#dropWhatIsTooMuch();
    if (this.#schemaNumbers.size - this.#schemasInForce().length >= OUTDATED_SCHEMAS_MAX) this.#beginEpoch();
    this.#onAppend();
  }

  epochs(): readonly EpochState[] {
    return this.#epochs.map((epoch) => epoch.state());
  }

  read(
    epochId: string,
    fromSeq: number,
    limits: { readonly maxBytes: number; readonly maxRecords: number },
  ): SpoolBatch {
    const epoch = this.#epochOf(epochId);
    const records: Buffer[] = [];
    let seq = fromSeq;
    let bytes = 0;
    while (records.length < limits.maxRecords) {
      const found = epoch?.at(seq);
      if (found === undefined) break;
      bytes += found.bytes.length;
      if (records.length > 0 && bytes > limits.maxBytes) break;
      records.push(found.bytes);
      seq = found.nextSeq;
    }
    return { epochId, records, nextSeq: seq };
  }

  crcOf(epochId: string, seq: number): number | undefined {
    return this.#epochOf(epochId)?.crcOf(seq);
  }

  acknowledge(epochId: string, watermark: number): void {
    this.#epochOf(epochId)?.acknowledge(watermark);
    this.#forgetDelivered();
  }

  rotateEpoch(options: { readonly epochId: string; readonly rehomeAfter: number }): void {
    const index = this.#epochs.findIndex(({ id }) => id === options.epochId);
    const old = this.#epochs[index];
    if (old === undefined) return;
    const fresh = this.#newEpoch();
    old.moveInto(fresh, options.rehomeAfter);
    this.#epochs[index] = fresh;
    // Copies of the schemas of today may be missing in a segment that moved; a segment of its own has them.
    if (fresh === this.#current()) this.#openSegment();
    this.#forgetDelivered();
  }

  giveUp(record: { readonly epochId: string; readonly seq: number; readonly reason: number }): void {
    this.#samplesDropped += this.#epochOf(record.epochId)?.giveUp(record.seq, record.reason) ?? 0;
  }

  onAppend(listener: () => void): void {
    this.#onAppend = listener;
  }

  stats(): SpoolStats {
    return {
      isDurable: false,
      recordsHeld: this.#epochs.reduce((sum, epoch) => sum + epoch.recordCount, 0),
      bytesHeld: this.#bytesHeld(),
      bytesMax: this.#options.maxBytes,
      oldestUnackedMs: this.#oldestUnackedMs(),
      samplesDropped: this.#samplesDropped,
    };
  }

  close(): void {
    this.#onAppend = () => {};
  }

  #current(): MemoryEpoch {
    const epoch = this.#epochs.at(-1);
    if (epoch === undefined) throw new Error('a spool always has a current epoch');
    return epoch;
  }

  #epochOf(epochId: string): MemoryEpoch | undefined {
    return this.#epochs.find(({ id }) => id === epochId);
  }

  #newEpoch(): MemoryEpoch {
    return new MemoryEpoch(this.#options.randomBytes(EPOCH_BYTES).toString('hex'), this.#options.bootId);
  }

  #forgetDelivered(): void {
    const current = this.#current();
    this.#epochs = this.#epochs.filter((epoch) => epoch === current || !epoch.isDelivered);
  }

  /** Begins a segment of the current epoch with copies of the schemas in force, so that it can be read alone. */
  #openSegment(): void {
    this.#current().openSegment();
    this.#written = new Set();
    this.#activeAppends = 0;
    for (const numbered of this.#schemasInForce()) this.#writeSchema(numbered);
  }

  #schemasInForce(): NumberedSchema[] {
    return [...this.#inForce.values()].flatMap(({ schemas }) => [...schemas.values()]);
  }

  #writeSchema({ number, schema }: NumberedSchema): void {
    const { clock } = this.#options;
    const draft: RecordDraft = {
      kind: RECORD_KIND.SCHEMA,
      flags: 0,
      wallMs: clock.wallMs(),
      bootMs: clock.bootMs(),
      body: encodeSchemaBody(number, schema),
    };
    const epoch = this.#current();
    epoch.push(encodeRecord(draft, epoch.next), NO_COUNTS);
    this.#written.add(number);
  }

  /** Leaves the current epoch as it is and goes on in a new one, in which only the schemas in force have numbers. */
  #beginEpoch(): void {
    this.#epochs.push(this.#newEpoch());
    this.#forgetDelivered();
    this.#schemaNumbers = new Map();
    for (const { number, schema } of this.#schemasInForce()) this.#schemaNumbers.set(schema.hash, number);
    this.#openSegment();
    if (this.#epochs.length <= LIMITS.epochsPerAgent) return;
    // The collector sees that an epoch is no longer listed and shows its end as lost.
    this.#samplesDropped += this.#epochs.shift()?.unackedSamples() ?? 0;
  }

  #freeNumber(): number {
    const used = new Set(this.#schemaNumbers.values());
    let number = 1;
    while (used.has(number)) number++;
    return number;
  }

  #dropWhatIsTooMuch(): void {
    while (this.#bytesHeld() > this.#options.maxBytes) {
      const current = this.#current();
      const victim = this.#epochs.find((epoch) => epoch.segmentCount > (epoch === current ? 1 : 0));
      if (victim === undefined) return;
      this.#samplesDropped += victim.dropOldestSegment();
    }
  }

  #bytesHeld(): number {
    return this.#epochs.reduce((sum, epoch) => sum + epoch.bytes, 0);
  }

  #oldestUnackedMs(): number | undefined {
    for (const epoch of this.#epochs) {
      const oldestMs = epoch.oldestUnackedMs();
      if (oldestMs !== undefined) return oldestMs;
    }
    return undefined;
  }
}
