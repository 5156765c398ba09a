/**
 * Reads the folder of a spool after a restart. Every good record is found, whatever surrounds it; what cannot be read is
 * declared when the next good record tells what is missing, and looked at again after the next restart, so nothing is
 * repaired in place. Files that do not belong here are put aside.
 */
import { join } from 'node:path';
import { diskErrorCode, type Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { addCounts, NO_COUNTS, type Span } from './span.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { decodeGap } from '@rollcall/shared/protocol/gap.ts';
import { decodeRecord, RECORD_KIND, recordBody } from '@rollcall/shared/protocol/record.ts';
import { decodeSchemaBody } from '@rollcall/shared/protocol/schema.ts';
import {
  DELIVERED_FILE,
  GAP_SUFFIX,
  removeFile,
  removeTree,
  REPLACES_FILE,
  SEGMENT_FILE_BYTES_MAX,
  SEGMENT_SUFFIX,
  TEMPORARY_SUFFIX,
  type DiskShelf,
} from './disk-shelf.ts';
import { Epoch } from './epoch.ts';
import { readMeta } from './meta.ts';
import type { RestoredEpochs } from './record-spool.ts';
import { EPOCH_DIR, finishReplacements, replacedBy } from './replacements.ts';
import { decodeHeader, scanEntries, type Entry, type SegmentHeader } from './segment-format.ts';
import { wallsOf, type Segment, type SegmentFacts } from './segment.ts';

const FILE_NAME = /^(\d{15})(\.seg|\.gap)$/;
export const QUARANTINE_DIR = 'quarantine';
/** What is put aside, for people to look at; the oldest goes. */
const QUARANTINE_BYTES_MAX = 4 * 1024 * 1024;
const DAMAGED_SUFFIX = '-damaged';
/** Something else has the name of the folder. */
const NOT_A_DIR: ReadonlySet<string> = new Set(['ENOTDIR', 'EEXIST']);
const GAP_FILE_BYTES_MAX = 4_096;
const SEQ_BYTES_MAX = 15;

export interface RecoverOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly shelf: DiskShelf;
  readonly log: Logger;
  /** Of the machine as it runs now, '' when unknown. */
  readonly bootId: string;
  /** Id of the agent, 16 bytes. */
  readonly owner: Buffer;
}

export interface Recovered extends RestoredEpochs {
  /** Newest record that survived. */
  readonly last: LastRecord | undefined;
  /** Its epoch belongs to an earlier boot of the machine. */
  readonly isOtherBoot: boolean;
  /** Something could not be read. */
  readonly isDamaged: boolean;
  /**
   * Ids of epochs that others have replaced in this boot, newest first, by the ids of those. They are not read, and stay until those
   * are durable.
   */
  readonly replaced: ReadonlyMap<string, readonly string[]>;
}

export interface LastRecord {
  readonly kind: number;
  readonly wallMs: number;
  /** Empty when it cannot be decoded. */
  readonly body: Buffer;
}

interface FoundEpoch {
  readonly epoch: Epoch;
  /** The newest segment and its header; undefined when it could not be read as a whole. */
  readonly end: { readonly header: SegmentHeader; readonly entries: readonly Entry[] } | undefined;
  readonly lastEntry: Entry | undefined;
  readonly isDamaged: boolean;
}

interface FoundSegment {
  readonly segment: Segment;
  readonly header: SegmentHeader | undefined;
  /** Empty when they are not needed any more. */
  readonly entries: readonly Entry[];
  readonly isMiddleDamaged: boolean;
  readonly isEndDamaged: boolean;
}

/**
 * What the disk still has. A disk that cannot be used now is left as it is, `failure` says why. Where its content makes
 * reading fail as a whole, the folder gets another name and an empty one takes its place.
 */
