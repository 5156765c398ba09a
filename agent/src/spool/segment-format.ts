/**
 * The bytes of a spool segment: a header, then entries. An entry is a record as it goes over the wire behind a prefix
 * with the counts of the epoch in front of it, so that whatever is damaged, the next good entry tells exactly how many
 * ticks and values are missing. Every entry is found and checked by itself. docs/spool-format.md draws it.
 */
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { readU48 } from '@rollcall/shared/lib/varint.ts';
import { decodeRecord, type WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { RecordCounts } from './spool.ts';

const SEGMENT_FORMAT = 1;
export const SEGMENT_HEADER_BYTES = 128;
export const ENTRY_PREFIX_BYTES = 20;
/** Longest id of a boot, in bytes. */
const BOOT_ID_BYTES_MAX = 64;

const MAGIC = Buffer.from('RCSG');
const BOOT_ID_OFFSET = 43;
const HEADER_CRC_OFFSET = 124;
const PREFIX_CRC_FROM = 4;

export interface SegmentHeader {
  /** 16 hexadecimal digits. */
  readonly epochId: string;
  /** Puts epochs in order; from 1. */
  readonly ordinal: number;
  readonly bootId: string;
  readonly firstSeq: number;
  /** Counts of the epoch in front of the segment. */
  readonly before: RecordCounts;
  /** How many schemas have had a number in the epoch so far, and the highest number. */
  readonly schemaCount: number;
  readonly schemaNumberMax: number;
}

/** A record with its place in the account of the epoch. */
export interface Entry {
  readonly seq: number;
  /** Counts of the epoch in front of the record, and its own. */
  readonly before: RecordCounts;
  readonly counts: RecordCounts;
  readonly bytes: Buffer;
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16LE(SEGMENT_FORMAT, 4);
  bytes.writeUInt16LE(SEGMENT_HEADER_BYTES, 6);
  bytes.write(header.epochId, 8, 'hex');
  bytes.writeUInt32LE(header.ordinal, 16);
  bytes.writeUIntLE(header.firstSeq, 20, 6);
  bytes.writeUIntLE(header.before.ticks, 26, 6);
  bytes.writeUIntLE(header.before.samples, 32, 6);
  bytes.writeUInt16LE(header.schemaCount, 38);
  bytes.writeUInt16LE(header.schemaNumberMax, 40);
  const length = bytes.write(header.bootId, BOOT_ID_OFFSET, BOOT_ID_BYTES_MAX, 'utf8');
  bytes.writeUInt8(length, BOOT_ID_OFFSET - 1);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_CRC_OFFSET)), HEADER_CRC_OFFSET);
  return bytes;
}

/** The header, undefined when it is damaged or of another kind of file. */
export function decodeHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, 4).equals(MAGIC)) return undefined;
  if (bytes.readUInt16LE(4) !== SEGMENT_FORMAT) return undefined;
  const crc = crc32(bytes.subarray(0, HEADER_CRC_OFFSET));
  if (crc !== bytes.readUInt32LE(HEADER_CRC_OFFSET)) return undefined;
  const bootIdEnd = BOOT_ID_OFFSET + bytes.readUInt8(BOOT_ID_OFFSET - 1);
  return {
    epochId: bytes.toString('hex', 8, 16),
    ordinal: bytes.readUInt32LE(16),
    firstSeq: readU48(bytes, 20),
    before: { ticks: readU48(bytes, 26), samples: readU48(bytes, 32) },
    schemaCount: bytes.readUInt16LE(38),
    schemaNumberMax: bytes.readUInt16LE(40),
    bootId: bytes.toString('utf8', BOOT_ID_OFFSET, bootIdEnd),
  };
}

/** The prefix and the record as one piece, so that one write puts both on the disk. */
export function encodeEntry({ before, counts, bytes }: Omit<Entry, 'seq'>): Buffer {
  const entry = Buffer.allocUnsafe(ENTRY_PREFIX_BYTES + bytes.length);
  entry.writeUIntLE(before.ticks, 4, 6);
  entry.writeUIntLE(before.samples, 10, 6);
  entry.writeUInt8(counts.ticks, 16);
  entry.writeUIntLE(counts.samples, 17, 3);
  entry.writeUInt32LE(crc32(entry.subarray(PREFIX_CRC_FROM, ENTRY_PREFIX_BYTES)), 0);
  bytes.copy(entry, ENTRY_PREFIX_BYTES);
  return entry;
}

/** What a segment holds. */
export interface ScannedEntries {
  /** In order of their numbers, which may have holes where something is damaged; views of the bytes given. */
  readonly entries: readonly Entry[];
  /** Bytes that belong to no entry stand between entries, or behind the last one. */
  readonly isMiddleDamaged: boolean;
  readonly isEndDamaged: boolean;
}

/**
 * Finds every good entry of a segment. What cannot be read is skipped byte by byte until an entry with a higher number
 * begins; a run of zeros is no entry.
 * @param bytes the whole file, its header included, which is not looked at
 * @param firstSeq lower numbers do not belong here
 */
export function scanEntries(bytes: Buffer, firstSeq: number): ScannedEntries {
  const entries: Entry[] = [];
  let isMiddleDamaged = false;
  let lastSeq = firstSeq - 1;
  let lastTicks = 0;
  let goodEnd = SEGMENT_HEADER_BYTES;
  let offset = SEGMENT_HEADER_BYTES;
  while (offset + ENTRY_PREFIX_BYTES < bytes.length) {
    const entry = entryAt(bytes, offset);
    if (entry === undefined || entry.seq <= lastSeq || entry.before.ticks < lastTicks) {
      offset++;
      continue;
    }
    if (offset !== goodEnd || entry.seq !== lastSeq + 1) isMiddleDamaged = true;
    entries.push(entry);
    lastSeq = entry.seq;
    lastTicks = entry.before.ticks;
    offset += ENTRY_PREFIX_BYTES + entry.bytes.length;
    goodEnd = offset;
  }
  return { entries, isMiddleDamaged, isEndDamaged: goodEnd !== bytes.length };
}

function entryAt(bytes: Buffer, offset: number): Entry | undefined {
  const recordOffset = offset + ENTRY_PREFIX_BYTES;
  const crc = crc32(bytes.subarray(offset + PREFIX_CRC_FROM, recordOffset));
  if (crc !== bytes.readUInt32LE(offset)) return undefined;
  const record = recordAt(bytes, recordOffset);
  if (record === undefined) return undefined;
  return {
    seq: record.seq,
    before: { ticks: readU48(bytes, offset + 4), samples: readU48(bytes, offset + 10) },
    counts: { ticks: bytes.readUInt8(offset + 16), samples: bytes.readUIntLE(offset + 17, 3) },
    bytes: record.bytes,
  };
}

function recordAt(bytes: Buffer, offset: number): WireRecord | undefined {
  try {
    return decodeRecord(bytes, offset);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
