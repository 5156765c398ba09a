/**
 * JSON as bytes in one growing buffer. An answer is mostly numbers, and making a string of each, joining them and encoding
 * the whole takes several times as long as writing their digits.
 */
import { DIGIT_PAIRS, writeDecimal, writeThousandths } from './decimals.ts';
import { formatSample } from './format.ts';
import { WORD_BYTES, type Heads } from './time-heads.ts';

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
    let next = from === 0 ? 0 : (ends[from - 1] ?? 0);
    this.#reserve((ends[to - 1] ?? 0) - next + (to - from) * POINT_BYTES_MAX);
    const bytes = this.#bytes;
    const target = this.#words;
    let at = this.#length;
    let before = Number.NaN;
    let beforeStart = at;
    let beforeEnd = at;
    for (let i = from; i < to; i++) {
      const end = ends[i] ?? next;
      // Eight bytes at a time: up to seven too many, over which the value is written. No text is a NaN, whose bits might change.
      const start = at + end - next;
      for (; next < end; at += WORD_BYTES, next += WORD_BYTES)
        target.setFloat64(at, heads.getFloat64(next, true), true);
      next = end;
      at = start;
      const value = values[i] ?? Number.NaN;
      // Much of what is measured does not change. Zero is short, and may have a sign.
      if (value === before && value !== 0) {
        for (let from = beforeStart; from < beforeEnd; from++) bytes[at++] = bytes[from] ?? DIGIT_0;
      } else {
        at = writeSample(value, bytes, at);
        before = value;
      }
      beforeStart = start;
      beforeEnd = at;
      bytes[at++] = QUOTE;
      bytes[at++] = BRACKET;
    }
    this.#length = at;
  }

  /** How much fits without growing. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** What was added so far, as it lies here: good until something is added. The next piece begins empty. */
  take(): Uint8Array<ArrayBuffer> {
    const piece = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return piece;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#words = new DataView(larger.buffer);
  }
}

/** Writes a number as `formatSample` gives it, to where there is room for it. @returns where it ends */
function writeSample(value: number, bytes: Uint8Array, at: number): number {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return writeWhole(value, bytes, at);
  let end = writeThousandths(value, bytes, at);
  if (end < 0) end = writeDecimal(value, bytes, at);
  return end < 0 ? writeAscii(formatSample(value), bytes, at) : end;
}

function writeAscii(text: string, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function writeWhole(value: number, bytes: Uint8Array, at: number): number {
  let start = at;
  if (value < 0) bytes[start++] = MINUS;
  const size = Math.abs(value);
  if (size < HALF) return writeDigits(size, digitsOf(size), bytes, start);
  const high = Math.floor(size / HALF);
  const middle = writeDigits(high, digitsOf(high), bytes, start);
  return writeDigits(size - high * HALF, HALF_DIGITS, bytes, middle);
}

/** Digits of a number below 2³¹, with zeros in front. */
function writeDigits(value: number, count: number, bytes: Uint8Array, start: number): number {
  let rest = value | 0;
  let at = start + count - 1;
  for (; at > start; at -= 2) {
    const hundredth = (rest / 100) | 0;
    const pair = 2 * (rest - hundredth * 100);
    bytes[at - 1] = DIGIT_PAIRS[pair] ?? DIGIT_0;
    bytes[at] = DIGIT_PAIRS[pair + 1] ?? DIGIT_0;
    rest = hundredth;
  }
  if (at === start) bytes[at] = DIGIT_0 + rest;
  return start + count;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
}