export function recoverOrBeginAnew(options: RecoverOptions): {
  readonly recovered: Recovered;
  readonly failure: unknown;
} {
  const { disk, dir, log } = options;
  const nothing = {
    epochs: [],
    goesOn: undefined,
    last: undefined,
    isOtherBoot: false,
    isDamaged: true,
    replaced: new Map<string, readonly string[]>(),
  };
  try {
    disk.makeDir(dir);
    return { recovered: recover(options), failure: undefined };
  } catch (error) {
    const code = diskErrorCode(error);
    if (code !== undefined && !NOT_A_DIR.has(code)) return { recovered: nothing, failure: error };
    log.error('the spool cannot be read; beginning a new one', { dir, error: describeError(error) });
  }
  try {
    removeTree(disk, `${dir}${DAMAGED_SUFFIX}`);
    disk.rename(dir, `${dir}${DAMAGED_SUFFIX}`);
    disk.makeDir(dir);
    return { recovered: nothing, failure: undefined };
  } catch (error) {
    return { recovered: nothing, failure: error };
  }
}

/** Everything that can still be read. @throws AppError DISK_FAILED when the folder itself cannot be used */
function recover(options: RecoverOptions): Recovered {
  const { disk, dir, bootId, owner } = options;
  const notes = finishReplacements(options);
  const unwanted = new Set(notes.values());
  const found: FoundEpoch[] = [];
  const recoverInto = (id: string): FoundEpoch | undefined => {
    const epoch = recoverEpoch(id, options);
    if (epoch !== undefined) found.push(epoch);
    return epoch;
  };
  const replaced = new Map<string, readonly string[]>();
  for (const name of disk.list(dir)) {
    const id = EPOCH_DIR.exec(name)?.[1];
    if (id === undefined || unwanted.has(id)) continue;
    const chain = [id, ...replacedBy(id, notes)];
    for (const [at, each] of chain.entries()) {
      const isThere = disk.stat(join(dir, `e-${each}`)) !== undefined;
      if (isThere && recoverInto(each) !== undefined) {
        if (at + 1 < chain.length) replaced.set(each, chain.slice(at + 1));
        break;
      }
      // Nothing of it can be read, or is there: what it has replaced stands for it.
      removeFile(disk, join(dir, `e-${each}`, REPLACES_FILE));
    }
  }
  limitQuarantine(options);
  found.sort((left, right) => left.epoch.ordinal - right.epoch.ordinal);
  const newest = found.at(-1);
  const meta = readMeta(disk, dir);
  const isSame =
    meta !== undefined && meta.owner.equals(owner) && meta.epochId === newest?.epoch.id && bootId !== '';
  const goesOn = isSame && newest?.epoch.bootId === bootId && !newest.isDamaged ? newest.end : undefined;
  return {
    epochs: found.map(({ epoch }) => epoch),
    goesOn: goesOn === undefined ? undefined : schemasOf(goesOn),
    last: newest?.lastEntry === undefined ? undefined : lastRecordOf(newest.lastEntry),
    isOtherBoot: newest !== undefined && newest.epoch.bootId !== bootId,
    isDamaged: found.some(({ isDamaged }) => isDamaged),
    replaced,
  };
}

