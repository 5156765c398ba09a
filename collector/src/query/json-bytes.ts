/**
 * JSON as bytes in one growing buffer. An answer is mostly numbers, and making a string of each, joining them and encoding
 * the whole takes several times as long as writing their digits.
 */
import { writeDecimal } from './decimals.ts';
import { formatSample } from './format.ts';
import type { Heads } from './time-heads.ts';

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
const QUOTE = 34;
const BRACKET = 93;
/** What a point has at most after its head. */
const POINT_BYTES_MAX = NUMBER_BYTES_MAX + 2;

const ENCODER = new TextEncoder();

export class JsonBytes {
  #bytes = new Uint8Array(SIZE_MIN);
  /** The same bytes. */
  #words = new DataView(this.#bytes.buffer);
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

  /** Adds bytes as they are. */
  bytes(source: Uint8Array): void {
    this.#reserve(source.length);
    this.#bytes.set(source, this.#length);
    this.#length += source.length;
  }

  /** A copy of what was added from a length on, since nothing was taken. */
  copyFrom(start: number): Uint8Array {
    return this.#bytes.slice(start, this.#length);
  }

  /** Adds points from number `from` on and before `to`: what stands before each value, the value, a quote and a bracket. */
  points({ words: heads, ends }: Heads, values: Float64Array, from: number, to: number): void {
    let start = from === 0 ? 0 : (ends[from - 1] ?? 0);
    for (let i = from; i < to; i++) {
      const end = ends[i] ?? start;
      this.#reserve(end - start + POINT_BYTES_MAX);
      const target = this.#words;
      // Four bytes at a time: up to three too many, over which the value is written.
      for (let at = this.#length, next = start; next < end; at += 4, next += 4)
        target.setInt32(at, heads.getInt32(next));
      this.#length += end - start;
      start = end;
      this.#sample(values[i] ?? Number.NaN);
      this.#bytes[this.#length++] = QUOTE;
      this.#bytes[this.#length++] = BRACKET;
    }
  }

  /** Adds a number as by `formatSample`; there is room for it. */
  #sample(value: number): void {
    const newest = this.#newest;
    // Much of what is measured does not change.
    if (value === newest.value && value !== 0) {
      const bytes = this.#bytes;
      let at = this.#length;
      for (let from = newest.start; from < newest.end; from++) bytes[at++] = bytes[from] ?? 0;
      this.#length = at;
      return;
    }
    const start = this.#length;
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#whole(value);
    else this.#fraction(value);
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

  #fraction(value: number): void {
    const end = writeDecimal(value, this.#bytes, this.#length);
    if (end < 0) this.#ascii(formatSample(value));
    else this.#length = end;
  }

  #ascii(text: string): void {
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  #whole(value: number): void {
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
    this.#words = new DataView(larger.buffer);
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
}
