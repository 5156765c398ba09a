/**
 * Just enough of Protocol Buffers for the messages of remote write and read. Integers are JavaScript numbers; those
 * that do not fit (beyond 2^53 in magnitude) are refused. Source: protobuf.dev/programming-guides/encoding.
 */
import { isUtf8 } from 'node:buffer';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { ByteWriter } from '@rollcall/shared/lib/varint.ts';

/** How a field is encoded. */
export const WIRE = { VARINT: 0, FIXED64: 1, BYTES: 2, FIXED32: 5 } as const;

const TWO_53 = 2 ** 53;
/** Groups of seven bits of a 64-bit integer. */
const VARINT_BYTES_MAX = 10;

/** Prometheus marks the end of a series with this NaN: a signalling one, whose bits a JavaScript number may lose. */
const STALE_NAN = { high: 0x7ff00000, low: 0x00000002 } as const;

/** A float as it stands in a message. */
export interface RawDouble {
  readonly value: number;
  /** Whether the bits are those of a stale marker; `value` is then NaN. */
  readonly isStale: boolean;
}

/** Reads the fields of one message. Every method throws AppError BAD_REQUEST when the bytes are not what they should be. */
export class MessageReader {
  /** All bytes, also those around the message. */
  readonly bytes: Buffer;
  readonly #end: number;
  #at: number;
  #field = 0;
  #wire = 0;

  /** Reads `bytes` from `start` to `end` in place. */
  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Where the next field, or the value of this one, begins. */
  get position(): number {
    return this.#at;
  }

  /** Number of the current field. */
  get field(): number {
    return this.#field;
  }

  /** Goes to the next field, whose value must then be read or skipped; false at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const key = this.#unsigned();
    this.#field = Math.floor(key / 8);
    this.#wire = key % 8;
    if (this.#field === 0) throw malformed('field number 0');
    return true;
  }

  /** The value of an integer field as `int64`. */
  integer(): number {
    this.#expect(WIRE.VARINT);
    let low = 0;
    let high = 0;
    for (let group = 0; group < VARINT_BYTES_MAX; group++) {
      const byte = this.#byte();
      const part = byte & 0x7f;
      // Bits 0 to 27 and 28 to 63, apart so that both stay exact.
      if (group < 4) low += part * 2 ** (7 * group);
      else high += part * 2 ** (7 * (group - 4));
      if (byte < 0x80) return toInt64(low, high);
    }
    throw malformed('an integer is too long');
  }

  /** The values of a repeated integer field, which may come one by one or packed. */
  integers(): readonly number[] {
    if (this.#wire !== WIRE.BYTES) return [this.integer()];
    const packed = this.message();
    const values: number[] = [];
    packed.#wire = WIRE.VARINT;
    while (packed.#at < packed.#end) values.push(packed.integer());
    return values;
  }

  /** The value of a `double` field, with its raw bits looked at. */
  double(): RawDouble {
    this.#expect(WIRE.FIXED64);
    const at = this.#take(8);
    const isStale =
      this.bytes.readUInt32LE(at + 4) === STALE_NAN.high && this.bytes.readUInt32LE(at) === STALE_NAN.low;
    return { value: isStale ? Number.NaN : this.bytes.readDoubleLE(at), isStale };
  }

  /** The value of a text field, undefined when it is not UTF-8. */
  text(): string | undefined {
    const { start, end } = this.#span();
    return isUtf8(this.bytes.subarray(start, end)) ? this.bytes.toString('utf8', start, end) : undefined;
  }

  /** The value of a field that is a message. */
  message(): MessageReader {
    const { start, end } = this.#span();
    return new MessageReader(this.bytes, start, end);
  }

  /** Leaves the value of the current field out. */
  skip(): void {
    if (this.#wire === WIRE.VARINT) this.integer();
    else if (this.#wire === WIRE.FIXED64) this.#take(8);
    else if (this.#wire === WIRE.BYTES) this.#span();
    else if (this.#wire === WIRE.FIXED32) this.#take(4);
    else throw malformed(`wire type ${this.#wire}`);
  }

  #span(): { readonly start: number; readonly end: number } {
    this.#expect(WIRE.BYTES);
    const length = this.#unsigned();
    const start = this.#take(length);
    return { start, end: start + length };
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw malformed(`field ${this.#field} has wire type ${this.#wire}`);
  }

  #unsigned(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed('a length is too long');
  }

  #byte(): number {
    const byte = this.bytes[this.#take(1)];
    return byte ?? 0;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) throw malformed('it ends inside a field');
    this.#at = at + count;
    return at;
  }
}

/** Two's complement of 64 bits, given as 28 low and 36 (and, from bad writers, a few more) high bits. */
function toInt64(low: number, high: number): number {
  const isNegative = high >= 2 ** 35;
  const value = (isNegative ? high - 2 ** 36 : high) * 2 ** 28 + low;
  if (high >= 2 ** 36 || Math.abs(value) > TWO_53 - 1) throw malformed('an integer is too large');
  return value;
}

function malformed(reason: string): AppError {
  return new AppError('BAD_REQUEST', `body is not a protobuf message of the expected kind: ${reason}`);
}

/** Writes the key of a field; its value follows. */
export function putKey(writer: ByteWriter, field: number, wire: number): void {
  writer.varint(field * 8 + wire);
}

const scratch = Buffer.alloc(8);

/** Writes the value of a `double` field, or the bits of a stale marker. */
export function putDouble(writer: ByteWriter, { value, isStale }: RawDouble): void {
  if (isStale) {
    writer.u32(STALE_NAN.low);
    writer.u32(STALE_NAN.high);
  } else {
    scratch.writeDoubleLE(value);
    writer.bytes(scratch);
  }
}

/** Writes a field whose value is the message that `content` writes. */
export function putMessage(writer: ByteWriter, field: number, content: () => void): void {
  putKey(writer, field, WIRE.BYTES);
  const start = writer.length;
  content();
  writer.prefixLength(start);
}

/** Writes a text field. */
export function putText(writer: ByteWriter, field: number, text: string): void {
  putKey(writer, field, WIRE.BYTES);
  writer.text(text);
}