function recoverEpoch(id: string, options: RecoverOptions): FoundEpoch | undefined {
  const { disk, shelf } = options;
  const dir = join(options.dir, `e-${id}`);
  const gaps: Span[] = [];
  const names: string[] = [];
  // By the numbers in their names.
  const unreadable: number[] = [];
  for (const name of disk.list(dir)) {
    const suffix = FILE_NAME.exec(name)?.[2];
    if (name.endsWith(TEMPORARY_SUFFIX)) removeFile(disk, join(dir, name));
    else if (suffix === SEGMENT_SUFFIX) names.push(name);
    else if (suffix === GAP_SUFFIX) {
      if (!readGapInto(gaps, { name, id, dir }, options)) unreadable.push(numberIn(name));
    } else if (name !== DELIVERED_FILE && name !== REPLACES_FILE) putAside({ name, id, dir }, options);
  }
  const segments: FoundSegment[] = [];
  let entries: readonly Entry[] = [];
  for (const name of names) {
    const found = readSegment({ name, id, dir }, { ...options, after: segments.at(-1), gaps });
    if (found === 'unreadable') unreadable.push(numberIn(name));
    if (typeof found !== 'object') continue;
    // The records of all segments together would be the whole spool in memory.
    segments.push({ ...found, entries: [] });
    entries = found.entries;
  }
  const headers = segments.flatMap(({ header }) => header ?? []);
  const newest = segments.at(-1);
  if (newest === undefined && gaps.length === 0) {
    // What cannot be read today may be readable at the next start.
    if (unreadable.length === 0) removeTree(disk, dir);
    return undefined;
  }
  const damaged = segments.filter(({ isMiddleDamaged }) => isMiddleDamaged);
  const firstNumber = Math.min(segments[0]?.segment.firstSeq ?? Infinity, ...gaps.map(({ from }) => from));
  const lastNumber = newest?.segment.lastSeq ?? 0;
  const epoch = Epoch.restore(
    { id, bootId: headers.at(-1)?.bootId ?? '', ordinal: headers.at(-1)?.ordinal ?? 0, shelf },
    {
      segments: segments.map(({ segment }) => segment),
      gaps,
      damaged: damaged.map(({ segment }) => segment),
      isFrontUnreadable: unreadable.some((number) => number < firstNumber),
      isEndUnreadable: unreadable.some((number) => number > lastNumber),
      delivered: readDelivered(join(dir, DELIVERED_FILE), options),
    },
  );
  const isEndGood =
    newest !== undefined && !newest.isEndDamaged && !newest.isMiddleDamaged && unreadable.length === 0;
  const { header } = newest ?? {};
  return {
    epoch,
    end: header === undefined || !isEndGood ? undefined : { header, entries },
    lastEntry: entries.at(-1),
    isDamaged: !isEndGood || damaged.length > 0,
  };
}

/** Through which number the collector has the epoch; 0 when that is not known, and it is asked. */
function readDelivered(path: string, { disk }: RecoverOptions): number {
  try {
    if (disk.stat(path) === undefined) return 0;
    const text = disk.readFile(path, SEQ_BYTES_MAX).toString();
    return /^\d+$/.test(text) ? Number(text) : 0;
  } catch (error) {
    if (diskErrorCode(error) === undefined) throw error;
    return 0;
  }
}

/** Number of the first record that a file of an epoch stands for. */
function numberIn(name: string): number {
  return Number.parseInt(name, 10);
}

interface FileOfEpoch {
  readonly name: string;
  /** Of the epoch. */
  readonly id: string;
  readonly dir: string;
}

/** Undefined when nothing of it is needed. */
function readSegment(
  file: FileOfEpoch,
  options: RecoverOptions & { readonly after: FoundSegment | undefined; readonly gaps: readonly Span[] },
): FoundSegment | 'unreadable' | undefined {
  const { disk, shelf, log, after, gaps } = options;
  const path = join(file.dir, file.name);
  let bytes: Buffer;
  try {
    bytes = disk.readFile(path, SEGMENT_FILE_BYTES_MAX);
  } catch (error) {
    if (diskErrorCode(error) === undefined) throw error;
    log.warn('a segment of the spool cannot be read', { path, error: describeError(error) });
    return 'unreadable';
  }
  const header = decodeHeader(bytes);
  if (header !== undefined && header.epochId !== file.id) {
    putAside(file, options);
    return undefined;
  }
  const nameSeq = numberIn(file.name);
  const from = Math.max(nameSeq, (after?.segment.lastSeq ?? 0) + 1);
  const scanned = scanEntries(bytes, from);
  const [first] = scanned.entries;
  const last = scanned.entries.at(-1);
  if (first === undefined || last === undefined) {
    putAside(file, options);
    return 'unreadable';
  }
  if (gaps.some((gap) => gap.from <= first.seq && last.seq <= gap.to)) {
    // The gap was durable, and the crash came before the segment was removed.
    removeFile(disk, path);
    return undefined;
  }
  const isWhole = header !== undefined && from === nameSeq;
  const start = isWhole
    ? { firstSeq: nameSeq, before: header.before }
    : { firstSeq: first.seq, before: first.before };
  const segment = shelf.adopt(path, { ...factsOf(scanned.entries, last), ...start, bytes: bytes.length });
  return { segment, header, ...scanned };
}

