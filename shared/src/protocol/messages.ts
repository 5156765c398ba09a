/**
 * The messages after the handshake: batches, acks, rejections, vitals, inventory, time, farewell. `encode…` makes a
 * whole message, `decode…` reads the body of one that `decodeFrame` took apart. What the collector reads must not hold
 * unknown fields; what the agent reads may, so that a newer collector can say more.
 *
 * Longer than most files: a flat list of small pairs, which is easier to search whole than in pieces.
 */
import { assert } from '../lib/assert.ts';
import { AppError, isErrorCode, type ErrorCode } from '../lib/errors.ts';
import { ByteReader, ByteWriter } from '../lib/varint.ts';
import {
  encodeFrame,
  FRAME_FLAG_COLUMNS,
  FRAME_FLAG_JSON,
  FRAME_FLAG_MORE,
  FRAME_FLAG_PACKED,
  MESSAGE,
  type Frame,
  type MessageType,
} from './frame.ts';
import { EPOCH_BYTES, finiteVitals, type Vitals } from './handshake.ts';
import { JsonReader, jsonBytes, parseJsonObject } from './json.ts';
import type { SchemaLayouts } from './layouts.ts';
import { LIMITS } from './limits.ts';
import { packRecords, unpackRecords } from './pack.ts';
import { decodeRecord, type WireRecord } from './record.ts';

const HASH_BYTES = 32;
const HASH_PATTERN = /^[0-9a-f]{64}$/;
const EPOCH_ID_PATTERN = /^[0-9a-f]{16}$/;
/** Longest explanation in REJECT and ERROR, in UTF-16 units. */
const TEXT_LENGTH_MAX = 200;
const GOAWAY_MS_MAX = 3_600_000;
/** A few are new readings, which leave as they are; more are a backlog. */
const PACK_RECORDS_MIN = 8;

/** WebSocket close codes; docs/protocol.md says what an agent does on each. */
export const CLOSE_CODE = {
  PROTOCOL_ERROR: 4400,
  AUTH_FAILED: 4401,
  REVOKED: 4403,
  TOO_SLOW: 4408,
  IDENTITY_CONFLICT: 4409,
  SEQ_CONFLICT: 4410,
  SUPERSEDED: 4411,
  LIMIT_EXCEEDED: 4413,
  UPGRADE_NEEDED: 4426,
  SLOW_DOWN: 4429,
  UNAVAILABLE: 4503,
} as const;

const CLOSE_CODE_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  AUTH_FAILED: CLOSE_CODE.AUTH_FAILED,
  REVOKED: CLOSE_CODE.REVOKED,
  TOO_SLOW: CLOSE_CODE.TOO_SLOW,
  IDENTITY_CONFLICT: CLOSE_CODE.IDENTITY_CONFLICT,
  SEQ_CONFLICT: CLOSE_CODE.SEQ_CONFLICT,
  SUPERSEDED: CLOSE_CODE.SUPERSEDED,
  LIMIT_EXCEEDED: CLOSE_CODE.LIMIT_EXCEEDED,
  UPGRADE_NEEDED: CLOSE_CODE.UPGRADE_NEEDED,
  SLOW_DOWN: CLOSE_CODE.SLOW_DOWN,
  CREDIT_EXCEEDED: CLOSE_CODE.SLOW_DOWN,
  STORAGE_UNAVAILABLE: CLOSE_CODE.UNAVAILABLE,
  DRAINING: CLOSE_CODE.UNAVAILABLE,
};

/** The close code that goes with an error; whatever has none of its own breaks the protocol. */
export function closeCodeOf(code: ErrorCode): number {
  return CLOSE_CODE_OF[code] ?? CLOSE_CODE.PROTOCOL_ERROR;
}

/**
 * A BATCH.
 * @param epochId 16 hexadecimal digits
 * @param records 1 to 256 whole records with consecutive numbers
 */
export function encodeBatch(epochId: string, records: readonly Uint8Array[]): Buffer {
  return encodeFrame({
    type: MESSAGE.BATCH,
    count: records.length,
    body: [epochBytes(epochId), ...records],
  });
}

/**
 * A BATCH with its records packed, for a collector that has named the feature; undefined where packing does not pay.
 * Costs about 20 microseconds for a record of 200 values.
 * @param layouts packs them as columns, which is a feature of its own
 */
