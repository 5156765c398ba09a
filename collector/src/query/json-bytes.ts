/**
 * JSON as bytes in one growing buffer. An answer is mostly numbers, and making a string of each, joining them and encoding
 * the whole takes several times as long as writing their digits.
 */
import { formatSample } from './format.ts';

const SIZE_MIN = 16 * 1024;
/** The longest text of a number: a sign, 17 digits, a point, five zeros, an exponent. */
const NUMBER_BYTES_MAX = 32;
/** Bytes that a UTF-16 unit may take in UTF-8. */
const UNIT_BYTES_MAX = 3;
/** Whole numbers are written in two halves that both fit into 32 bits. */
const HALF = 1e9;
const HALF_DIGITS = 9;
const DIGIT_0 = 48;
const MINUS = 45;

const ENCODER = new TextEncoder();

export class JsonBytes {
  #bytes = new Uint8Array(SIZE_MIN);
  #length = 0;
  #newest = { value: Number.NaN, start: 0, end: 0 };

  get length(): number {
    return this.#length;
  }

  /** Adds a text as it is. */
  text(text: string): void {
    this.#reserve(text.length * UNIT_BYTES_MAX);
    this.#length += ENCODER.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  /** Adds bytes from `start` on and before `end`. */
  bytes(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    const target = this.#bytes;
    let at = this.#length;
    // They are few: a call of the platform would cost more than the loop.
    for (let from = start; from < end; from++) target[at++] = source[from] ?? 0;
    this.#length = at;
  }

  /** Adds one byte. */
  byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  /** Adds a number as by `formatSample`. */
  sample(value: number): void {
    const newest = this.#newest;
    // Much of what is measured does not change.
    if (value === newest.value && value !== 0) {
      this.#repeat(newest.start, newest.end);
      return;
    }
    const start = this.#length;
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#whole(value);
    else this.#ascii(formatSample(value));
    newest.value = value;
    newest.start = start;
    newest.end = this.#length;
  }

  /** How much fits without growing. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** What was added so far, as it lies here: good until something is added. The next piece begins empty. */
  take(): Uint8Array<ArrayBuffer> {
    const piece = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    this.#newest.value = Number.NaN;
    return piece;
  }

  #repeat(start: number, end: number): void {
    this.#reserve(end - start);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let from = start; from < end; from++) bytes[at++] = bytes[from] ?? 0;
    this.#length = at;
  }

  #ascii(text: string): void {
    this.#reserve(text.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  #whole(value: number): void {
    this.#reserve(NUMBER_BYTES_MAX);
    if (value < 0) this.#bytes[this.#length++] = MINUS;
    const size = Math.abs(value);
    const high = Math.floor(size / HALF);
    if (high > 0) this.#digits(high, digitsOf(high));
    this.#digits(size - high * HALF, high > 0 ? HALF_DIGITS : digitsOf(size));
  }

  /** Digits of a number below 2³¹, with zeros in front. */
  #digits(value: number, count: number): void {
    const bytes = this.#bytes;
    let rest = value | 0;
    for (let at = this.#length + count - 1; at >= this.#length; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = DIGIT_0 + rest - tenth * 10;
      rest = tenth;
    }
    this.#length += count;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
}
