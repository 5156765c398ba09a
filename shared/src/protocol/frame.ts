/**
 * One WebSocket message is one frame: type (1), flags (1), count (2), CRC-32 of the body (4), body. docs/protocol.md
 * draws it.
 */
import { crc32 } from '../lib/crc.ts';
import { AppError } from '../lib/errors.ts';
import { LIMITS } from './limits.ts';

/** Types of messages: below 0x40 from the agent, above from the collector. */
export const MESSAGE = {
  HELLO: 0x01,
  BATCH: 0x02,
  VITALS: 0x03,
  INV_HAVE: 0x04,
  INV_FULL: 0x05,
  CONFIG_ACK: 0x06,
  KEY_NEXT: 0x08,
  GEN_ACK: 0x09,
  BYE: 0x0a,
  CHALLENGE: 0x41,
  WELCOME: 0x42,
  ACK: 0x43,
  REJECT: 0x44,
  INV_NEED: 0x45,
  CONFIG: 0x46,
  KEY_OK: 0x48,
  GOAWAY: 0x49,
  ERROR: 0x4a,
} as const;

/** One of MESSAGE. */
export type MessageType = (typeof MESSAGE)[keyof typeof MESSAGE];

const TYPES: ReadonlySet<number> = new Set(Object.values(MESSAGE));

/** Bytes of a message in front of its body. */
export const FRAME_HEADER_BYTES = 8;
/** Flag bit: the body is JSON, or ends in JSON. */
export const FRAME_FLAG_JSON = 1;
/** Flag bit: more chunks of the same thing follow. */
export const FRAME_FLAG_MORE = 2;
/** Flag bit of a BATCH: its records are packed, see pack.ts. */
export const FRAME_FLAG_PACKED = 4;
/** Flag bit beside that one: they are packed as columns. */
export const FRAME_FLAG_COLUMNS = 8;

/** A message taken apart. */
export interface Frame {
  readonly type: MessageType;
  readonly flags: number;
  /** Number of records in a BATCH, else 0. */
  readonly count: number;
  /** A view into the message it was decoded from. */
  readonly body: Buffer;
}

/**
 * The bytes of one message, owned by the caller.
 * @param body one or more parts that are joined
 */
export function encodeFrame(options: {
  readonly type: MessageType;
  readonly flags?: number;
  readonly count?: number;
  readonly body: readonly Uint8Array[];
}): Buffer {
  const length = options.body.reduce((sum, part) => sum + part.length, 0);
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
  let offset = FRAME_HEADER_BYTES;
  for (const part of options.body) {
    bytes.set(part, offset);
    offset += part.length;
  }
  bytes[0] = options.type;
  bytes[1] = options.flags ?? 0;
  bytes.writeUInt16LE(options.count ?? 0, 2);
  bytes.writeUInt32LE(crc32(bytes.subarray(FRAME_HEADER_BYTES)), 4);
  return bytes;
}

/**
 * Takes a message apart. The body stays a view of `bytes`.
 * @throws AppError PROTOCOL_ERROR, FRAME_CRC, LIMIT_EXCEEDED
 */
export function decodeFrame(bytes: Buffer): Frame {
  if (bytes.length > LIMITS.messageBytes) {
    throw new AppError('LIMIT_EXCEEDED', `message of ${bytes.length} bytes, at most ${LIMITS.messageBytes}`);
  }
  if (bytes.length < FRAME_HEADER_BYTES) {
    throw new AppError('PROTOCOL_ERROR', `message of ${bytes.length} bytes is shorter than its header`);
  }
  const type = bytes.readUInt8(0);
  const flags = bytes.readUInt8(1);
  if (!isMessageType(type)) throw new AppError('PROTOCOL_ERROR', `message type ${type} is unknown`);
  if ((flags & ~flagsOf(type, flags)) !== 0) {
    throw new AppError('PROTOCOL_ERROR', `message flags ${flags} are unknown`);
  }
  const count = bytes.readUInt16LE(2);
  if (count !== 0 && type !== MESSAGE.BATCH) {
    throw new AppError('PROTOCOL_ERROR', `message of type ${type} has a count of ${count} records`);
  }
  const body = bytes.subarray(FRAME_HEADER_BYTES);
  if (crc32(body) !== bytes.readUInt32LE(4)) {
    throw new AppError('FRAME_CRC', `checksum of a message of type ${type} is wrong`);
  }
  return { type, flags, count, body };
}

/** The flags that a message of this type may have, the others being as they are. */
function flagsOf(type: MessageType, flags: number): number {
  const all = FRAME_FLAG_JSON | FRAME_FLAG_MORE;
  if (type !== MESSAGE.BATCH) return all;
  return all | FRAME_FLAG_PACKED | ((flags & FRAME_FLAG_PACKED) === 0 ? 0 : FRAME_FLAG_COLUMNS);
}

function isMessageType(type: number): type is MessageType {
  return TYPES.has(type);
}
