/**
 * The spool that survives: records lie in segment files, acknowledged ones stay two days for a collector that loses
 * some, and when the disk cannot be used the spool goes on in memory until it can. Appending writes to the page cache
 * and never waits; syncs run in the background. docs/spool-format.md has the folder and its rules.
 * Long, because when to sync, to leave the disk, to come back and to make room are decisions about one and the same state.
 */
import { join } from 'node:path';
import { background } from '@rollcall/shared/lib/background.ts';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { diskError, diskErrorCode, systemError, type Disk } from '@rollcall/shared/lib/disk.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import type { EpochState } from '@rollcall/shared/protocol/handshake.ts';
import type { RecordDraft } from '@rollcall/shared/protocol/record.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { DiskShelf, removeFile, TEMPORARY_SUFFIX } from './disk-shelf.ts';
import type { Epoch } from './epoch.ts';
import { Gather } from './gather.ts';
import { writeMeta } from './meta.ts';
import { RecordSpool } from './record-spool.ts';
import { QUARANTINE_DIR, recoverOrBeginAnew, type LastRecord } from './recover.ts';
import { roomBytes } from './room.ts';
import type { RecordCounts, Spool, SpoolBatch, SpoolStats } from './spool.ts';

/** always: after each record, before it is sent · interval: once a minute or 64 KiB · never: left to the system */
export type SyncPolicy = 'always' | 'interval' | 'never';

export interface DurableSpoolOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly disk: Disk;
  /** The folder of the spool; made if need be. Nobody else may use it. */
  readonly dir: string;
  /** Names the boot of the operating system, '' when unknown: then each start begins a new epoch. */
  readonly bootId: string;
  /** Id of the agent, 16 bytes. The records of another one are sent in epochs of their own. */
  readonly owner: Buffer;
  /** That many random bytes. */
  readonly randomBytes: (count: number) => Buffer;
  readonly sync: SyncPolicy;
  /** Under `always`, records that come within this time are made durable together. @default 0: each at once */
  readonly syncGatherMs?: number;
  /** Bytes of all segments on the disk. */
  readonly maxBytes: number;
  /** @default 256 KiB */
  readonly segmentBytes?: number;
  /** Bytes of the segments in memory while the disk cannot be used. @default 4 MiB */
  readonly maxMemoryBytes?: number;
  /** Epochs that are kept. @default as many as an agent may have */
  readonly epochsMax?: number;
  /** How long acknowledged records stay. @default 48 h */
  readonly retentionMs?: number;
}

/** What the start found. */
export interface FoundAtStart {
  readonly last: LastRecord | undefined;
  readonly isOtherBoot: boolean;
  /** Something could not be read. */
  readonly isDamaged: boolean;
}

const SEGMENT_BYTES = 256 * 1024;
const MEMORY_BYTES = 4 * 1024 * 1024;
const RETENTION_MS = 48 * 3_600_000;
/** Below the collector's window of 15 days, so that what is dropped is declared by the one who dropped it. */
const AGE_MS_MAX = 14 * 86_400_000;
/** No record is older than the product: a wall clock that showed less was not set yet, and tells no age. */
const WALL_MS_MIN = Date.UTC(2025, 0, 1);
/** A segment gets no more records after that, so that slow agents free theirs too. */
const SEGMENT_MS_MAX = 6 * 3_600_000;
const UPKEEP_MS = 60_000;
const UNSYNCED_BYTES_MAX = 64 * 1024;
/** A disk that does not answer for so long is as good as none. */
const SYNC_MS_MAX = 30_000;
const PROBE_MS = 20_000;
/**
 * A disk that is lost soon after it was good again is left alone twice as long each time: each return begins epochs, of which
 * only so many are kept.
 */
const SHORT_STAY_MS = 600_000;
const AWAY_MS_MAX = 3_600_000;
/** Probes in a row that must succeed before the disk is trusted again. */
const PROBES_MIN = 3;
const PROBE_BYTES = 64 * 1024;