export function encodePackedBatch(
  epochId: string,
  records: readonly Buffer[],
  layouts?: SchemaLayouts,
): Buffer | undefined {
  const packed = records.length < PACK_RECORDS_MIN ? undefined : packRecords(records, layouts);
  if (packed === undefined) return undefined;
  return encodeFrame({
    type: MESSAGE.BATCH,
    flags: FRAME_FLAG_PACKED | (layouts === undefined ? 0 : FRAME_FLAG_COLUMNS),
    count: records.length,
    body: [epochBytes(epochId), packed],
  });
}

/**
 * The records of a BATCH: views into the frame, or into fresh memory when they were packed. Whether their numbers follow one another is for the journal to judge.
 * @throws AppError RECORD_CORRUPT, PROTOCOL_ERROR (count does not match)
 */
export function decodeBatch(frame: Frame): {
  readonly epochId: string;
  readonly records: readonly WireRecord[];
} {
  const { body, count } = frame;
  if (count < 1 || count > LIMITS.recordsPerBatch || body.length < EPOCH_BYTES) {
    throw new AppError('PROTOCOL_ERROR', `batch of ${count} records in ${body.length} bytes is not allowed`);
  }
  const isPacked = (frame.flags & FRAME_FLAG_PACKED) !== 0;
  const isColumns = (frame.flags & FRAME_FLAG_COLUMNS) !== 0;
  const records = isPacked
    ? unpackRecords(body.subarray(EPOCH_BYTES), count, isColumns)
    : plainRecords(body, count);
  return { epochId: body.toString('hex', 0, EPOCH_BYTES), records };
}

function plainRecords(body: Buffer, count: number): WireRecord[] {
  const records: WireRecord[] = [];
  let offset = EPOCH_BYTES;
  for (let i = 0; i < count; i++) {
    const record = decodeRecord(body, offset);
    records.push(record);
    offset += record.bytes.length;
  }
  if (offset !== body.length) {
    throw new AppError('PROTOCOL_ERROR', `${body.length - offset} bytes after the last record`);
  }
  return records;
}

/** Everything up to and including `watermark` of the epoch is durable; also carries the credit. */
export interface Ack {
  readonly epochId: string;
  readonly watermark: number;
  /** Total bytes of BATCH bodies that may be sent in this session; never falls. */
  readonly creditLimit: number;
}

/** An ACK. */
export function encodeAck(ack: Ack): Buffer {
  const writer = new ByteWriter(20);
  writer.bytes(epochBytes(ack.epochId));
  writer.u48(ack.watermark);
  writer.u48(ack.creditLimit);
  return encodeFrame({ type: MESSAGE.ACK, body: [writer.view()] });
}

/**
 * Reads an ACK.
 * @throws AppError RECORD_UNDECODABLE when its length is wrong
 */
export function decodeAck(body: Buffer): Ack {
  const reader = new ByteReader(body);
  const ack = {
    epochId: reader.bytes(EPOCH_BYTES).toString('hex'),
    watermark: reader.u48(),
    creditLimit: reader.u48(),
  };
  reader.expectEnd();
  return ack;
}

/** A record that is consumed without being stored; for information. */
export interface Reject {
  readonly epochId: string;
  readonly seq: number;
  readonly code: ErrorCode;
  /** Values in it. */
  readonly samples: number;
  /** For people; cut to 200 characters. */
  readonly text: string;
}

/** A REJECT. */
export function encodeReject(reject: Reject): Buffer {
  return encodeJsonFrame(MESSAGE.REJECT, {
    epoch: reject.epochId,
    seq: reject.seq,
    code: reject.code,
    samples: reject.samples,
    text: reject.text.slice(0, TEXT_LENGTH_MAX),
  });
}

