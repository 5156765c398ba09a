/**
 * The record: unit of storage, sending, acknowledgement and loss. The same bytes stand in the agent's spool, on the
 * wire and in the collector's journal. docs/protocol.md draws the header of 34 bytes.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { assert } from '../lib/assert.ts';
import { crc32 } from '../lib/crc.ts';
import { AppError } from '../lib/errors.ts';
import { readU48 } from '../lib/varint.ts';
import { LIMITS } from './limits.ts';

/** What the body of a record is. Other kinds are refused one by one, so that newer agents can be served. */
export const RECORD_KIND = {
  SAMPLES: 1,
  SCHEMA: 2,
  GAP: 3,
  EVENT: 4,
  PROBE: 5,
  INVENTORY_CHANGE: 6,
} as const;

/** Bits of the flags; unknown ones are ignored. */
export const RECORD_FLAG = {
  FIRST_AFTER_START: 1,
  SUSPENDED_BEFORE: 2,
  CLOCK_STEPPED_BEFORE: 4,
  MEMORY_MODE: 8,
} as const;

/** How the body is stored. */
export const CODEC = { NONE: 0, DEFLATE_RAW: 1 } as const;

/** Bytes of a record in front of its body. */
export const RECORD_HEADER_BYTES = 34;
/** Offset from which the checksum covers a record. */
const CRC_FROM = 8;
/** Bodies smaller than this are never worth compressing. */
const COMPRESS_MIN_BYTES = 128;
/**
 * Tables and window that small bodies are compressed with. Those of zlib's default are 256 KiB, which have to be found,
 * zeroed and given back for each record, and make a body of a few KiB hardly smaller.
 */
const SMALL_BODY_BYTES = 8 * 1024;
const SMALL_BODY_DEFLATE = { level: 1, windowBits: 12, memLevel: 5 } as const;
const DEFLATE = { level: 1 } as const;
/** A compressed body must save at least this share. */
const COMPRESS_GAIN_RATIO = 0.05;

/** The smallest buffer that zlib takes. */
const CHUNK_BYTES_MIN = 64;

/** What a writer decides; the number comes from the spool. */
export interface RecordDraft {
  /** One of RECORD_KIND. */
  readonly kind: number;
  /** RECORD_FLAG bits. */
  readonly flags: number;
  /** Wall clock, UTC milliseconds since 1970; an integer of 48 bits. */
  readonly wallMs: number;
  /** Boot clock, milliseconds since the machine booted, suspend included; an integer of 48 bits. */
  readonly bootMs: number;
  /** As it is before compression, at most 512 KiB. */
  readonly body: Uint8Array;
  /** A body smaller than this stays as it is. @default 128 */
  readonly compressMinBytes?: number;
}

/** A header as it was read: the kind may be unknown, everything else has been checked against the record's bytes. */
export interface RecordHeader {
  readonly kind: number;
  /** One of CODEC; others are refused when the body is asked for. */
  readonly codec: number;
  readonly flags: number;
  /** Number in the epoch, from 1. */
  readonly seq: number;
  readonly wallMs: number;
  readonly bootMs: number;
  /**
   * Checksum of the record's bytes from 8 on, as they are where the agent keeps it; the collector may hold the body
   * inflated, and other bytes then.
   */
  readonly crc: number;
  /** Bytes of the body before compression, as claimed. */
  readonly inflatedLength: number;
}

/** A record with its bytes; `bytes` and `storedBody` are views into the buffer it was read from. */
export interface WireRecord extends RecordHeader {
  readonly bytes: Buffer;
  readonly storedBody: Buffer;
}

/**
 * The bytes of a record, owned by the caller. The body is compressed with raw deflate level 1 when it is large enough and that saves 5 %.
 * @param seq number in the epoch, 1 to 2^48 - 1; anything else is a bug and throws
 * @throws AppError LIMIT_EXCEEDED when the body is over 512 KiB, or over 128 KiB as stored
 */
