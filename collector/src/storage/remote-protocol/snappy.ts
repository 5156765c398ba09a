/**
 * Snappy's block format: the length as a varint, then literals and copies of what was written before. Our own, because
 * the one in JavaScript that others use (snappyjs 0.7) runs for ever on crafted input.
 * Source: github.com/google/snappy, format_description.txt.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';

const LITERAL = 0;
const COPY_1 = 1;
const COPY_2 = 2;
/** A copy of 64 bytes takes at least 3; no element unpacks to more per byte. */
const RATIO_MAX = 22;
const LENGTH_BYTES_MAX = 5;

/**
 * The content of a block.
 * @throws AppError BAD_REQUEST when it is malformed, LIMIT_EXCEEDED when it is larger than `bytesMax`; memory is taken
 *   only after both claims of its length were checked
 */
export function unpackSnappy(packed: Uint8Array, bytesMax: number): Buffer {
  const steps = unpackingSteps(packed, bytesMax);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Elements of a block that are unpacked in one step. */
const ELEMENTS_PER_STEP = 4_096;

/** As `unpackSnappy`, for whoever wants to give way in between: 16 MiB of small elements take 0.2 s. */
export function* unpackingSteps(
  packed: Uint8Array,
  bytesMax: number,
): Generator<undefined, Buffer, undefined> {
  const { length, start } = claimedLength(packed);
  if (length > bytesMax) {
    throw new AppError('LIMIT_EXCEEDED', `body unpacks to ${length} bytes, at most ${bytesMax} are allowed`);
  }
  if (length > (packed.length - start) * RATIO_MAX) throw malformed('claims more bytes than it can hold');
  const out = Buffer.allocUnsafe(length);
  let at = start;
  let filled = 0;
  for (let elements = 1; at < packed.length; elements++) {
    if (elements % ELEMENTS_PER_STEP === 0) yield;
    const tag = packed[at] ?? 0;
    const kind = tag & 3;
    const extra = kind === LITERAL ? literalExtra(tag) : kind === COPY_1 ? 1 : kind === COPY_2 ? 2 : 4;
    if (at + 1 + extra > packed.length) throw malformed('ends inside an element');
    const number = littleEndian(packed, at + 1, extra);
    at += 1 + extra;
    if (kind === LITERAL) {
      const count = (extra === 0 ? tag >>> 2 : number) + 1;
      if (count > packed.length - at || count > length - filled) throw malformed('a literal is too long');
      out.set(packed.subarray(at, at + count), filled);
      at += count;
      filled += count;
    } else {
      const count = kind === COPY_1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
      const offset = kind === COPY_1 ? ((tag >>> 5) << 8) | number : number;
      if (offset === 0 || offset > filled) throw malformed('a copy points outside of what was written');
      if (count > length - filled) throw malformed('a copy is too long');
      copyWithin(out, filled, offset, count);
      filled += count;
    }
  }
  if (filled !== length) throw malformed(`holds ${filled} bytes instead of ${length}`);
  return out;
}

/** Length bytes behind the tag of a literal. */
function literalExtra(tag: number): number {
  return Math.max(0, (tag >>> 2) - 59);
}

function claimedLength(packed: Uint8Array): { readonly length: number; readonly start: number } {
  let length = 0;
  for (let at = 0; at < LENGTH_BYTES_MAX; at++) {
    const byte = packed[at];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { length, start: at + 1 };
  }
  throw malformed('has no length');
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let number = 0;
  for (let i = count - 1; i >= 0; i--) number = number * 0x100 + (bytes[at + i] ?? 0);
  return number;
}

/** A copy may reach into itself, which repeats what lies there: then only byte by byte gives the right result. */
function copyWithin(out: Buffer, filled: number, offset: number, count: number): void {
  if (offset >= count) {
    out.copyWithin(filled, filled - offset, filled - offset + count);
    return;
  }
  for (let i = filled; i < filled + count; i++) out[i] = out[i - offset] ?? 0;
}

function malformed(reason: string): AppError {
  return new AppError('BAD_REQUEST', `body is not a snappy block: ${reason}`);
}

/** Copies never reach across pieces of this size, so each can be packed alone. */
export const PIECE_BYTES = 64 * 1024;
const HASH_BITS = 13;
const MATCH_BYTES_MIN = 4;
const COPY_BYTES_MAX = 64;

/** The length that stands in front of the pieces of a block. */
export function snappyLength(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** The whole of `content` as a block. Blocks the event loop; large content goes piece by piece through `packPiece`. */
export function packSnappy(content: Uint8Array): Buffer {
  const pieces = [snappyLength(content.length)];
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    pieces.push(packPiece(content.subarray(at, at + PIECE_BYTES)));
  }
  return Buffer.concat(pieces);
}

/** The elements for at most PIECE_BYTES of content; pieces follow each other behind the length of all. */
export function packPiece(content: Uint8Array): Buffer {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  // The worst case: literals only, with a tag and two length bytes each time.
  const out = Buffer.allocUnsafe(bytes.length + Math.ceil(bytes.length / 6) + 32);
  const table = new Uint16Array(1 << HASH_BITS);
  let filled = 0;
  let literalStart = 0;
  let at = 1;
  while (at + MATCH_BYTES_MIN <= bytes.length) {
    const word = bytes.readUInt32LE(at);
    const hash = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const candidate = table[hash] ?? 0;
    table[hash] = at;
    if (bytes.readUInt32LE(candidate) !== word || candidate >= at) {
      // Longer and longer strides over what does not repeat.
      at += 1 + ((at - literalStart) >>> 6);
      continue;
    }
    filled = putLiteral(out, filled, bytes.subarray(literalStart, at));
    let count = MATCH_BYTES_MIN;
    while (at + count < bytes.length && bytes[at + count] === bytes[candidate + count]) count++;
    filled = putCopies(out, filled, { offset: at - candidate, count });
    at += count;
    literalStart = at;
  }
  filled = putLiteral(out, filled, bytes.subarray(literalStart));
  return out.subarray(0, filled);
}

function putLiteral(out: Buffer, start: number, literal: Buffer): number {
  const count = literal.length;
  if (count === 0) return start;
  let at = start;
  if (count <= 60) {
    out[at++] = (count - 1) << 2;
  } else if (count <= 0x100) {
    out[at++] = 60 << 2;
    out[at++] = count - 1;
  } else {
    out[at++] = 61 << 2;
    at = out.writeUInt16LE(count - 1, at);
  }
  out.set(literal, at);
  return at + count;
}

function putCopies(
  out: Buffer,
  start: number,
  { offset, count }: { readonly offset: number; readonly count: number },
): number {
  let at = start;
  for (let rest = count; rest > 0; rest -= COPY_BYTES_MAX) {
    out[at++] = ((Math.min(rest, COPY_BYTES_MAX) - 1) << 2) | COPY_2;
    at = out.writeUInt16LE(offset, at);
  }
  return at;
}
