/** The messages after the handshake: batches, acks, rejections, inventory, time, farewell. */
import { AppError, isErrorCode, type ErrorCode } from '../lib/errors.ts';
import { ByteReader, ByteWriter } from '../lib/varint.ts';
import { encodeFrame, FRAME_FLAG_JSON, MESSAGE, type Frame, type MessageType } from './frame.ts';
import { EPOCH_BYTES } from './handshake.ts';
import { JsonReader, jsonBytes, parseJsonObject } from './json.ts';
import { LIMITS } from './limits.ts';
import { decodeRecord, type WireRecord } from './record.ts';

const HASH_BYTES = 32;

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

const CLOSE_CODE_OF: Partial<Record<ErrorCode, number>> = {
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
 * Frame of a BATCH.
 * @param epochId 16 hexadecimal digits
 * @param records whole records with consecutive numbers
 */
export function encodeBatch(epochId: string, records: readonly Uint8Array[]): Buffer {
  return encodeFrame({
    type: MESSAGE.BATCH,
    count: records.length,
    body: [Buffer.from(epochId, 'hex'), ...records],
  });
}

/**
 * The records of a BATCH, views into the frame.
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
  const records: WireRecord[] = [];
  let offset = EPOCH_BYTES;
  for (let i = 0; i < count; i++) {
    const record = decodeRecord(body, offset);
    records.push(record);
    offset += record.bytes.length;
  }
  if (offset !== body.length)
    throw new AppError('PROTOCOL_ERROR', `${body.length - offset} bytes after the last record`);
  return { epochId: body.toString('hex', 0, EPOCH_BYTES), records };
}

/** Everything up to and including `watermark` of the epoch is durable; also carries the credit. */
export interface Ack {
  readonly epochId: string;
  readonly watermark: number;
  readonly creditLimit: number;
}

export function encodeAck(ack: Ack): Buffer {
  const writer = new ByteWriter(20);
  writer.bytes(Buffer.from(ack.epochId, 'hex'));
  writer.u48(ack.watermark);
  writer.u48(ack.creditLimit);
  return encodeFrame({ type: MESSAGE.ACK, body: [writer.view()] });
}

/** @throws AppError RECORD_UNDECODABLE */
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
  readonly samples: number;
  readonly text: string;
}

export function encodeReject(reject: Reject): Buffer {
  return encodeJsonFrame(MESSAGE.REJECT, {
    epoch: reject.epochId,
    seq: reject.seq,
    code: reject.code,
    samples: reject.samples,
    text: reject.text.slice(0, 200),
  });
}

/** @throws AppError PROTOCOL_ERROR */
export function decodeReject(body: Buffer): Reject {
  const reader = new JsonReader(parseJsonObject(body), 'REJECT');
  const code = reader.text('code', 64);
  return {
    epochId: reader.text('epoch', 16),
    seq: reader.integer('seq', 0),
    code: isErrorCode(code) ? code : 'RECORD_UNDECODABLE',
    samples: reader.integer('samples', 0),
    text: reader.text('text', 200),
  };
}

/** ERROR: why the connection is about to be closed. */
export function encodeError(code: ErrorCode, text: string): Buffer {
  return encodeJsonFrame(MESSAGE.ERROR, { code, text: text.slice(0, 200) });
}

/** @throws AppError PROTOCOL_ERROR */
export function decodeError(body: Buffer): { readonly code: string; readonly text: string } {
  const reader = new JsonReader(parseJsonObject(body), 'ERROR');
  return { code: reader.text('code', 64), text: reader.text('text', 200) };
}

export const BYE_REASONS = ['shutdown', 'reboot', 'update', 'epoch', 'stop'] as const;
export type ByeReason = (typeof BYE_REASONS)[number];

export function encodeBye(reason: ByeReason): Buffer {
  return encodeJsonFrame(MESSAGE.BYE, { reason });
}

/** @throws AppError PROTOCOL_ERROR */
export function decodeBye(body: Buffer): ByeReason {
  const reader = new JsonReader(parseJsonObject(body), 'BYE');
  const text = reader.text('reason', 16);
  reader.finish();
  const reason = BYE_REASONS.find((known) => known === text);
  if (reason === undefined)
    throw new AppError('PROTOCOL_ERROR', `BYE.reason must be one of ${BYE_REASONS.join(', ')}`);
  return reason;
}

/** GOAWAY: the collector is about to stop; come back after a random time in the window. */
export function encodeGoaway(
  reason: string,
  window: { readonly minMs: number; readonly maxMs: number },
): Buffer {
  return encodeJsonFrame(MESSAGE.GOAWAY, { reason, minMs: window.minMs, maxMs: window.maxMs });
}

