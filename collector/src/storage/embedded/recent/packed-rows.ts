/**
 * Rows of numbers that are kept for a while and read now and then: column by column, each value as its distance from the
 * least one of its column, in as few bytes as the largest distance needs. What is measured changes little within minutes,
 * so most values take two bytes or none instead of eight. What does not fit that way stays a float; nothing is rounded.
 *
 * One piece of memory: the least value of each column (float64, as a whole number, or the only value of the column) · per
 * column where its values begin and how many bytes each takes (4 bytes) · floats · distances
 */
import type { Pieces, Room } from './pieces.ts';

/** Bytes of a value that stays a float. */
const FLOAT_WIDTH = 8;
const HEAD_BYTES = 4;

/** Where a float is put together out of its bytes. */
const FLOAT = new Float64Array(1);
const FLOAT_BYTES = new Uint8Array(FLOAT.buffer);

/** Numbers to be packed. */
export interface RowsSource {
  readonly columnCount: number;
  readonly rowCount: number;
  /** Per column what makes whole numbers of its values, if anything does; kept, not to be changed. */
  readonly powers: Float64Array;
  /** Puts a column into `target`, from `at` on. */
  copyColumn(this: void, column: number, target: Float64Array, at: number): void;
}

export class PackedRows {
  readonly rowCount: number;
  readonly #powers: Float64Array;
  /** Memory that it may share with others; the only view, because a large fleet has many of them, and a view takes 100 bytes. */
  readonly #bytes: Uint8Array;
  /** Where its own begin, in floats, and how many they are. */
  readonly #at: number;
  readonly #words: number;

  /**
   * @param source copied
   * @param pieces where to put it, for rows that are soon given up; absent for memory of its own
   */
  constructor(source: RowsSource, pieces?: Pieces) {
    const { columnCount, rowCount, powers } = source;
    this.rowCount = rowCount;
    this.#powers = powers;
    const { bases, widths, values } = roomFor(columnCount, rowCount);
    let floatCount = 0;
    let distanceBytes = 0;
    // A large fleet has a million columns packed each minute: neither views nor objects are made for one.
    for (let column = 0, from = 0; column < columnCount; column++, from += rowCount) {
      source.copyColumn(column, values, from);
      const width = toDistances(values, from, from + rowCount, powers[column] ?? 1);
      bases[column] = LEAST[0] ?? 0;
      widths[column] = width;
      if (width === FLOAT_WIDTH) floatCount += rowCount;
      else distanceBytes += width * rowCount;
    }
    const floatsAt = columnCount + Math.ceil((columnCount * HEAD_BYTES) / FLOAT_WIDTH);
    const wordCount = floatsAt + floatCount + Math.ceil(distanceBytes / FLOAT_WIDTH);
    const { floats, bytes, at } = pieces?.take(wordCount) ?? alone(wordCount);
    this.#bytes = bytes;
    this.#at = at;
    this.#words = wordCount;
    for (let column = 0; column < columnCount; column++) floats[at + column] = bases[column] ?? 0;
    let floatAt = floatsAt;
    let byteAt = (floatsAt + floatCount) * FLOAT_WIDTH;
    for (let column = 0, from = 0; column < columnCount; column++, from += rowCount) {
      const width = widths[column] ?? 0;
      const isFloat = width === FLOAT_WIDTH;
      this.#writeBytes(
        (columnCount * 2 + column) * HEAD_BYTES,
        HEAD_BYTES,
        (isFloat ? floatAt : byteAt) * 16 + width,
      );
      if (isFloat) {
        for (let row = 0; row < rowCount; row++, floatAt++) floats[at + floatAt] = values[from + row] ?? 0;
        continue;
      }
      if (width === 0) continue;
      for (let row = 0; row < rowCount; row++, byteAt += width)
        this.#writeBytes(byteAt, width, values[from + row] ?? 0);
    }
  }

  get bytes(): number {
    return this.#words * FLOAT_WIDTH;
  }

  /** Whether it shares its memory with nobody. */
  get isAlone(): boolean {
    return this.#bytes.byteLength === this.#words * FLOAT_WIDTH;
  }

  /** Puts a column, from row `low` on and before row `high`, into `target` from `at` on. */
  copyColumn(
    column: number,
    target: Float64Array,
    { low, high, at }: { low: number; high: number; at: number },
  ): void {
    const head = this.#readBytes((this.#powers.length * 2 + column) * HEAD_BYTES, HEAD_BYTES);
    const width = head % 16;
    const place = (head - width) / 16;
    if (width === FLOAT_WIDTH) {
      for (let row = low, to = at; row < high; row++, to++) target[to] = this.#readFloat(place + row);
      return;
    }
    const base = this.#readFloat(column);
    if (width === 0) {
      target.fill(base, at, at + high - low);
      return;
    }
    const power = this.#powers[column] ?? 1;
    for (let row = low, to = at; row < high; row++, to++)
      target[to] = (base + this.#readBytes(place + row * width, width)) / power;
  }

  #writeBytes(at: number, width: number, whole: number): void {
    const from = this.#at * FLOAT_WIDTH + at;
    for (let byte = 0, rest = whole; byte < width; byte++, rest >>>= 8) this.#bytes[from + byte] = rest;
  }

  /** @param at counted in floats */
  #readFloat(at: number): number {
    const bytes = this.#bytes;
    const from = (this.#at + at) * FLOAT_WIDTH;
    for (let byte = 0; byte < FLOAT_WIDTH; byte++) FLOAT_BYTES[byte] = bytes[from + byte] ?? 0;
    return FLOAT[0] ?? Number.NaN;
  }

  #readBytes(from: number, width: number): number {
    const bytes = this.#bytes;
    const at = this.#at * FLOAT_WIDTH + from;
    let whole = bytes[at] ?? 0;
    if (width > 1) whole |= (bytes[at + 1] ?? 0) << 8;
    if (width > 2) whole |= ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    return whole >>> 0;
  }
}

