/**
 * Segments and gaps as files: `e-<epoch>/<first number>.seg` and `.gap`. What is written stands in the page cache at
 * once, so it survives the death of the process; whatever needs the disk itself is a job in one queue, and jobs run one
 * after another. A segment is unlinked only when the gap that declares it is durable, and leaves memory only when it is
 * durable itself. docs/spool-format.md draws the folder. Long, because its jobs share one queue and one picture of the disk.
 */
import { dirname, join } from 'node:path';
import { background } from '@rollcall/shared/lib/background.ts';
import {
  diskError,
  diskErrorCode,
  systemError,
  type Disk,
  type DiskFile,
} from '@rollcall/shared/lib/disk.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { encodeEntry, encodeHeader, scanEntries, type Entry, type SegmentHeader } from './segment-format.ts';
import { Segment, type SegmentFacts } from './segment.ts';
import type { Replacement, Shelf } from './shelf.ts';
import { gapRecord, type Span } from './span.ts';

const BALLAST_FILE = 'BALLAST';
/** Names the epoch whose records this one has taken over, and the boot in which it did. */
export const REPLACES_FILE = 'REPLACES';
/** Stands beside the segments of an epoch that is about to take over those of another one. */
export const INCOMPLETE_FILE = 'INCOMPLETE';
/** Holds the number through which the collector has an epoch, in which there is nothing more. */
export const DELIVERED_FILE = 'DELIVERED';
export const SEGMENT_SUFFIX = '.seg';
export const GAP_SUFFIX = '.gap';
/** Left over from a crash; never read. */
export const TEMPORARY_SUFFIX = '.tmp';
/** No segment is larger: 256 KiB, one record, and the schemas in force. */
export const SEGMENT_FILE_BYTES_MAX = 16 * 1024 * 1024;

/** Room that is set aside so that a gap can be declared when there is no other. */
const BALLAST_BYTES = 256 * 1024;
/** Segments that were read last stay in memory for a while. */
const CACHED_MAX = 2;
/**
 * Records at the end of the segment that was closed last stay in memory until they are delivered: they are mostly on
 * their way, and the whole file would be read for them.
 */
const TAIL_RECORDS = 16;
/** Jobs that failed and are tried again; more than these are found again after the next start. */
const UNDONE_MAX = 1_000;
const SEQ_DIGITS = 15;

export interface DiskShelfOptions {
  readonly disk: Disk;
  /** The folder of the spool. */
  readonly dir: string;
  readonly log: Logger;
  /** The disk failed in the background: what is in memory only must not be trusted to it. */
  readonly onFailure: (error: unknown) => void;
  /** A segment that is complete could not be made durable, so its records stay in memory; said once of each. */
  readonly onUnsafe: (error: unknown) => void;
}

interface OpenSegment {
  readonly epochId: string;
  readonly path: string;
  readonly header: Buffer;
  file: DiskFile;
  endBytes: number;
  /** The highest number that is durable. */
  durableThrough: number;
  /** The name of the file is durable. */
  isNamed: boolean;
  /** A sync failed, so nothing is known about the content. */
  isDoubtful: boolean;
}

type Job = () => Promise<void>;

/** What was read of a segment. */
interface Cached {
  readonly segment: Segment;
  /** The last number that stood in the file when it was read; an open one has grown since. */
  readonly through: number;
  readonly entries: readonly Entry[];
  /** Somebody has asked for it since the last `dropUnread`. */
  isInUse: boolean;
}

export class DiskShelf implements Shelf {
  readonly #options: DiskShelfOptions;
  readonly #open = new Map<Segment, OpenSegment>();
  readonly #paths = new WeakMap<Segment, string>();
  /** Newest first. */
  #cached: Cached[] = [];
  /** The segment that was closed last. */
  #newest: Segment | undefined;
  /** What the file of a gap must hold, by its path, until it does. A job that is done late must not write what held before. */
  readonly #gaps = new Map<string, Span>();
  /** Epochs whose folders are still to be removed. */
  readonly #unwanted = new Set<string>();
  /** Epochs that one of them, by its id, has replaced before this process began, newest first: they must not outlive it. */
  readonly #replaced = new Map<string, readonly string[]>();
  #jobs: Promise<void> = Promise.resolve();
  #undone: Job[] = [];