/**
 * Reads a REJECT. A code that only a newer collector knows counts as RECORD_UNDECODABLE.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeReject(body: Buffer): Reject {
  const reader = new JsonReader(parseJsonObject(body), 'REJECT');
  const code = reader.text('code', 64);
  const epochId = reader.text('epoch', 2 * EPOCH_BYTES);
  if (!EPOCH_ID_PATTERN.test(epochId)) {
    throw new AppError('PROTOCOL_ERROR', 'REJECT.epoch must be 16 hexadecimal digits');
  }
  return {
    epochId,
    seq: reader.integer('seq', 0),
    code: isErrorCode(code) ? code : 'RECORD_UNDECODABLE',
    samples: reader.integer('samples', 0),
    text: reader.text('text', TEXT_LENGTH_MAX),
  };
}

/**
 * ERROR: why the connection is about to be closed.
 * @param text for people; cut to 200 characters
 */
export function encodeError(code: ErrorCode, text: string): Buffer {
  return encodeJsonFrame(MESSAGE.ERROR, { code, text: text.slice(0, TEXT_LENGTH_MAX) });
}

/**
 * Reads an ERROR.
 * @returns the code as it came, which may be one that only a newer collector knows
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeError(body: Buffer): { readonly code: string; readonly text: string } {
  const reader = new JsonReader(parseJsonObject(body), 'ERROR');
  return { code: reader.text('code', 64), text: reader.text('text', TEXT_LENGTH_MAX) };
}

/** Why an agent leaves: the machine stops or restarts, the agent does, or it comes back at once with a new epoch or key. */
export const BYE_REASONS = ['shutdown', 'reboot', 'update', 'epoch', 'key', 'stop'] as const;
/** One of BYE_REASONS. */
export type ByeReason = (typeof BYE_REASONS)[number];

/** BYE: the agent leaves on purpose. */
export function encodeBye(reason: ByeReason): Buffer {
  return encodeJsonFrame(MESSAGE.BYE, { reason });
}

/**
 * Reads a BYE.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeBye(body: Buffer): ByeReason {
  const reader = new JsonReader(parseJsonObject(body), 'BYE');
  const text = reader.text('reason', 16);
  reader.finish();
  const reason = BYE_REASONS.find((known) => known === text);
  if (reason === undefined) {
    throw new AppError('PROTOCOL_ERROR', `BYE.reason must be one of ${BYE_REASONS.join(', ')}`);
  }
  return reason;
}

/**
 * GOAWAY: the collector is about to stop; come back after a random time in the window.
 * @param reason at most 64 characters
 * @param window at most one hour
 */
export function encodeGoaway(
  reason: string,
  window: { readonly minMs: number; readonly maxMs: number },
): Buffer {
  return encodeJsonFrame(MESSAGE.GOAWAY, { reason, minMs: window.minMs, maxMs: window.maxMs });
}

/**
 * Reads a GOAWAY.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeGoaway(body: Buffer): {
  readonly reason: string;
  readonly minMs: number;
  readonly maxMs: number;
} {
  const reader = new JsonReader(parseJsonObject(body), 'GOAWAY');
  const minMs = reader.integer('minMs', 0, GOAWAY_MS_MAX);
  return { reason: reader.text('reason', 64), minMs, maxMs: reader.integer('maxMs', minMs, GOAWAY_MS_MAX) };
}

/** GEN_ACK: the offered generation is stored durably. */
export function encodeGenerationAck(generation: number): Buffer {
  return encodeJsonFrame(MESSAGE.GEN_ACK, { gen: generation });
}

/**
 * Reads a GEN_ACK.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeGenerationAck(body: Buffer): number {
  const reader = new JsonReader(parseJsonObject(body), 'GEN_ACK');
  const generation = reader.integer('gen', 0);
  reader.finish();
  return generation;
}

/** VITALS: the newest readings of an agent with a backlog. What is not a finite number is left out. */
export function encodeVitals(vitals: Vitals): Buffer {
  return encodeJsonFrame(MESSAGE.VITALS, finiteVitals(vitals));
}

/** Section name (`[a-z][a-z0-9_]*`, at most 32 characters) to SHA-256 (hexadecimal) of its canonical form. */
export type SectionHashes = ReadonlyMap<string, string>;

const SECTION_NAME = /^[a-z][a-z0-9_]{0,31}$/;

/** INV_HAVE: the sections of the agent's inventory, at most 64. */
export function encodeInventoryHave(hashes: SectionHashes): Buffer {
  return encodeJsonFrame(MESSAGE.INV_HAVE, Object.fromEntries(hashes));
}

