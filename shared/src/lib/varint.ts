/**
 * Growing writer and bounds-checked reader for little-endian integers, 48-bit unsigned integers (u48) and LEB128
 * varints. Integers are JavaScript numbers up to 2^53 - 1. Both run for every sample of the fleet, so they work byte by
 * byte on one buffer and allocate nothing of their own.
 */
import { isUtf8 } from 'node:buffer';
import { AppError } from './errors.ts';

const TWO_32 = 0x1_0000_0000;
const TWO_48 = 0x1_0000_0000_0000;
const INT32_MAX = 0x7fff_ffff;
/** Below this magnitude the zig-zag form is an integer of 31 bits, for which the bit operators do. */
const ZIGZAG_INT_MAX = 0x4000_0000;
/** Seven bits each: enough for 2^53 - 1. */
const VARINT_BYTES_MAX = 8;

/** Writes one thing after another into memory of its own, which grows as needed. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(initialBytes = 1024) {
    this.#bytes = Buffer.allocUnsafe(initialBytes);
  }

  /** Bytes written since the start or the last reset. */
  get length(): number {
    return this.#length;
  }

  /** Forgets the content and keeps the memory. */
  reset(): void {
    this.#length = 0;
  }

  /** A view of what was written; valid until the next write or reset. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of what was written, owned by the caller. */
  copy(): Buffer {
    return Buffer.from(this.view());
  }

  /** One byte: the low eight bits of the integer `value`. */
  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** @param value integer from 0 to 2^16 - 1; RangeError otherwise, as from the next two */
  u16(value: number): void {
    this.#reserve(2);
    this.#bytes.writeUInt16LE(value, this.#length);
    this.#length += 2;
  }

  /** @param value integer from 0 to 2^32 - 1 */
  u32(value: number): void {
    this.#reserve(4);
    this.#bytes.writeUInt32LE(value, this.#length);
    this.#length += 4;
  }

  /** @param value integer from 0 to 2^48 - 1 */
  u48(value: number): void {
    this.#reserve(6);
    this.#bytes.writeUIntLE(value, this.#length, 6);
    this.#length += 6;
  }

  /** Unsigned LEB128; `value` is an integer from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(VARINT_BYTES_MAX);
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value;
    // The bit operators see 32 bits only; above them division does the same.
    while (rest > INT32_MAX) {
      const high = Math.floor(rest / 0x80);
      bytes[at++] = (rest - high * 0x80) | 0x80;
      rest = high;
    }
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  /** Signed LEB128 after zig-zag; `value` is an integer of at most 2^53 - 1 in magnitude. */
  zigzag(value: number): void {
    if (value > -ZIGZAG_INT_MAX && value < ZIGZAG_INT_MAX) {
      this.varint((value << 1) ^ (value >> 31));
      return;
    }
    // Zig-zag doubles the magnitude, which may leave the safe range: the first byte takes the sign and six bits.
    const isNegative = value < 0;
    const magnitude = isNegative ? -value - 1 : value;
    const rest = Math.floor(magnitude / 0x40);
    const first = (magnitude - rest * 0x40) * 2 + (isNegative ? 1 : 0);
    if (rest === 0) {
      this.u8(first);
    } else {
      this.u8(first | 0x80);
      this.varint(rest);
    }
  }

  /** The low `count` bytes (1 to 4) of the 32-bit `word`, most significant first. */
  bigEndian(word: number, count: number): void {
    this.#reserve(count);
    for (let shift = 8 * (count - 1); shift >= 0; shift -= 8) this.#bytes[this.#length++] = word >>> shift;
  }

  /** The next `count` bytes, for the caller to fill at once; until then they hold anything. */
  room(count: number): Uint8Array {
    this.#reserve(count);
    const from = this.#length;
    this.#length += count;
    return this.#bytes.subarray(from, this.#length);
  }

  /** Copies `value` as it is. */
  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** varint length in bytes and UTF-8; a surrogate without its partner is written as U+FFFD. */
  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#reserve(length);
    this.#length += this.#bytes.write(value, this.#length, 'utf8');
  }

  /**
   * Puts the number of bytes written since the writer was `start` long in front of them, as a varint. For blocks whose
   * length is known only at their end.
   */
  prefixLength(start: number): void {
    const length = this.#length - start;
    const prefixBytes = varintBytes(length);
    // As much as `varint` asks for: if it grew the memory now, it would keep only what lies before `start`.
    this.#reserve(VARINT_BYTES_MAX);
    this.#bytes.copyWithin(start + prefixBytes, start, this.#length);
    this.#length = start;
    this.varint(length);
    this.#length += length;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed > this.#bytes.length) this.#grow(needed);
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/**
 * Reads one thing after another. Every method throws AppError RECORD_UNDECODABLE when the bytes end too early or hold no
 * valid value; each value has exactly one encoding, longer ones are refused.
 */
export class ByteReader {
  readonly #bytes: Buffer;
  #offset = 0;

  /** Reads `bytes` in place; the buffer must not change meanwhile. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** All that is read. For loops that are too hot for a call per value; they move the reader on with `seek`. */
  get source(): Uint8Array {
    return this.#bytes;
  }

  /** Goes to `offset`; beyond the end there is nothing to read. @param offset 0 or more */
  seek(offset: number): void {
    this.#offset = offset;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    const at = this.#offset;
    if (at >= this.#bytes.length) throw truncated(1, 0);
    this.#offset = at + 1;
    return this.#bytes[at] ?? 0;
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  u48(): number {
    return readU48(this.#bytes, this.#take(6));
  }

  varint(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    // The bit operators see 32 bits only: four bytes fit, the rest needs multiplication.
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return checkedVarint(value, byte);
    }
    let factor = 0x1000_0000;
    for (let count = 4; count < VARINT_BYTES_MAX; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return checkedVarint(value, byte);
      factor *= 0x80;
    }
    throw invalid(`varint is longer than ${VARINT_BYTES_MAX} bytes`);
  }

  zigzag(): number {
    const first = this.u8();
    let magnitude = (first & 0x7f) >> 1;
    if (first >= 0x80) {
      const rest = this.varint();
      magnitude = checkedVarint(magnitude + rest * 0x40, rest);
    }
    if ((first & 1) === 0) return magnitude;
    if (magnitude === Number.MAX_SAFE_INTEGER) throw invalid('varint is less than -(2^53 - 1)');
    return -magnitude - 1;
  }

  /** The next `count` bytes (1 to 4), most significant first, as a signed 32-bit word. */
  bigEndian(count: number): number {
    const at = this.#take(count);
    let word = 0;
    for (let i = at; i < at + count; i++) word = (word << 8) | (this.#bytes[i] ?? 0);
    return word;
  }

  /** A view of the next `count` bytes. */
  bytes(count: number): Buffer {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Leaves out the next `count` bytes. */
  skip(count: number): void {
    this.#take(count);
  }

  /** @param maxBytes longest text accepted, in UTF-8 bytes */
  text(maxBytes: number): string {
    const length = this.varint();
    if (length > maxBytes) throw invalid(`text of ${length} bytes, at most ${maxBytes} are allowed`);
    const bytes = this.bytes(length);
    // Invalid UTF-8 would decode to replacement characters and no longer be the canonical form.
    if (!isUtf8(bytes)) throw invalid('text is not valid UTF-8');
    return bytes.toString('utf8');
  }

  /** Throws unless everything has been read. */
  expectEnd(): void {
    if (this.remaining > 0) throw invalid(`${this.remaining} bytes left over`);
  }

  #take(count: number): number {
    const at = this.#offset;
    if (count > this.#bytes.length - at) throw truncated(count, this.remaining);
    this.#offset = at + count;
    return at;
  }
}

/** Unsigned 48-bit integer at `offset`; the caller has checked the length. */
export function readU48(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt16LE(offset + 4) * TWO_32;
}

/** Whether `value` fits in 48 bits. */
export function isU48(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < TWO_48;
}

/** How many bytes `value` takes as a varint. */
export function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++;
  return count;
}

/** `value` unless it is unsafe, or `last`, its highest group of bits, is zero: then a shorter encoding exists. */
function checkedVarint(value: number, last: number): number {
  if (last === 0) throw invalid('varint is longer than needed');
  if (value > Number.MAX_SAFE_INTEGER) throw invalid('varint is larger than 2^53 - 1');
  return value;
}

function truncated(wanted: number, left: number): AppError {
  return invalid(`needs ${wanted} more bytes, ${left} are left`);
}

function invalid(message: string): AppError {
  return new AppError('RECORD_UNDECODABLE', message);
}