export function encodeRecord(draft: RecordDraft, seq: number): Buffer {
  const { body, compressMinBytes = COMPRESS_MIN_BYTES } = draft;
  assert(seq >= 1, 'records are numbered from 1');
  if (body.length > LIMITS.recordInflatedBytes) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `record body of ${body.length} bytes, at most ${LIMITS.recordInflatedBytes}`,
    );
  }
  let stored = body;
  let codec: number = CODEC.NONE;
  if (body.length >= compressMinBytes) {
    const deflated = deflateRawSync(body, deflateOptions(body.length));
    const isWithinRatio = body.length <= deflated.length * LIMITS.recordInflateRatio;
    if (isWithinRatio && deflated.length <= body.length * (1 - COMPRESS_GAIN_RATIO)) {
      stored = deflated;
      codec = CODEC.DEFLATE_RAW;
    }
  }
  if (stored.length > LIMITS.recordBytes) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `record of ${stored.length} stored bytes, at most ${LIMITS.recordBytes}`,
    );
  }
  // Memory of its own: the spool keeps it, and would keep the whole pool with it.
  const bytes = Buffer.allocUnsafeSlow(RECORD_HEADER_BYTES + stored.length);
  bytes.writeUInt32LE(stored.length, 0);
  bytes.writeUInt8(draft.kind, 8);
  bytes.writeUInt8(codec, 9);
  bytes.writeUInt16LE(draft.flags, 10);
  bytes.writeUInt32LE(body.length, 12);
  bytes.writeUIntLE(seq, 16, 6);
  bytes.writeUIntLE(draft.wallMs, 22, 6);
  bytes.writeUIntLE(draft.bootMs, 28, 6);
  bytes.set(stored, RECORD_HEADER_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(CRC_FROM)), 4);
  return bytes;
}

/** Node.js takes 16 KiB for the result where it is not told, and has them until it collects all garbage, which takes minutes. */
function deflateOptions(length: number) {
  if (length > SMALL_BODY_BYTES) return DEFLATE;
  return { ...SMALL_BODY_DEFLATE, chunkSize: Math.max(CHUNK_BYTES_MIN, length) };
}

/**
 * Reads the record that starts at `offset`. The next one starts at `offset + bytes.length` of the result.
 * @throws AppError RECORD_CORRUPT when lengths or checksum are wrong
 */
export function decodeRecord(buffer: Buffer, offset: number): WireRecord {
  const record = readRecord(buffer, offset);
  if (crc32(record.bytes.subarray(CRC_FROM)) !== record.crc) {
    throw new AppError('RECORD_CORRUPT', 'checksum of a record is wrong');
  }
  return record;
}

/**
 * A record with its body as it was before compression, and still with the checksum of the compressed one; undefined when
 * it is damaged, cannot be inflated, or would be longer than a record may be.
 */
export function inflateRecord(record: Buffer): Buffer | undefined {
  const body = bodyOrUndefined(record);
  return body === undefined || body.length > LIMITS.recordBytes ? undefined : withBody(record, body);
}

/**
 * The bytes by which a record is stored: its body inflated, under a checksum of their own, so that nobody who reads it
 * has to inflate it again; as it came when it is not compressed, or too long otherwise.
 * @param body what `recordBody` gives for it
 */
export function storedForm({ bytes, codec }: WireRecord, body: Buffer): Buffer {
  if (codec === CODEC.NONE || body.length > LIMITS.recordBytes) return bytes;
  const stored = withBody(bytes, body);
  stored.writeUInt32LE(crc32(stored.subarray(CRC_FROM)), 4);
  return stored;
}

function withBody(record: Buffer, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(RECORD_HEADER_BYTES + body.length);
  bytes.set(record.subarray(0, RECORD_HEADER_BYTES));
  bytes.writeUInt32LE(body.length, 0);
  bytes.writeUInt8(CODEC.NONE, 9);
  bytes.set(body, RECORD_HEADER_BYTES);
  return bytes;
}

/**
 * Reads what `inflateRecord` made. `crc` of the result is the checksum that the record has where it is kept compressed,
 * which names it towards the agent; its bytes get the one that fits them, so `buffer` must be the caller's own.
 * @throws AppError RECORD_CORRUPT
 */
export function decodeInflatedRecord(buffer: Buffer, offset: number): WireRecord {
  const record = readRecord(buffer, offset);
  if (record.codec !== CODEC.NONE) throw new AppError('RECORD_CORRUPT', 'a packed record is compressed');
  record.bytes.writeUInt32LE(crc32(record.bytes.subarray(CRC_FROM)), 4);
  return record;
}