/** What `toDistances` found besides: a number of a result would be an object, and it is asked for each column. */
const LEAST = new Float64Array(1);

/**
 * Replaces values by their distances from the least of them, as whole numbers, where that loses nothing. Leaves in `LEAST` the
 * least of them as a whole number, or the value itself when all are the same.
 * @returns the bytes of a distance, 0 when all are the same
 */
function toDistances(values: Float64Array, from: number, end: number, power: number): number {
  const first = values[from] ?? Number.NaN;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let isSame = true;
  for (let at = from; at < end; at++) {
    const value = values[at] ?? Number.NaN;
    if (!Object.is(value, first)) isSame = false;
    const whole = Math.round(value * power);
    // A distance gives 0 where -0 was.
    if (!Number.isSafeInteger(whole) || !Object.is(whole / power + 0, value)) least = Number.NaN;
    least = Math.min(least, whole);
    most = Math.max(most, whole);
  }
  LEAST[0] = isSame ? first : least;
  if (isSame) return 0;
  const width = widthOf(most - least);
  if (width !== FLOAT_WIDTH) {
    for (let at = from; at < end; at++) values[at] = Math.round((values[at] ?? Number.NaN) * power) - least;
  }
  return width;
}

/** @param distance NaN when there is none */
function widthOf(distance: number): number {
  if (distance < 0x100) return 1;
  if (distance < 0x1_0000) return 2;
  return distance <= 0xffff_ffff ? 4 : FLOAT_WIDTH;
}

function alone(wordCount: number): Room {
  const floats = new Float64Array(wordCount);
  return { floats, bytes: new Uint8Array(floats.buffer), at: 0 };
}

const room = { bases: new Float64Array(0), widths: new Uint8Array(0), values: new Float64Array(0) };

/** Memory that is used only while rows are packed, which nothing interrupts. */
function roomFor(columnCount: number, rowCount: number): typeof room {
  if (room.bases.length < columnCount) {
    room.bases = new Float64Array(columnCount);
    room.widths = new Uint8Array(columnCount);
  }
  if (room.values.length < columnCount * rowCount) room.values = new Float64Array(columnCount * rowCount);
  return room;
}