export class DurableSpool implements Spool {
  readonly #options: DurableSpoolOptions;
  readonly #shelf: DiskShelf;
  readonly #records: RecordSpool;
  /** What stood on the disk. */
  readonly found: FoundAtStart;
  #onAppend: () => void = () => {};
  /** The epoch that META names. */
  #notedEpochId = '';
  /** What may be sent under `always`. */
  #synced: { readonly epochId: string; readonly through: number };
  #isSyncing = false;
  readonly #syncGather: Gather;
  #unsyncedBytes = 0;
  #segmentSinceMs: number;
  #goodProbes = 0;
  /** When the records moved to the disk for the last time, and how long it is left alone when it is lost. */
  #enteredMs = Number.NEGATIVE_INFINITY;
  #awayMs = PROBE_MS;
  #timer: Timer | undefined;
  #isClosed = false;

  /** Never throws for what is on the disk: whatever cannot be used is put aside, and memory is always there. */
  static open(options: DurableSpoolOptions): DurableSpool {
    return new DurableSpool(options);
  }

  private constructor(options: DurableSpoolOptions) {
    const { clock, log, disk, dir, bootId, randomBytes, segmentBytes = SEGMENT_BYTES } = options;
    this.#options = options;
    const spanMs = options.syncGatherMs ?? 0;
    this.#syncGather = new Gather({ clock, spanMs, leave: () => this.#syncSoon() });
    const warn = (error: unknown): void =>
      log.warn('the spool could not change a file', { error: describeError(error) });
    this.#shelf = new DiskShelf({
      disk,
      dir,
      log,
      onFailure: warn,
      onUnsafe: (error) => this.#leaveShelf(error),
    });
    const { recovered, failure } = recoverOrBeginAnew({ ...options, shelf: this.#shelf });
    this.#records = new RecordSpool(
      {
        clock,
        bootId,
        randomBytes,
        segmentBytes,
        ...(options.epochsMax === undefined ? {} : { epochsMax: options.epochsMax }),
        maxMemoryBytes: options.maxMemoryBytes ?? MEMORY_BYTES,
        mayFree: (epoch, newest) => !epoch.isOnShelf || this.#ageMs(epoch, newest) >= this.#retentionMs,
        onDiskLost: (error) => this.#onDiskLost(error),
        readableThrough: (epoch) => this.#readableThrough(epoch),
      },
      { ...recovered, shelf: this.#shelf },
    );
    this.found = recovered;
    const { id, next } = this.#records.current;
    this.#synced = { epochId: id, through: next - 1 };
    this.#segmentSinceMs = clock.monoMs();
    if (failure === undefined) {
      const { replaced } = recovered;
      for (const { id, segments } of recovered.epochs) this.#shelf.secure(id, segments, replaced.get(id));
      this.#upkeep();
    } else {
      this.#records.leaveShelf();
      this.#onDiskLost(failure);
    }
  }

  declareSchema(schema: HashedSchema): number {
    return this.#records.declareSchema(schema);
  }

  append(draft: RecordDraft, counts: RecordCounts): void {
    const bytesBefore = this.#records.current.active?.bytes ?? 0;
    this.#records.append(draft, counts);
    this.#noteEpoch();
    this.#unsyncedBytes += Math.max(0, (this.#records.current.active?.bytes ?? 0) - bytesBefore);
    const { sync } = this.#options;
    const isOnShelf = this.#records.isOnShelf;
    if (isOnShelf && sync === 'always') this.#syncGather.come();
    else if (isOnShelf && sync === 'interval' && this.#unsyncedBytes >= UNSYNCED_BYTES_MAX) this.#syncSoon();
    if (sync !== 'always' || !isOnShelf) this.#onAppend();
  }

  epochs(): readonly EpochState[] {
    return this.#records.epochs();
  }

  read(
    epochId: string,
    fromSeq: number,
    limits: { readonly maxBytes: number; readonly maxRecords: number },
  ): SpoolBatch {
    return this.#records.read(epochId, fromSeq, limits);
  }

  crcOf(epochId: string, seq: number): number | undefined {
    return this.#records.crcOf(epochId, seq);
  }

  acknowledge(epochId: string, watermark: number): void {
    this.#records.acknowledge(epochId, watermark);
  }

  rotateEpoch(options: { readonly epochId: string; readonly rehomeAfter: number }): void {
    this.#records.rotateEpoch(options);
    this.#noteEpoch();
    // What was moved was sendable before; it need not wait for another sync.
    const { id, next } = this.#records.current;
    this.#synced = { epochId: id, through: next - 1 };
  }

  giveUp(record: { readonly epochId: string; readonly seq: number; readonly reason: number }): void {
    this.#keepCopy(record);
    this.#records.giveUp(record);
  }

  /** What no collector takes is a mistake that somebody will want to look at. */
  #keepCopy({ epochId, seq }: { readonly epochId: string; readonly seq: number }): void {
    const [bytes] = this.#records.read(epochId, seq, { maxBytes: 1, maxRecords: 1 }).records;
    if (bytes === undefined || !this.#records.isOnShelf) return;
    const { disk, dir, log } = this.#options;
    try {
      disk.makeDir(join(dir, QUARANTINE_DIR));
      const file = disk.open(join(dir, QUARANTINE_DIR, `${epochId}-${seq}.record`), 'create');
      try {
        file.write(bytes, 0);
      } finally {
        file.close();
      }
    } catch (error) {
      if (diskErrorCode(error) === undefined) throw error;
      log.debug('cannot keep a copy of a record that is given up', { error: describeError(error) });
    }
  }

  onAppend(listener: () => void): void {
    this.#onAppend = listener;
  }

  stats(): SpoolStats {
    return this.#records.stats();
  }

  /** Takes no more records; the files are closed when `settled` resolves. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onAppend = () => {};
    this.#timer?.cancel();
    this.#syncGather.cancel();
    this.#records.current.sealSegment();
    this.#shelf.close();
  }

  /** Resolves when everything that was asked of the disk is done or has failed. */
  settled(): Promise<void> {
    if (this.#syncGather.isWaiting) this.#syncGather.leave();
    return this.#shelf.settled();
  }

  get #retentionMs(): number {
    return this.#options.retentionMs ?? RETENTION_MS;
  }

  /** By the clock that cannot be set where that is possible. */
  #ageMs(epoch: Epoch, newest: { readonly wallMs: number; readonly bootMs: number }): number {
    const { clock } = this.#options;
    return this.#isOfThisBoot(epoch) ? clock.bootMs() - newest.bootMs : clock.wallMs() - newest.wallMs;
  }

  #isOfThisBoot({ bootId }: Epoch): boolean {
    return bootId === this.#options.bootId && bootId !== '';
  }

  #readableThrough(epoch: Epoch): number {
    const mustWait = this.#options.sync === 'always' && epoch.isOnShelf && epoch === this.#records.current;
    if (!mustWait) return Number.POSITIVE_INFINITY;
    return this.#synced.epochId === epoch.id ? this.#synced.through : 0;
  }

  /** Keeps META up to date. Without it the next start begins a new epoch, so a failure costs nothing else. */
  #noteEpoch(): void {
    const epochId = this.#records.current.id;
    if (epochId === this.#notedEpochId || !this.#records.isOnShelf) return;
    this.#notedEpochId = epochId;
    const { disk, dir, owner, log } = this.#options;
    try {
      writeMeta(disk, dir, { epochId, owner });
    } catch (error) {
      if (diskErrorCode(error) === undefined) throw error;
      log.warn('cannot note the epoch of the spool', { error: describeError(error) });
    }
  }

  #syncSoon(): void {
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    background(this.#options.log, 'spool sync', this.#sync());
  }

  /** Syncs until nothing new has come meanwhile. */
  async #sync(): Promise<void> {
    const { clock } = this.#options;
    try {
      for (;;) {
        const { current } = this.#records;
        const { active } = current;
        if (active === undefined || !this.#records.isOnShelf || this.#isClosed) return;
        const through = current.next - 1;
        this.#unsyncedBytes = 0;
        const timer = clock.setTimer(
          SYNC_MS_MAX,
          () => this.#leaveShelf(diskError('sync', systemError('ETIMEDOUT'))),
          { isBackground: true },
        );
        try {
          await this.#shelf.sync(active);
        } finally {
          timer.cancel();
        }
        if (current !== this.#records.current) continue;
        this.#synced = { epochId: current.id, through };
        if (this.#options.sync === 'always') this.#onAppend();
        if (current.next - 1 === through || this.#options.sync !== 'always') return;
      }
    } catch (error) {
      if (diskErrorCode(error) === undefined) throw error;
      this.#leaveShelf(error);
    } finally {
      this.#isSyncing = false;
    }
  }

  #leaveShelf(error: unknown): void {
    if (!this.#records.isOnShelf || this.#isClosed) return;
    this.#records.leaveShelf();
    this.#onDiskLost(error);
    this.#onAppend();
  }

  #onDiskLost(error: unknown): void {
    const { log, dir } = this.#options;
    const facts = { dir, error: describeError(error) };
    log.error('the disk of the spool cannot be used; going on in memory', facts);
    this.#goodProbes = 0;
    const stayedMs = this.#options.clock.monoMs() - this.#enteredMs;
    this.#awayMs = stayedMs < SHORT_STAY_MS ? Math.min(this.#awayMs * 2, AWAY_MS_MAX) : PROBE_MS;
    this.#setTimer(this.#awayMs, () => background(log, 'spool probe', this.#probe()));
  }

  #setTimer(delayMs: number, act: () => void): void {
    this.#timer?.cancel();
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.setTimer(delayMs, act, { isBackground: true });
  }

  /** Writes and syncs a file; when that has gone well often enough, the records move to the disk. */
  async #probe(): Promise<void> {
    const { disk, dir, log } = this.#options;
    try {
      disk.makeDir(dir);
      const path = join(dir, `PROBE${TEMPORARY_SUFFIX}`);
      removeFile(disk, path);
      const file = disk.open(path, 'create');
      try {
        file.write(Buffer.alloc(PROBE_BYTES), 0);
        await file.sync();
      } finally {
        file.close();
        removeFile(disk, path);
      }
      if (this.#isClosed) return;
      this.#goodProbes++;
      if (this.#goodProbes >= PROBES_MIN) return this.#enterShelf();
    } catch (error) {
      if (diskErrorCode(error) === undefined) throw error;
      this.#goodProbes = 0;
      log.debug('the disk of the spool still cannot be used', { error: describeError(error) });
    }
    this.#setTimer(PROBE_MS, () => background(log, 'spool probe', this.#probe()));
  }

  #enterShelf(): void {
    this.#enteredMs = this.#options.clock.monoMs();
    this.#records.enterShelf(this.#shelf);
    this.#options.log.info('the disk of the spool can be used again', { dir: this.#options.dir });
    this.#notedEpochId = '';
    this.#noteEpoch();
    this.#upkeep();
    this.#syncSoon();
    this.#onAppend();
  }

  /** What is to be done now and then; nothing of it is urgent. */
  #upkeep(): void {
    const { disk, dir, clock, maxBytes, sync, log } = this.#options;
    this.#setTimer(UPKEEP_MS, () => this.#upkeep());
    this.#shelf.dropUnread();
    if (!this.#records.isOnShelf) return;
    this.#shelf.retry();
    if (sync === 'interval' && this.#unsyncedBytes > 0) this.#syncSoon();
    try {
      const space = disk.space(dir);
      const room = roomBytes(space, { heldBytes: this.#records.shelfBytes, maxBytes });
      if (room >= this.#records.shelfBytes) this.#shelf.restoreBallast();
      this.#records.limitShelf(room, room < maxBytes ? GAP_REASON.DISK_FULL : GAP_REASON.BYTES);
      this.#records.dropOld((epoch, { facts }) => {
        const newest = { wallMs: facts.lastWallMs, bootMs: facts.lastBootMs };
        const isKnown = this.#isOfThisBoot(epoch) || newest.wallMs >= WALL_MS_MIN;
        return isKnown && this.#ageMs(epoch, newest) >= AGE_MS_MAX;
      });
      if (clock.monoMs() - this.#segmentSinceMs < SEGMENT_MS_MAX) return;
      this.#segmentSinceMs = clock.monoMs();
      this.#records.renewSegment();
    } catch (error) {
      if (diskErrorCode(error) === undefined) throw error;
      log.debug('upkeep of the spool failed', { error: describeError(error) });
      this.#leaveShelf(error);
    }
  }
}
