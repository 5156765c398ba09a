/**
 * Growing writer and bounds-checked reader for little-endian integers, 48-bit unsigned integers (u48) and LEB128
 * varints. Integers are JavaScript numbers up to 2^53 - 1.
 */
import { AppError } from './errors.ts';

const TWO_32 = 0x1_0000_0000;
const TWO_16 = 0x1_0000;

export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(initialBytes = 1024) {
    this.#bytes = Buffer.allocUnsafe(initialBytes);
  }

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

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#bytes.writeUInt16LE(value, this.#length);
    this.#length += 2;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#bytes.writeUInt32LE(value, this.#length);
    this.#length += 4;
  }

  u48(value: number): void {
    this.#reserve(6);
    this.#bytes.writeUIntLE(value, this.#length, 6);
    this.#length += 6;
  }

  /** Unsigned LEB128; `value` is an integer from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Signed LEB128 after zig-zag; `value` is an integer of at most 2^53 - 1 in magnitude. */
  zigzag(value: number): void {
    // Zig-zag would double the magnitude past 2^53, so the sign goes into the first byte's lowest bit by hand.
    this.#reserve(9);
    const isNegative = value < 0;
    const magnitude = isNegative ? -value - 1 : value;
    const first = (magnitude % 0x40) * 2 + (isNegative ? 1 : 0);
    let rest = Math.floor(magnitude / 0x40);
    this.#bytes[this.#length++] = rest > 0 ? first | 0x80 : first;
    while (rest > 0) {
      const low = rest % 0x80;
      rest = Math.floor(rest / 0x80);
      this.#bytes[this.#length++] = rest > 0 ? low | 0x80 : low;
    }
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** varint length in bytes and UTF-8. */
  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#reserve(length);
    this.#length += this.#bytes.write(value, this.#length, 'utf8');
  }

  /** Overwrites four bytes written before. */
  patchU32(offset: number, value: number): void {
    this.#bytes.writeUInt32LE(value, offset);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Every method throws AppError RECORD_UNDECODABLE when the bytes end too early or hold no valid value. */
export class ByteReader {
  readonly #bytes: Buffer;
  #offset = 0;

  /** Reads `bytes` in place; the buffer must not change meanwhile. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    const value = this.#bytes[this.#offset];
    if (value === undefined) throw truncated(1, 0);
    this.#offset++;
    return value;
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  u48(): number {
    const at = this.#take(6);
    return this.#bytes.readUInt32LE(at) + this.#bytes.readUInt16LE(at + 4) * TWO_32;
  }

  varint(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    return this.#rest(first & 0x7f, 0x80);
  }

  zigzag(): number {
    const first = this.u8();
    const isNegative = (first & 1) === 1;
    const low = (first & 0x7f) >> 1;
    const magnitude = first < 0x80 ? low : this.#rest(low, 0x40);
    return isNegative ? -magnitude - 1 : magnitude;
  }

  /** A view of the next `count` bytes. */
  bytes(count: number): Buffer {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** @param maxBytes longest text accepted, in UTF-8 bytes */
  text(maxBytes: number): string {
    const length = this.varint();
    if (length > maxBytes) {
      throw new AppError('RECORD_UNDECODABLE', `text of ${length} bytes, at most ${maxBytes} are allowed`);
    }
    const bytes = this.bytes(length);
    const text = bytes.toString('utf8');
    // Invalid UTF-8 would decode to replacement characters and no longer be the canonical form.
    if (Buffer.byteLength(text) !== length || (text.includes('\ufffd') && !bytes.equals(Buffer.from(text)))) {
      throw new AppError('RECORD_UNDECODABLE', 'text is not valid UTF-8');
    }
    return text;
  }

  /** @throws AppError RECORD_UNDECODABLE when bytes are left over */
  expectEnd(): void {
    if (this.remaining > 0) {
      throw new AppError('RECORD_UNDECODABLE', `${this.remaining} bytes left over`);
    }
  }

  #rest(low: number, firstFactor: number): number {
    let value = low;
    let factor = firstFactor;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) {
        throw new AppError('RECORD_UNDECODABLE', 'varint is larger than 2^53 - 1');
      }
      if (byte < 0x80) {
        if (byte === 0) throw new AppError('RECORD_UNDECODABLE', 'varint is longer than needed');
        return value;
      }
      factor *= 0x80;
      if (factor > Number.MAX_SAFE_INTEGER) {
        throw new AppError('RECORD_UNDECODABLE', 'varint is longer than eight bytes');
      }
    }
  }

  #take(count: number): number {
    const at = this.#offset;
    if (count < 0 || at + count > this.#bytes.length) throw truncated(count, this.remaining);
    this.#offset = at + count;
    return at;
  }
}

function truncated(wanted: number, left: number): AppError {
  return new AppError('RECORD_UNDECODABLE', `needs ${wanted} more bytes, ${left} are left`);
}

/** Unsigned 48-bit integer at `offset`; the caller has checked the length. */
export function readU48(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt16LE(offset + 4) * TWO_32;
}

/** Whether `value` fits in 48 bits. */
export function isU48(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < TWO_32 * TWO_16;
}