/**
 * Reads an INV_HAVE.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeInventoryHave(body: Buffer): SectionHashes {
  const reader = new JsonReader(parseJsonObject(body), 'INV_HAVE');
  const names = reader.keys();
  if (names.length > LIMITS.inventorySections) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `${names.length} inventory sections, at most ${LIMITS.inventorySections}`,
    );
  }
  const hashes = new Map<string, string>();
  for (const name of names) {
    // The name first: it stands in the message when its value is wrong.
    if (!SECTION_NAME.test(name)) {
      throw new AppError('PROTOCOL_ERROR', 'name of an inventory section is not allowed');
    }
    const hash = reader.text(name, 2 * HASH_BYTES);
    if (!HASH_PATTERN.test(hash)) {
      throw new AppError('PROTOCOL_ERROR', `INV_HAVE.${name} must be a SHA-256 in hexadecimal digits`);
    }
    hashes.set(name, hash);
  }
  return hashes;
}

/** INV_NEED: the sections that the collector has not got. */
export function encodeInventoryNeed(names: readonly string[]): Buffer {
  return encodeJsonFrame(MESSAGE.INV_NEED, { sections: names });
}

/**
 * Reads an INV_NEED; a name that the agent does not have may be among them.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeInventoryNeed(body: Buffer): string[] {
  return new JsonReader(parseJsonObject(body), 'INV_NEED').textList('sections', LIMITS.inventorySections, 32);
}

/** One chunk of a section's canonical bytes. */
export interface InventoryChunk {
  readonly name: string;
  /** SHA-256 of the whole section, hexadecimal. */
  readonly hash: string;
  /** Length of the whole section, at most 8 MiB. */
  readonly totalBytes: number;
  /** Where `bytes` belong in it. */
  readonly offset: number;
  /** 1 byte to 128 KiB; a view into the message where it was read. */
  readonly bytes: Buffer;
}

/** INV_FULL: one chunk of a section. */
export function encodeInventoryChunk(chunk: InventoryChunk): Buffer {
  const name = Buffer.from(chunk.name);
  const writer = new ByteWriter(chunk.bytes.length + name.length + 48);
  writer.u8(name.length);
  writer.bytes(name);
  writer.bytes(Buffer.from(chunk.hash, 'hex'));
  writer.u32(chunk.totalBytes);
  writer.u32(chunk.offset);
  writer.bytes(chunk.bytes);
  const isLast = chunk.offset + chunk.bytes.length === chunk.totalBytes;
  return encodeFrame({
    type: MESSAGE.INV_FULL,
    flags: isLast ? 0 : FRAME_FLAG_MORE,
    body: [writer.view()],
  });
}

/**
 * Reads an INV_FULL. The hash is verified by whoever has all chunks.
 * @throws AppError RECORD_UNDECODABLE, PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeInventoryChunk(body: Buffer): InventoryChunk {
  const reader = new ByteReader(body);
  const name = reader.bytes(reader.u8()).toString('utf8');
  if (!SECTION_NAME.test(name)) {
    throw new AppError('PROTOCOL_ERROR', 'name of an inventory section is not allowed');
  }
  const hash = reader.bytes(HASH_BYTES).toString('hex');
  const totalBytes = reader.u32();
  const offset = reader.u32();
  const bytes = reader.bytes(reader.remaining);
  if (totalBytes > LIMITS.inventoryBytes) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `inventory section of ${totalBytes} bytes, at most ${LIMITS.inventoryBytes}`,
    );
  }
  if (bytes.length === 0 || bytes.length > LIMITS.inventoryChunkBytes || offset + bytes.length > totalBytes) {
    throw new AppError(
      'PROTOCOL_ERROR',
      `inventory chunk of ${bytes.length} bytes at ${offset} of ${totalBytes}`,
    );
  }
  return { name, hash, totalBytes, offset, bytes };
}

/** A message with a JSON body. */
export function encodeJsonFrame(type: MessageType, value: unknown): Buffer {
  return encodeFrame({ type, flags: FRAME_FLAG_JSON, body: [jsonBytes(value)] });
}

function epochBytes(epochId: string): Buffer {
  assert(EPOCH_ID_PATTERN.test(epochId), 'epoch id');
  return Buffer.from(epochId, 'hex');
}