/** @throws AppError PROTOCOL_ERROR */
export function decodeGoaway(body: Buffer): {
  readonly reason: string;
  readonly minMs: number;
  readonly maxMs: number;
} {
  const reader = new JsonReader(parseJsonObject(body), 'GOAWAY');
  const minMs = reader.integer('minMs', 0, 3_600_000);
  return { reason: reader.text('reason', 64), minMs, maxMs: reader.integer('maxMs', minMs, 3_600_000) };
}

/** GEN_ACK: the offered generation is stored durably. */
export function encodeGenerationAck(generation: number): Buffer {
  return encodeJsonFrame(MESSAGE.GEN_ACK, { gen: generation });
}

/** @throws AppError PROTOCOL_ERROR */
export function decodeGenerationAck(body: Buffer): number {
  const reader = new JsonReader(parseJsonObject(body), 'GEN_ACK');
  const generation = reader.integer('gen', 0);
  reader.finish();
  return generation;
}

/** Section name to SHA-256 (hexadecimal) of its canonical form. */
export type SectionHashes = ReadonlyMap<string, string>;

const SECTION_NAME = /^[a-z][a-z0-9_]{0,31}$/;

export function encodeInventoryHave(hashes: SectionHashes): Buffer {
  return encodeJsonFrame(MESSAGE.INV_HAVE, Object.fromEntries(hashes));
}

/** @throws AppError PROTOCOL_ERROR */
export function decodeInventoryHave(body: Buffer): SectionHashes {
  const reader = new JsonReader(parseJsonObject(body), 'INV_HAVE');
  const hashes = new Map<string, string>();
  for (const name of reader.keys()) {
    const hash = reader.text(name, 2 * HASH_BYTES);
    if (!SECTION_NAME.test(name) || !/^[0-9a-f]{64}$/.test(hash)) {
      throw new AppError('PROTOCOL_ERROR', 'INV_HAVE must map section names to SHA-256 hashes');
    }
    hashes.set(name, hash);
  }
  if (hashes.size > LIMITS.inventorySections) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `${hashes.size} inventory sections, at most ${LIMITS.inventorySections}`,
    );
  }
  return hashes;
}

export function encodeInventoryNeed(names: readonly string[]): Buffer {
  return encodeJsonFrame(MESSAGE.INV_NEED, { sections: names });
}

/** @throws AppError PROTOCOL_ERROR */
export function decodeInventoryNeed(body: Buffer): string[] {
  return new JsonReader(parseJsonObject(body), 'INV_NEED').textList('sections', LIMITS.inventorySections, 32);
}

/** One chunk of a section's canonical bytes. */
export interface InventoryChunk {
  readonly name: string;
  readonly hash: string;
  readonly totalBytes: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

export function encodeInventoryChunk(chunk: InventoryChunk): Buffer {
  const name = Buffer.from(chunk.name);
  const writer = new ByteWriter(chunk.bytes.length + name.length + 48);
  writer.u8(name.length);
  writer.bytes(name);
  writer.bytes(Buffer.from(chunk.hash, 'hex'));
  writer.u32(chunk.totalBytes);
  writer.u32(chunk.offset);
  writer.bytes(chunk.bytes);
  return encodeFrame({ type: MESSAGE.INV_FULL, body: [writer.view()] });
}

/** @throws AppError RECORD_UNDECODABLE, PROTOCOL_ERROR, LIMIT_EXCEEDED */
export function decodeInventoryChunk(body: Buffer): InventoryChunk {
  const reader = new ByteReader(body);
  const name = reader.bytes(reader.u8()).toString('utf8');
  if (!SECTION_NAME.test(name))
    throw new AppError('PROTOCOL_ERROR', 'name of an inventory section is not allowed');
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

/** TIME carries t0; TIME_REPLY t0, t1, t2, as in NTP (RFC 5905 section 8), milliseconds of each end's wall clock. */
export function encodeTime(t0: number): Buffer {
  return encodeJsonFrame(MESSAGE.TIME, { t0 });
}

/** @throws AppError PROTOCOL_ERROR */
export function decodeTime(body: Buffer): number {
  const reader = new JsonReader(parseJsonObject(body), 'TIME');
  const t0 = reader.number('t0');
  reader.finish();
  return t0;
}

export interface TimeReply {
  readonly t0: number;
  readonly t1: number;
  readonly t2: number;
}

export function encodeTimeReply(reply: TimeReply): Buffer {
  return encodeJsonFrame(MESSAGE.TIME_REPLY, { t0: reply.t0, t1: reply.t1, t2: reply.t2 });
}

/** @throws AppError PROTOCOL_ERROR */
export function decodeTimeReply(body: Buffer): TimeReply {
  const reader = new JsonReader(parseJsonObject(body), 'TIME_REPLY');
  return { t0: reader.number('t0'), t1: reader.number('t1'), t2: reader.number('t2') };
}

/** A frame with a JSON body. */
export function encodeJsonFrame(type: MessageType, value: unknown): Buffer {
  return encodeFrame({ type, flags: FRAME_FLAG_JSON, body: [jsonBytes(value)] });
}