function factsOf(
  entries: readonly Entry[],
  last: Entry,
): Omit<SegmentFacts, 'firstSeq' | 'before' | 'bytes'> {
  let firstWallMs = Number.POSITIVE_INFINITY;
  let lastWallMs = 0;
  let lastBootMs = 0;
  for (const { bytes } of entries) {
    const walls = wallsOf(bytes);
    firstWallMs = Math.min(firstWallMs, walls.firstWallMs);
    lastWallMs = Math.max(lastWallMs, walls.lastWallMs);
    lastBootMs = Math.max(lastBootMs, walls.lastBootMs);
  }
  const through = addCounts(last.before, last.counts);
  return { lastSeq: last.seq, through, firstWallMs, lastWallMs, lastBootMs };
}

/** False when the file is damaged; what it declared is then found as a hole. */
function readGapInto(gaps: Span[], file: FileOfEpoch, options: RecoverOptions): boolean {
  try {
    const bytes = options.disk.readFile(join(file.dir, file.name), GAP_FILE_BYTES_MAX);
    const record = decodeRecord(bytes, 0);
    const gap = decodeGap(recordBody(record));
    const isSound = record.seq === numberIn(file.name) && record.seq <= gap.to;
    if (!isSound || record.kind !== RECORD_KIND.GAP) throw new AppError('RECORD_CORRUPT', 'not a gap');
    const { to, reason, isEstimated, ticksThrough, samplesThrough, firstWallMs, lastWallMs } = gap;
    const through = { ticks: ticksThrough, samples: samplesThrough };
    const walls = { firstWallMs, lastWallMs, lastBootMs: record.bootMs };
    gaps.push({ from: record.seq, to, reason, isEstimated, through, lost: NO_COUNTS, ...walls });
    return true;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    options.log.warn('a gap of the spool cannot be read', { file: file.name, error: describeError(error) });
    // What the disk does not give today it may give tomorrow.
    if (diskErrorCode(error) === undefined) putAside(file, options);
    return false;
  }
}

function putAside({ name, id, dir }: FileOfEpoch, { disk, dir: root, log }: RecoverOptions): void {
  log.warn('put a file of the spool aside that cannot be used', { file: join(dir, name) });
  disk.makeDir(join(root, QUARANTINE_DIR));
  disk.rename(join(dir, name), join(root, QUARANTINE_DIR, `${id}-${name}`));
}

function limitQuarantine({ disk, dir }: RecoverOptions): void {
  const quarantine = join(dir, QUARANTINE_DIR);
  if (disk.stat(quarantine) === undefined) return;
  const files = disk.list(quarantine).flatMap((name) => {
    const path = join(quarantine, name);
    const facts = disk.stat(path);
    return facts === undefined || facts.isDir ? [] : [{ path, ...facts }];
  });
  files.sort((left, right) => right.modifiedMs - left.modifiedMs);
  let bytes = 0;
  for (const { path, sizeBytes } of files) {
    bytes += sizeBytes;
    if (bytes > QUARANTINE_BYTES_MAX) removeFile(disk, path);
  }
}

/** The schemas that have a number in the epoch, as far as the newest segment names them. */
function schemasOf(end: { readonly header: SegmentHeader; readonly entries: readonly Entry[] }) {
  const numbers = new Map<string, number>();
  let { schemaNumberMax } = end.header;
  let newNumbers = 0;
  for (const { bytes } of end.entries) {
    const record = decodeRecord(bytes, 0);
    if (record.kind !== RECORD_KIND.SCHEMA) continue;
    const { number, schema } = decodeSchemaBody(recordBody(record));
    if (number > end.header.schemaNumberMax && !numbers.has(schema.hash)) newNumbers++;
    numbers.set(schema.hash, number);
    schemaNumberMax = Math.max(schemaNumberMax, number);
  }
  return { schemaCount: end.header.schemaCount + newNumbers, schemaNumberMax, numbers };
}

function lastRecordOf({ bytes }: Entry): LastRecord {
  const record = decodeRecord(bytes, 0);
  let body: Buffer = Buffer.alloc(0);
  try {
    body = recordBody(record);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
  return { kind: record.kind, wallMs: record.wallMs, body };
}