function bodyOrUndefined(record: Buffer): Buffer | undefined {
  try {
    return recordBody(decodeRecord(record, 0));
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** Reads a header and checks the lengths; what the checksum says is for the caller. */
function readRecord(buffer: Buffer, offset: number): WireRecord {
  if (buffer.length - offset < RECORD_HEADER_BYTES) {
    throw new AppError('RECORD_CORRUPT', `${buffer.length - offset} bytes are shorter than a record header`);
  }
  const storedLength = buffer.readUInt32LE(offset);
  if (storedLength > LIMITS.recordBytes) {
    throw new AppError(
      'RECORD_CORRUPT',
      `record of ${storedLength} stored bytes, at most ${LIMITS.recordBytes}`,
    );
  }
  const end = offset + RECORD_HEADER_BYTES + storedLength;
  if (end > buffer.length) {
    throw new AppError(
      'RECORD_CORRUPT',
      `record of ${storedLength} stored bytes ends ${end - buffer.length} bytes too early`,
    );
  }
  const seq = readU48(buffer, offset + 16);
  if (seq === 0) throw new AppError('RECORD_CORRUPT', 'a record has the number 0');
  const bytes = buffer.subarray(offset, end);
  return {
    kind: bytes.readUInt8(8),
    codec: bytes.readUInt8(9),
    flags: bytes.readUInt16LE(10),
    inflatedLength: bytes.readUInt32LE(12),
    seq,
    wallMs: readU48(bytes, 22),
    bootMs: readU48(bytes, 28),
    crc: bytes.readUInt32LE(4),
    bytes,
    storedBody: bytes.subarray(RECORD_HEADER_BYTES),
  };
}

/**
 * The body of a record, inflated when it is compressed. Lengths and ratio are checked before anything is inflated.
 * @throws AppError RECORD_UNDECODABLE
 */
export function recordBody(record: WireRecord): Buffer {
  const { storedBody, inflatedLength } = record;
  if (record.codec === CODEC.NONE) {
    if (inflatedLength !== storedBody.length) {
      throw new AppError(
        'RECORD_UNDECODABLE',
        `declared length ${inflatedLength} of a body of ${storedBody.length} bytes`,
      );
    }
    return storedBody;
  }
  if (record.codec !== CODEC.DEFLATE_RAW) {
    throw new AppError('RECORD_UNDECODABLE', `codec ${record.codec} is unknown`);
  }
  if (
    inflatedLength > LIMITS.recordInflatedBytes ||
    inflatedLength > storedBody.length * LIMITS.recordInflateRatio
  ) {
    throw new AppError(
      'RECORD_UNDECODABLE',
      `body of ${storedBody.length} bytes claims to inflate to ${inflatedLength}`,
    );
  }
  let body: Buffer;
  try {
    body = inflate(storedBody, inflatedLength);
  } catch (error) {
    throw new AppError('RECORD_UNDECODABLE', 'body cannot be inflated', { cause: error });
  }
  if (body.length !== inflatedLength) {
    throw new AppError(
      'RECORD_UNDECODABLE',
      `declared length ${inflatedLength} of a body of ${body.length} bytes`,
    );
  }
  return body;
}

/**
 * Raw deflate (RFC 1951) undone, at most `length` bytes of it. The buffer is made to measure: the default of 16 KiB each
 * time costs more than the inflating.
 * @throws Error of zlib, also when there is more
 */
export function inflate(deflated: Uint8Array, length: number): Buffer {
  return inflateRawSync(deflated, {
    maxOutputLength: Math.max(1, length),
    chunkSize: Math.max(CHUNK_BYTES_MIN, length + 1),
  });
}

/** A copy of a record under another number, as it moves to another epoch: number and checksum change, nothing else. */
export function renumberRecord(record: Uint8Array, seq: number): Buffer {
  const bytes = Buffer.from(record);
  bytes.writeUIntLE(seq, 16, 6);
  bytes.writeUInt32LE(crc32(bytes.subarray(CRC_FROM)), 4);
  return bytes;
}
