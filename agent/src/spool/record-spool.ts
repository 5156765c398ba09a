/**
 * The records of a spool: their numbers, the schemas that they need, the epochs, and what makes way when there is too
 * much. Where the segments lie is up to the shelf of their epoch; without one they are in memory. `memory.ts` and
 * `durable.ts` make spools of it. Long, because all of it turns around one list of epochs.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { diskErrorCode } from '@rollcall/shared/lib/disk.ts';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { EPOCH_BYTES, type EpochState } from '@rollcall/shared/protocol/handshake.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { encodeRecord, RECORD_KIND, type RecordDraft } from '@rollcall/shared/protocol/record.ts';
import { encodeSchemaBody, type HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { Epoch } from './epoch.ts';
import { SchemaNumbers, type NumberedSchema, type SchemaUse } from './schema-numbers.ts';
import type { Segment } from './segment.ts';
import type { Shelf } from './shelf.ts';
import { NO_COUNTS } from './span.ts';
import type { RecordCounts, Spool, SpoolBatch, SpoolStats } from './spool.ts';

/** How often a segment is read in vain before it is given up. */
const READS_MAX = 3;

export interface RecordSpoolOptions {
  readonly clock: Clock;
  /** Names the boot of the operating system; epochs do not outlive it. */
  readonly bootId: string;
  /** That many random bytes. */
  readonly randomBytes: (count: number) => Buffer;
  /** A segment is closed before it grows over this. */
  readonly segmentBytes: number;
  /** Bytes of the segments in memory. At least two segments. */
  readonly maxMemoryBytes: number;
  /** Epochs that are kept. @default as many as an agent may have */
  readonly epochsMax?: number;
  /** Whether an acknowledged segment may be removed. @default always */
  readonly mayFree?: (epoch: Epoch, newest: { readonly wallMs: number; readonly bootMs: number }) => boolean;
  /** Called when a write failed and the spool has gone on in memory. */
  readonly onDiskLost?: (error: unknown) => void;
  /** Highest number that may be sent yet. @default all */
  readonly readableThrough?: (epoch: Epoch) => number;
}

/** What was found after a restart. */
export interface RestoredEpochs {
  /** Oldest first. */
  readonly epochs: readonly Epoch[];
  /** Set when the last of them goes on: the schemas that have a number in it. */
  readonly goesOn: (SchemaUse & { readonly numbers: ReadonlyMap<string, number> }) | undefined;
}

export class RecordSpool implements Spool {
  readonly #options: RecordSpoolOptions;
  /** Oldest first; the last one is current. */
  #epochs: Epoch[] = [];
  /** Where new epochs lie. */
  #shelf: Shelf | undefined;
  /** Bytes of the segments on the shelf. */
  #maxShelfBytes = Number.POSITIVE_INFINITY;
  /** Why there may be no more of them. */
  #shelfReason: number = GAP_REASON.BYTES;
  readonly #schemas = new SchemaNumbers();
  /** As it was when the active segment was opened. */
  #schemaUse: SchemaUse = { schemaCount: 0, schemaNumberMax: 0 };
  /** Schemas that stand in the active segment, by number. */
  #written = new Set<number>();
  #samplesDropped = 0;
  #onAppend: () => void = () => {};

  constructor(options: RecordSpoolOptions, restored?: RestoredEpochs & { readonly shelf: Shelf }) {
    this.#options = options;
    if (options.maxMemoryBytes < 2 * options.segmentBytes) {
      throw new RangeError('a spool must have room for two segments');
    }
    this.#shelf = restored?.shelf;
    this.#epochs = [...(restored?.epochs ?? [])];
    if (restored?.goesOn === undefined) this.#epochs.push(this.#newEpoch());
    else this.#schemas.restore(restored.goesOn);
    this.#limitEpochs();
    this.#openSegment();
  }

