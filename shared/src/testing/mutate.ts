/** Small random changes to bytes, for fuzzing parsers from valid input. */
import { crc32 } from '../lib/crc.ts';
import { FRAME_HEADER_BYTES } from '../protocol/frame.ts';
import { RECORD_HEADER_BYTES } from '../protocol/record.ts';

/** Values at which lengths, counts and numbers tend to break. */
const TELLING_BYTES = [0x00, 0x01, 0x7f, 0x80, 0x81, 0xfe, 0xff] as const;

/** Uniform in [0, 1), the same sequence for the same seed (mulberry32, public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A copy of `bytes` with one to four changes; `other` lends a piece now and then. */
export function mutate(bytes: Buffer, other: Buffer, random: () => number): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  let result = Buffer.from(bytes);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(result.length + 1);
    const span = 1 + below(8);
    const rest = result.subarray(Math.min(result.length, at + span));
    const head = result.subarray(0, at);
    switch (below(6)) {
      case 0:
        if (at < result.length) result[at] = (result[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        if (at < result.length) result[at] = TELLING_BYTES[below(TELLING_BYTES.length)] ?? 0;
        break;
      case 2:
        result = Buffer.concat([head, rest]);
        break;
      case 3:
        result = Buffer.concat([head, result.subarray(at, at + span), result.subarray(at)]);
        break;
      case 4:
        result = Buffer.concat([head, Buffer.alloc(span, 0xff), rest]);
        break;
      default:
        result = Buffer.concat([head, other.subarray(below(other.length))]);
    }
  }
  return result;
}

/** Makes the checksum of a message right, so that a change reaches the parsers behind it. Changes `bytes`. */
export function repairFrame(bytes: Buffer): Buffer {
  if (bytes.length >= FRAME_HEADER_BYTES) bytes.writeUInt32LE(crc32(bytes.subarray(FRAME_HEADER_BYTES)), 4);
  return bytes;
}

/** Makes length and checksum of a record right. Changes `bytes`. */
export function repairRecord(bytes: Buffer): Buffer {
  if (bytes.length < RECORD_HEADER_BYTES) return bytes;
  bytes.writeUInt32LE(bytes.length - RECORD_HEADER_BYTES, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}