  constructor(options: DiskShelfOptions) {
    this.#options = options;
  }

  /** A segment that was found on the disk. */
  adopt(path: string, facts: SegmentFacts): Segment {
    const segment = Segment.onShelf(facts, (through) => this.#load(segment, through));
    this.#paths.set(segment, path);
    return segment;
  }

  /**
   * Makes durable what was found of an epoch: the process that wrote it may have died before it could. Also of an earlier boot:
   * what takes the place of such an epoch has its boot.
   * @param replaced ids of epochs whose place it takes and which are still there, for the process died before this one was durable; the
   *   newest first
   */
  secure(epochId: string, segments: readonly Segment[], replaced: readonly string[] = []): void {
    const { disk, dir } = this.#options;
    const doubtful = new Set<Segment>();
    const syncNames = async (): Promise<void> => {
      // It may have made way already.
      if (disk.stat(this.#epochDir(epochId)) === undefined) return;
      for (const each of [this.#epochDir(epochId), dir, dirname(dir)]) await disk.syncDir(each);
    };
    if (replaced.length === 0) {
      for (const segment of segments) this.#enqueue(() => this.#secureSegment(segment, doubtful));
      this.#enqueue(syncNames);
      return;
    }
    this.#replaced.set(epochId, replaced);
    // One job, so that what fails in front keeps the rest from being done.
    this.#enqueue(async () => {
      for (const segment of segments) await this.#secureSegment(segment, doubtful);
      await syncNames();
      this.#removeReplaced(epochId);
      await disk.syncDir(dir);
      this.#remove(join(this.#epochDir(epochId), REPLACES_FILE));
    });
  }

  write(segment: Segment, entry: Entry, header: () => SegmentHeader): void {
    const bytes = encodeEntry(entry);
    // What a move to the disk left behind that failed: the file must not be written on.
    const left = this.#open.get(segment);
    if (left !== undefined) this.#removeUnwanted(left.epochId);
    const open = this.#open.get(segment);
    if (open === undefined) {
      this.#create(segment, header(), bytes);
      return;
    }
    const { disk } = this.#options;
    // A file that was removed could still be written, and all of it would be lost.
    if (disk.stat(open.path) === undefined) throw diskError(`write ${open.path}`, systemError('ENOENT'));
    this.#writeAll(open, bytes);
  }

  /** Makes durable what was written of the segment so far. Rejects with AppError DISK_FAILED. */
  sync(segment: Segment): Promise<void> {
    return this.#run(async () => {
      const open = this.#open.get(segment);
      if (open !== undefined) await this.#sync(segment, open);
    });
  }

  seal(_epochId: string, segment: Segment): void {
    let isToldOf = false;
    this.#enqueue(async () => {
      const open = this.#open.get(segment);
      if (open === undefined) return;
      try {
        await this.#sync(segment, open);
      } catch (error) {
        if (!isToldOf && diskErrorCode(error) !== undefined) this.#options.onUnsafe(error);
        isToldOf = true;
        throw error;
      }
      open.file.close();
      this.#open.delete(segment);
      segment.close();
      segment.readFrom((last) => this.#load(segment, last));
      this.#forget(segment, segment.lastSeq - TAIL_RECORDS);
      if (this.#newest !== undefined) this.#forget(this.#newest, this.#newest.lastSeq);
      this.#newest = segment;
    });
  }

  delivered(segment: Segment, through: number): void {
    const open = this.#open.get(segment);
    if (open === undefined && !segment.isOpen) this.#forget(segment, through);
    // What a failed sync left in doubt is written anew from memory.
    else if (open !== undefined && !open.isDoubtful)
      this.#forget(segment, Math.min(through, open.durableThrough));
  }

  lost(
    epochId: string,
    gap: Span,
    { segment, replaced }: { readonly segment?: Segment; readonly replaced: readonly number[] },
  ): void {
    const path = this.#gapPath(epochId, gap.from);
    const others = replaced.filter((from) => from !== gap.from).map((from) => this.#gapPath(epochId, from));
    for (const other of others) this.#gaps.delete(other);
    this.#gaps.set(path, gap);
    this.#enqueue(async () => {
      // A longer one may have been written meanwhile, or nobody may want it any more.
      const newest = this.#gaps.get(path);
      if (newest !== undefined) await this.#writeGap(epochId, newest);
      if (this.#gaps.get(path) === newest) this.#gaps.delete(path);
      for (const other of others) this.#remove(other);
      if (segment !== undefined) this.#discard(segment);
    });
  }

  freed(epochId: string, what: Segment | number): void {
    if (!(what instanceof Segment)) this.#gaps.delete(this.#gapPath(epochId, what));
    this.#enqueue(async () => {
      if (what instanceof Segment) this.#discard(what);
      else this.#remove(this.#gapPath(epochId, what));
    });
  }

  noted(epochId: string, delivered: number): void {
    const { disk, log } = this.#options;
    const path = join(this.#epochDir(epochId), DELIVERED_FILE);
    this.#enqueue(async () => {
      if (this.#unwanted.has(epochId) || disk.stat(this.#epochDir(epochId)) === undefined) return;
      try {
        await this.#writeSmall(path, Buffer.from(String(delivered)));
      } catch (error) {
        if (diskErrorCode(error) === undefined) throw error;
        log.debug('the next start asks what was delivered', { error: describeError(error) });
      }
    });
  }

  replacing(epochId: string): void {
    const { disk } = this.#options;
    disk.makeDir(this.#epochDir(epochId));
    disk.open(join(this.#epochDir(epochId), INCOMPLETE_FILE), 'create').close();
  }

  forgotten(epochId: string, replacedBy?: Replacement, keptIn = replacedBy?.id): void {
    if (replacedBy !== undefined) {
      this.#writeGapsNow(replacedBy.id);
      this.#noteReplacement(epochId, replacedBy);
    }
    for (const path of this.#gaps.keys())
      if (dirname(path) === this.#epochDir(epochId)) this.#gaps.delete(path);
    this.#unwanted.add(epochId);
    this.#enqueue(async () => {
      for (const [segment, open] of this.#open) {
        if (open.epochId !== keptIn) continue;
        await this.#sync(segment, open);
        // It may still be read from the files that are about to go, if it could not be closed.
        segment.readFrom((last) => this.#load(segment, last));
      }
      for (const [path, gap] of this.#gaps) {
        if (keptIn === undefined || dirname(path) !== this.#epochDir(keptIn)) continue;
        await this.#writeGap(keptIn, gap);
        if (this.#gaps.get(path) === gap) this.#gaps.delete(path);
      }
      this.#removeUnwanted(epochId);
    });
  }

  /** Resolves when all jobs so far are done or have failed. */
  settled(): Promise<void> {
    return this.#jobs;
  }

  /** Tries again what has failed. */
  retry(): void {
    for (const job of this.#undone.splice(0)) this.#enqueue(job);
  }

  /** Forgets what was read of segments and nobody has asked for since the last call. */
  dropUnread(): void {
    this.#cached = this.#cached.filter((cached) => cached.isInUse);
    for (const cached of this.#cached) cached.isInUse = false;
  }

  /** Keeps the room that a gap needs on a full disk. Fails silently: without room there is none to keep. */
  restoreBallast(): void {
    this.#enqueue(async () => {
      const { disk, dir, log } = this.#options;
      const path = join(dir, BALLAST_FILE);
      if (disk.stat(path) !== undefined) return;
      try {
        const file = disk.open(path, 'create');
        try {
          file.write(Buffer.alloc(BALLAST_BYTES, 'ballast '), 0);
          await file.sync();
        } finally {
          file.close();
        }
      } catch (error) {
        if (diskErrorCode(error) === undefined) throw error;
        log.debug('no room for the ballast of the spool', { error: describeError(error) });
        this.#dropBallast();
      }
    });
  }

  /** Closes the files; nothing may be called afterwards but `settled`. */
  close(): void {
    this.#enqueue(async () => {
      for (const { file } of this.#open.values()) file.close();
      this.#open.clear();
    });
  }

  /** May throw AppError DISK_FAILED; then it is still to be done. Does nothing when the epoch has come back. */
  #removeUnwanted(epochId: string): void {
    if (!this.#unwanted.has(epochId)) return;
    for (const [segment, open] of this.#open) if (open.epochId === epochId) this.#discard(segment);
    // Its note of what it has replaced goes with it.
    this.#removeReplaced(epochId);
    removeTree(this.#options.disk, this.#epochDir(epochId));
    this.#unwanted.delete(epochId);
  }

  /** May throw AppError DISK_FAILED. */
  #removeReplaced(epochId: string): void {
    const replaced = this.#replaced.get(epochId) ?? [];
    // The newest last: until then it is what an older one was replaced by.
    for (const id of replaced.toReversed()) removeTree(this.#options.disk, this.#epochDir(id));
    this.#replaced.delete(epochId);
  }

  #epochDir(epochId: string): string {
    return join(this.#options.dir, `e-${epochId}`);
  }

  #gapPath(epochId: string, from: number): string {
    return join(this.#epochDir(epochId), `${seqName(from)}${GAP_SUFFIX}`);
  }

  #create(segment: Segment, facts: SegmentHeader, firstEntry: Buffer): void {
    const { disk } = this.#options;
    const { epochId } = facts;
    const path = join(this.#epochDir(epochId), `${seqName(segment.firstSeq)}${SEGMENT_SUFFIX}`);
    // What a move to the disk left behind that failed.
    this.#removeUnwanted(epochId);
    disk.makeDir(this.#epochDir(epochId));
    const header = encodeHeader(facts);
    const file = disk.open(path, 'create');
    const open: OpenSegment = {
      epochId,
      path,
      header,
      file,
      endBytes: 0,
      durableThrough: segment.firstSeq - 1,
      isNamed: false,
      isDoubtful: false,
    };
    try {
      this.#writeAll(open, Buffer.concat([header, firstEntry]));
    } catch (error) {
      file.close();
      this.#remove(path);
      throw error;
    }
    this.#open.set(segment, open);
    this.#paths.set(segment, path);
  }

  /** A write that failed in the middle is taken back, so that the file ends with a whole record. */
  #writeAll(open: OpenSegment, bytes: Buffer): void {
    try {
      open.file.write(bytes, open.endBytes);
    } catch (error) {
      try {
        open.file.truncate(open.endBytes);
      } catch (second) {
        // The end that is left is no record; recovery cuts it off as it does after a crash.
        this.#options.log.debug('cannot take back a write', { error: describeError(second) });
      }
      throw error;
    }
    open.endBytes += bytes.length;
  }

  async #sync(segment: Segment, open: OpenSegment): Promise<void> {
    if (open.isDoubtful) await this.#rewrite(segment, open);
    let through = segment.lastSeq;
    try {
      await open.file.sync();
      open.isDoubtful = false;
    } catch (error) {
      // The kernel may have dropped what it could not write, and would report success the next time.
      open.isDoubtful = true;
      this.#options.log.warn('sync of the spool failed; writing the segment anew', {
        error: describeError(error),
      });
      await this.#rewrite(segment, open);
      through = segment.lastSeq;
      await open.file.sync();
      open.isDoubtful = false;
    }
    if (!open.isNamed) {
      const { disk, dir } = this.#options;
      // From the inside out: a name is worth nothing in a folder that may itself be lost.
      for (const each of [this.#epochDir(open.epochId), dir, dirname(dir)]) await disk.syncDir(each);
      open.isNamed = true;
    }
    open.durableThrough = through;
  }

  /**
   * @param doubtful segments of which a sync said that it failed, which is true until there is another file: only one with the same
   *   content can be trusted
   */
  async #secureSegment(segment: Segment, doubtful: Set<Segment>): Promise<void> {
    const { disk, log } = this.#options;
    const path = this.#paths.get(segment);
    // It may have been freed meanwhile. One that is being written has syncs of its own, and must keep its file.
    if (path === undefined || this.#open.has(segment) || disk.stat(path) === undefined) return;
    if (!doubtful.has(segment)) {
      const file = disk.open(path, 'read');
      try {
        await file.sync();
        return;
      } catch (error) {
        doubtful.add(segment);
        log.warn('sync of a segment that was found failed; writing it anew', {
          error: describeError(error),
        });
      } finally {
        file.close();
      }
    }
    await this.#writeSmall(path, disk.readFile(path, SEGMENT_FILE_BYTES_MAX));
    await disk.syncDir(dirname(path));
    doubtful.delete(segment);
  }

  /**
   * Puts another file with the records in the place of the one that is in doubt, durable before it has the name: the old
   * one may hold what is. Records that left memory are read from it: they were durable before. Where they cannot be read
   * they are missing, and the collector has them.
   */
  async #rewrite(segment: Segment, open: OpenSegment): Promise<void> {
    const { disk } = this.#options;
    const temporary = `${open.path}${TEMPORARY_SUFFIX}`;
    disk.makeDir(this.#epochDir(open.epochId));
    this.#remove(temporary);
    const entries = this.#entriesOf(segment);
    const through = segment.lastSeq;
    const file = disk.open(temporary, 'create');
    const content = Buffer.concat([open.header, ...entries.map((entry) => encodeEntry(entry))]);
    let endBytes = content.length;
    try {
      file.write(content, 0);
      await file.sync();
      // What came meanwhile went to the old file; nothing of it has been called durable.
      for (const entry of segment.keptEntries()) {
        if (entry.seq <= through) continue;
        const late = encodeEntry(entry);
        file.write(late, endBytes);
        endBytes += late.length;
      }
      disk.rename(temporary, open.path);
    } catch (error) {
      file.close();
      this.#remove(temporary);
      throw error;
    }
    // From here on appends go to the new file.
    open.file.close();
    open.file = file;
    open.endBytes = endBytes;
    open.isNamed = false;
  }

  #entriesOf(segment: Segment): readonly Entry[] {
    try {
      return segment.entries();
    } catch (error) {
      if (diskErrorCode(error) === undefined) throw error;
      this.#options.log.warn('records that were delivered cannot be read again', {
        error: describeError(error),
      });
      segment.loseForgotten();
      return segment.keptEntries();
    }
  }

  async #writeGap(epochId: string, gap: Span): Promise<void> {
    // A gap may be the first thing in an epoch.
    this.#options.disk.makeDir(this.#epochDir(epochId));
    try {
      await this.#writeSmall(this.#gapPath(epochId, gap.from), gapRecord(gap, gap.from).bytes);
    } catch (error) {
      const code = diskErrorCode(error);
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
      this.#dropBallast();
      await this.#writeSmall(this.#gapPath(epochId, gap.from), gapRecord(gap, gap.from).bytes);
    }
    await this.#options.disk.syncDir(this.#epochDir(epochId));
  }

  /** Replaces a file in one step; the new content is durable before the name is. */
  async #writeSmall(path: string, content: Buffer): Promise<void> {
    const { disk } = this.#options;
    const temporary = `${path}${TEMPORARY_SUFFIX}`;
    this.#remove(temporary);
    const file = disk.open(temporary, 'create');
    try {
      file.write(content, 0);
      await file.sync();
      disk.rename(temporary, path);
    } catch (error) {
      this.#remove(temporary);
      throw error;
    } finally {
      file.close();
    }
  }

  /**
   * After the death of the process the new epoch is complete; after the loss of power only its boot tells.
   * @throws AppError DISK_FAILED; then the next start finds the old epoch
   */
  #noteReplacement(epochId: string, { id, bootId }: Replacement): void {
    const { disk, log } = this.#options;
    const path = join(this.#epochDir(id), REPLACES_FILE);
    const temporary = `${path}${TEMPORARY_SUFFIX}`;
    const file = disk.open(temporary, 'create');
    try {
      file.write(Buffer.from(`${epochId} ${bootId}`), 0);
    } finally {
      file.close();
    }
    disk.rename(temporary, path);
    try {
      this.#remove(join(this.#epochDir(id), INCOMPLETE_FILE));
    } catch (error) {
      if (diskErrorCode(error) === undefined) throw error;
      log.debug('the next start removes what is left of a replacement', { error: describeError(error) });
    }
  }

  /**
   * Writes the gaps of an epoch that is about to count, so that they are there after the death of the process; the jobs make them
   * durable, and try again what fails here.
   */
  #writeGapsNow(epochId: string): void {
    const { disk, log } = this.#options;
    for (const [path, gap] of this.#gaps) {
      if (dirname(path) !== this.#epochDir(epochId)) continue;
      // Another name than that of the job, which may be about it.
      const temporary = `${path}.now${TEMPORARY_SUFFIX}`;
      try {
        this.#remove(temporary);
        const file = disk.open(temporary, 'create');
        try {
          file.write(gapRecord(gap, gap.from).bytes, 0);
        } finally {
          file.close();
        }
        disk.rename(temporary, path);
      } catch (error) {
        if (diskErrorCode(error) === undefined) throw error;
        log.debug('a gap is written later', { error: describeError(error) });
      }
    }
  }

  #dropBallast(): void {
    this.#remove(join(this.#options.dir, BALLAST_FILE));
  }

  #discard(segment: Segment): void {
    this.#open.get(segment)?.file.close();
    this.#open.delete(segment);
    if (this.#newest === segment) this.#newest = undefined;
    const path = this.#paths.get(segment);
    if (path !== undefined) this.#remove(path);
    this.#cached = this.#cached.filter((cached) => cached.segment !== segment);
  }

  #remove(path: string): void {
    removeFile(this.#options.disk, path);
  }

  #forget(segment: Segment, through: number): void {
    segment.forget(through, (last) => this.#load(segment, last));
  }

  /** @throws AppError DISK_FAILED */
  #load(segment: Segment, through: number): readonly Entry[] {
    const cached = this.#cached.find((each) => each.segment === segment);
    if (cached !== undefined && cached.through >= through) {
      cached.isInUse = true;
      return cached.entries;
    }
    const { firstSeq, lastSeq } = segment;
    const { entries } = scanEntries(this.#read(segment), firstSeq);
    const known = entries.filter(({ seq }) => seq <= lastSeq);
    const others = this.#cached.filter((each) => each.segment !== segment);
    this.#cached = [{ segment, through: lastSeq, entries: known, isInUse: true }, ...others].slice(
      0,
      CACHED_MAX,
    );
    return known;
  }

  /** The file of a segment, of an open one as far as it is written. */
  #read(segment: Segment): Buffer {
    const open = this.#open.get(segment);
    if (open !== undefined) {
      const bytes = Buffer.allocUnsafe(open.endBytes);
      return bytes.subarray(0, open.file.read(bytes, 0));
    }
    const path = this.#paths.get(segment);
    if (path === undefined) throw diskError('read a segment', systemError('ENOENT'));
    return this.#options.disk.readFile(path, SEGMENT_FILE_BYTES_MAX);
  }

  /** Runs a job behind all others; its failure is the caller's. */
  #run(job: Job): Promise<void> {
    const result = this.#jobs.then(job);
    this.#jobs = result.catch(() => undefined);
    return result;
  }

  /** Runs a job behind all others; when the disk fails it is kept to be tried again. */
  #enqueue(job: Job): void {
    const guarded = async (): Promise<void> => {
      try {
        await job();
      } catch (error) {
        if (diskErrorCode(error) === undefined) throw error;
        if (this.#undone.length < UNDONE_MAX) this.#undone.push(job);
        this.#options.onFailure(error);
      }
    };
    background(this.#options.log, 'spool', this.#run(guarded));
  }
}

/** The name of a file that begins with this number; names sort like numbers. */
function seqName(seq: number): string {
  return String(seq).padStart(SEQ_DIGITS, '0');
}

/** Removes a file; it is fine when there is none. May throw AppError DISK_FAILED. */
export function removeFile(disk: Disk, path: string): void {
  try {
    disk.remove(path);
  } catch (error) {
    if (diskErrorCode(error) !== 'ENOENT') throw error;
  }
}

/** Removes a folder and the files in it; it is fine when there is none. May throw AppError DISK_FAILED. */
export function removeTree(disk: Disk, dir: string): void {
  if (disk.stat(dir) === undefined) return;
  for (const name of disk.list(dir)) {
    const path = join(dir, name);
    if (disk.stat(path)?.isDir ?? false) removeTree(disk, path);
    else removeFile(disk, path);
  }
  disk.removeDir(dir);
}