  declareSchema(schema: HashedSchema): number {
    const numbered = this.#schemas.declare(schema);
    // When the disk fails here, the epoch in memory begins with all schemas in force, this one among them.
    if (!this.#written.has(numbered.number)) this.#orInMemory(() => this.#writeSchema(numbered));
    return numbered.number;
  }

  append(draft: RecordDraft, counts: RecordCounts): void {
    if (!this.#orInMemory(() => this.#append(draft, counts))) this.#append(draft, counts);
    this.#schemas.appended();
    this.#dropWhatIsTooMuch();
    if (this.#schemas.isWornOut) this.#orInMemory(() => this.beginEpoch());
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
    if (epoch === undefined) return { epochId, records: [], nextSeq: fromSeq, isEnd: true };
    const through = this.#options.readableThrough?.(epoch) ?? Number.POSITIVE_INFINITY;
    const records: Buffer[] = [];
    let [seq, bytes] = [fromSeq, 0];
    while (records.length < limits.maxRecords) {
      const found = seq <= through ? this.#read(epoch, seq) : undefined;
      if (found === undefined) return { epochId, records, nextSeq: seq, isEnd: true };
      bytes += found.bytes.length;
      if (records.length > 0 && bytes > limits.maxBytes) break;
      records.push(found.bytes);
      seq = found.nextSeq;
    }
    return { epochId, records, nextSeq: seq, isEnd: false };
  }

  crcOf(epochId: string, seq: number): number | undefined {
    try {
      return this.#epochOf(epochId)?.crcOf(seq);
    } catch (error) {
      if (diskErrorCode(error) === undefined) throw error;
      return undefined;
    }
  }

  acknowledge(epochId: string, watermark: number): void {
    const epoch = this.#epochOf(epochId);
    epoch?.acknowledge(watermark);
    if (epoch !== this.current) epoch?.noteDelivered();
    this.freeDelivered();
  }

  rotateEpoch(options: { readonly epochId: string; readonly rehomeAfter: number }): void {
    const index = this.#epochs.findIndex(({ id }) => id === options.epochId);
    const old = this.#epochs[index];
    if (old === undefined) return;
    if (!this.#orInMemory(() => this.#rehome(old, options.rehomeAfter)))
      this.#rehome(old, options.rehomeAfter);
    this.freeDelivered();
  }

  giveUp(record: { readonly epochId: string; readonly seq: number; readonly reason: number }): void {
    this.#samplesDropped += this.#epochOf(record.epochId)?.giveUp(record.seq, record.reason) ?? 0;
  }

  onAppend(listener: () => void): void {
    this.#onAppend = listener;
  }

  stats(): SpoolStats {
    const sum = (of: (epoch: Epoch) => number): number =>
      this.#epochs.reduce((all, each) => all + of(each), 0);
    return {
      isDurable: this.isOnShelf,
      recordsHeld: sum((epoch) => epoch.waitingRecords),
      bytesHeld: sum((epoch) => epoch.waitingBytes),
      bytesMax: this.isOnShelf ? this.#maxShelfBytes : this.#options.maxMemoryBytes,
      oldestUnackedMs: this.#oldestWaitingMs(),
      samplesDropped: this.#samplesDropped,
    };
  }

  close(): void {
    this.#onAppend = () => {};
  }

  /** Whether what is appended now lies on the shelf. */
  get isOnShelf(): boolean {
    return this.#shelf !== undefined;
  }

  /** The epoch that takes records. */
  get current(): Epoch {
    const epoch = this.#epochs.at(-1);
    if (epoch === undefined) throw new Error('a spool always has a current epoch');
    return epoch;
  }

  /** Size of all segments on the shelf, with those that are kept though they were acknowledged. */
  get shelfBytes(): number {
    return this.#epochs.reduce((sum, epoch) => sum + (epoch.isOnShelf ? epoch.bytes : 0), 0);
  }

  /** Drops the oldest segments when the shelf holds more, now and from now on. @param reason one of GAP_REASON */
  limitShelf(maxBytes: number, reason: number): void {
    this.#maxShelfBytes = maxBytes;
    this.#shelfReason = reason;
    this.#dropWhatIsTooMuch();
  }

  /** Drops the oldest segments of which `isTooOld` holds, except the active one. */
  dropOld(isTooOld: (epoch: Epoch, segment: Segment) => boolean): void {
    for (const epoch of this.#epochs) {
      for (let [oldest] = epoch.segments; oldest !== undefined; [oldest] = epoch.segments) {
        if (oldest === this.current.active || !isTooOld(epoch, oldest)) break;
        this.#samplesDropped += epoch.dropOldestSegment(GAP_REASON.AGE);
      }
    }
    this.freeDelivered();
  }

  /** Frees what is acknowledged and need not be kept. */
  freeDelivered(): void {
    const { mayFree = () => true } = this.#options;
    for (const epoch of this.#epochs) epoch.free((newest) => mayFree(epoch, newest));
    this.#epochs = this.#epochs.filter((epoch) => {
      const { lastWallMs: wallMs = 0, lastBootMs: bootMs = 0 } = epoch.active?.facts ?? {};
      const mayGo = epoch !== this.current && epoch.isDelivered && mayFree(epoch, { wallMs, bootMs });
      if (mayGo) epoch.leave();
      return !mayGo;
    });
  }

  /** Begins the next segment, so that the active one becomes old enough to be freed. May throw DISK_FAILED. */
  renewSegment(): void {
    if ((this.current.active?.appends ?? 0) > 0) this.#openSegment();
  }

  /** Goes on in memory, in an epoch of its own: its numbers may be used before anything of it is on the disk. */
  leaveShelf(): void {
    if (this.#shelf === undefined) return;
    this.#shelf = undefined;
    this.beginEpoch();
  }

  /**
   * Moves what is in memory to the shelf and goes on there.
   * @throws AppError DISK_FAILED; then everything is in memory as before
   */
  enterShelf(shelf: Shelf): void {
    const moving = this.#epochs.filter((epoch) => !epoch.isOnShelf);
    // Some of it may be in files that somebody has removed meanwhile.
    for (const epoch of moving) this.#giveUpUnreadable(epoch);
    try {
      for (const epoch of moving) epoch.moveTo(shelf, this.#schemaUse);
      this.#shelf = shelf;
      this.beginEpoch();
    } catch (error) {
      this.#shelf = undefined;
      for (const { isOnShelf, id } of moving) if (!isOnShelf) shelf.forgotten(id);
      // The last epoch is complete if it has arrived; another one in memory takes what comes.
      if (this.current.isOnShelf) this.beginEpoch();
      throw error;
    }
  }

  /** Leaves the current epoch as it is and goes on in a new one, in which only the schemas in force have numbers. */
  beginEpoch(): void {
    this.#epochs.at(-1)?.sealSegment();
    this.#epochs.push(this.#newEpoch());
    this.freeDelivered();
    this.#schemas.beginEpoch();
    this.#limitEpochs();
    this.#openSegment();
  }

  #append(draft: RecordDraft, counts: RecordCounts): void {
    let bytes = encodeRecord(draft, this.current.next);
    const { active } = this.current;
    const isFull =
      active !== undefined && active.appends > 0 && active.bytes + bytes.length > this.#options.segmentBytes;
    if (isFull) {
      this.#openSegment();
      bytes = encodeRecord(draft, this.current.next);
    }
    this.current.push(bytes, counts, this.#schemaUse);
    if (this.current.active !== undefined) this.current.active.appends++;
  }

  /** False when the disk failed; the spool has then gone on in memory, and what was tried can be tried again. */
  #orInMemory(act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      if (diskErrorCode(error) === undefined || this.#shelf === undefined) throw error;
      this.leaveShelf();
      this.#options.onDiskLost?.(error);
      return false;
    }
  }

  #read(epoch: Epoch, seq: number): { readonly bytes: Buffer; readonly nextSeq: number } | undefined {
    for (let reads = 1; ; reads++) {
      try {
        return epoch.at(seq);
      } catch (error) {
        const code = diskErrorCode(error);
        if (code === undefined) throw error;
        // While the disk is away its records wait for it.
        if (!this.isOnShelf) return undefined;
        if (code !== 'ENOENT' && reads < READS_MAX) continue;
        this.#samplesDropped += epoch.giveUpSegment(seq, GAP_REASON.SPOOL_UNREADABLE);
      }
    }
  }

  #rehome(old: Epoch, rehomeAfter: number): void {
    this.#giveUpUnreadable(old);
    const index = this.#epochs.indexOf(old);
    const isCurrent = old === this.current;
    const fresh = isCurrent ? this.#newEpoch() : this.#epochInPlaceOf(old);
    try {
      fresh.beginReplacement();
      old.moveInto(fresh, rehomeAfter, this.#schemaUse);
      fresh.sealSegment();
      old.forget({ id: fresh.id, epoch: fresh, bootId: this.#options.bootId });
    } catch (error) {
      fresh.forget();
      throw error;
    }
    this.#epochs[index] = fresh;
    // Copies of the schemas of today may be missing in a segment that moved; a segment of its own has them.
    if (isCurrent) this.#openSegment();
  }

  #giveUpUnreadable(epoch: Epoch): void {
    for (const segment of epoch.segments) {
      try {
        segment.entries();
      } catch (error) {
        if (diskErrorCode(error) === undefined) throw error;
        this.#samplesDropped += epoch.giveUpSegment(segment.firstSeq, GAP_REASON.SPOOL_UNREADABLE);
      }
    }
  }

  #epochOf(epochId: string): Epoch | undefined {
    return this.#epochs.find(({ id }) => id === epochId);
  }

  #newEpoch(): Epoch {
    const id = this.#options.randomBytes(EPOCH_BYTES).toString('hex');
    // Seconds, so that epochs of which nothing is known at the moment keep their place; one more where time stands.
    const seconds = Math.max(0, Math.floor(this.#options.clock.wallMs() / 1000));
    const ordinal = Math.max(seconds, ...this.#epochs.map((epoch) => epoch.ordinal + 1));
    return new Epoch({ id, bootId: this.#options.bootId, ordinal, shelf: this.#shelf });
  }

  /** For records of `old`: the boot clock that they were taken by is that of their boot, whichever this one is. */
  #epochInPlaceOf({ bootId, ordinal }: Epoch): Epoch {
    const id = this.#options.randomBytes(EPOCH_BYTES).toString('hex');
    return new Epoch({ id, bootId, ordinal, shelf: this.#shelf });
  }

  /** Begins a segment of the current epoch with copies of the schemas in force, so that it can be read alone. */
  #openSegment(): void {
    this.#schemaUse = this.#schemas.use();
    this.current.openSegment();
    this.#written = new Set();
    for (const numbered of this.#schemas.inForce()) this.#writeSchema(numbered);
  }

  #writeSchema({ number, schema }: NumberedSchema): void {
    const { clock } = this.#options;
    const draft: RecordDraft = {
      kind: RECORD_KIND.SCHEMA,
      flags: 0,
      wallMs: Math.max(0, Math.round(clock.wallMs())),
      bootMs: Math.max(0, Math.round(clock.bootMs())),
      body: encodeSchemaBody(number, schema),
    };
    this.current.push(encodeRecord(draft, this.current.next), NO_COUNTS, this.#schemaUse);
    this.#written.add(number);
  }

  /** Makes room among the epochs. The current one has no open segment: it may get gaps in front of the next one. */
  #limitEpochs(): void {
    while (this.#epochs.length > (this.#options.epochsMax ?? LIMITS.epochsPerAgent)) {
      const delivered = this.#epochs.findIndex((epoch) => epoch.wasDelivered && epoch !== this.current);
      const oldest = this.#epochs.splice(Math.max(0, delivered), 1)[0];
      if (oldest === undefined) return;
      // The collector may never have heard of it, so another one has to tell.
      this.#samplesDropped += oldest.makeWay(this.current, GAP_REASON.EPOCHS);
    }
  }

  #dropWhatIsTooMuch(): void {
    const epochs = this.#epochs.filter((epoch) => epoch.isOnShelf);
    let bytes = epochs.reduce((sum, epoch) => sum + epoch.bytes, 0);
    while (bytes > this.#maxShelfBytes) {
      const victim = epochs.find((epoch) => epoch.segmentCount > (epoch === this.current ? 1 : 0));
      if (victim === undefined) break;
      bytes -= victim.segments[0]?.bytes ?? 0;
      this.#samplesDropped += victim.dropOldestSegment(this.#shelfReason);
    }
    this.#dropFromMemory();
  }

  /** What an epoch in memory has in the files of another one takes no room there, and stays. */
  #dropFromMemory(): void {
    const epochs = this.#epochs.filter((epoch) => !epoch.isOnShelf);
    let bytes = epochs.reduce((sum, epoch) => sum + epoch.memoryBytes, 0);
    for (const epoch of epochs) {
      for (const segment of epoch.segments.filter(({ isInMemory }) => isInMemory)) {
        if (bytes <= this.#options.maxMemoryBytes) return;
        if (segment === this.current.active) continue;
        bytes -= segment.bytes;
        this.#samplesDropped += epoch.dropOldestSegment(GAP_REASON.BYTES, segment);
      }
    }
  }

  #oldestWaitingMs(): number | undefined {
    return this.#epochs.find((epoch) => epoch.waitingRecords > 0)?.oldestWaitingMs();
  }
}
