/**
 * Readings of one schema as columns: what a chart wants to read, where a row per reading would have to be walked through
 * for each series. Most of what is measured never changes, so a column is one number until it does.
 *
 * Rows are only ever written behind the last one, and what is trimmed or grows goes into new arrays. So readers get views
 * instead of copies, and keep them as long as they like: making an array costs as much as reading some hundred values.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { STATE, type Block } from '../blocks/block.ts';
import type { TimeRange } from '../catalogue.ts';
import type { Rows } from './collect.ts';
import { ConstantRows } from '../recent/constant-rows.ts';

/** Room at the beginning, and by how much it grows. */
const ROWS_MIN = 32;
const GROWTH = 1.5;
/** Memory of the objects around a column, about. */
const COLUMN_BYTES = 64;

/** Series of one index, row by row. */
interface StoredColumn {
  /** The value of all present rows while `values` is undefined. */
  constant: number;
  values: Float64Array<ArrayBuffer> | undefined;
  /** STATE per row; undefined while all rows are present. */
  states: Uint8Array<ArrayBuffer> | undefined;
}

/** Rows of a run within a range: from `low` on and before `high`. */
export interface RunPart {
  readonly run: ColumnRun;
  readonly low: number;
  readonly high: number;
  /** Times of those rows; not to be changed. The same array when the same rows are asked for again. */
  readonly timesMs: Float64Array;
}

/** Ranges of rows whose times are remembered: a dashboard asks for a few, again and again. */
const PARTS_KEPT = 4;
const CONSTANT_ROWS = new ConstantRows();

export class ColumnRun {
  readonly schema: Schema;
  readonly #columns: readonly StoredColumn[];
  #timesMs = new Float64Array(ROWS_MIN);
  #length = 0;
  #bytes: number;
  /** What was asked for lately, newest first. */
  #parts: RunPart[] = [];
  /** The time that was asked for last, for all series of a read and for the next one. */
  #time: { readonly row: number; readonly timesMs: Float64Array } | undefined;

  constructor(schema: Schema) {
    this.schema = schema;
    this.#columns = Array.from({ length: schema.seriesCount }, () => ({
      constant: Number.NaN,
      values: undefined,
      states: undefined,
    }));
    this.#bytes = this.#timesMs.byteLength + COLUMN_BYTES * schema.seriesCount;
  }

  /** Memory that it takes, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Time of the last row, -Infinity when there is none. */
  get lastMs(): number {
    return this.#timesMs[this.#length - 1] ?? Number.NEGATIVE_INFINITY;
  }

  /** Adds a reading of its schema, later than all before; copies what it needs. */
  append({ timeMs, values, states }: Block): void {
    if (this.#length === this.#timesMs.length) this.#move(0, Math.ceil(this.#length * GROWTH));
    const row = this.#length++;
    this.#timesMs[row] = timeMs;
    for (let index = 0; index < this.#columns.length; index++) {
      const column = this.#columns[index];
      if (column === undefined) break;
      const isPresent = states === undefined || states[index] === STATE.PRESENT;
      if (!isPresent || column.states !== undefined) this.#setState(column, row, isPresent);
      if (isPresent) this.#setValue(column, row, values[index] ?? Number.NaN);
    }
  }

  /** Forgets the rows before a time. */
  trim(beforeMs: number): void {
    const low = this.#firstAtLeast(beforeMs);
    if (low === 0) return;
    this.#length -= low;
    this.#parts = [];
    this.#time = undefined;
    this.#move(low, Math.max(ROWS_MIN, this.#length));
  }

  /** The rows in a range (both ends inclusive), undefined when there are none. */
  part({ fromMs, toMs }: TimeRange): RunPart | undefined {
    const low = this.#firstAtLeast(fromMs);
    const high = this.#firstAtLeast(toMs + 1);
    if (low >= high) return undefined;
    let part = this.#parts.find((one) => one.low === low && one.high === high);
    if (part === undefined) {
      part = { run: this, low, high, timesMs: this.#timesMs.subarray(low, high) };
      this.#parts = [part, ...this.#parts.slice(0, PARTS_KEPT - 1)];
    }
    return part;
  }

  /** The last row in a range (both ends inclusive), -1 when there is none. */
  lastRow({ fromMs, toMs }: TimeRange): number {
    // Whoever asks for the newest nearly always asks now.
    const row = this.lastMs <= toMs ? this.#length - 1 : this.#firstAtLeast(toMs + 1) - 1;
    return (this.#timesMs[row] ?? Number.NEGATIVE_INFINITY) >= fromMs ? row : -1;
  }

  /** The time of a row, alone; not to be changed. The same array when the same row is asked for again. */
  timeOf(row: number): Float64Array {
    if (this.#time?.row !== row) this.#time = { row, timesMs: this.#timesMs.subarray(row, row + 1) };
    return this.#time.timesMs;
  }

  /** Whether a series may be absent in some row. */
  hasGaps(index: number): boolean {
    return this.#columns[index]?.states !== undefined;
  }

  /** A series in the rows from `low` on and before `high`; not to be changed. */
  rows(index: number, low: number, high: number): Rows {
    const column = this.#columns[index];
    if (column === undefined) throw new RangeError(`no column ${index} in schema of ${this.schema.sampler}`);
    const values = column.values?.subarray(low, high) ?? CONSTANT_ROWS.of(column.constant, high - low);
    return { values, states: column.states?.subarray(low, high) };
  }

  /** The value of a series in a row, undefined when it is absent there. */
  valueAt(index: number, row: number): number | undefined {
    const column = this.#columns[index];
    if (column === undefined || (column.states !== undefined && column.states[row] !== STATE.PRESENT))
      return undefined;
    return column.values === undefined ? column.constant : column.values[row];
  }

  #setState(column: StoredColumn, row: number, isPresent: boolean): void {
    if (column.states === undefined) {
      column.states = new Uint8Array(this.#timesMs.length).fill(STATE.PRESENT, 0, row);
      this.#bytes += column.states.byteLength;
    }
    column.states[row] = isPresent ? STATE.PRESENT : STATE.ABSENT;
  }

  #setValue(column: StoredColumn, row: number, value: number): void {
    if (column.values === undefined) {
      if (row === 0) column.constant = value;
      if (Object.is(column.constant, value)) return;
      column.values = new Float64Array(this.#timesMs.length).fill(column.constant, 0, row);
      this.#bytes += column.values.byteLength;
    }
    column.values[row] = value;
  }

  /** Takes the rows from `low` on over into arrays with room for `capacity` rows. */
  #move(low: number, capacity: number): void {
    this.#timesMs = moved(this.#timesMs, low, capacity);
    this.#bytes = this.#timesMs.byteLength + COLUMN_BYTES * this.#columns.length;
    for (const column of this.#columns) {
      if (column.values !== undefined) column.values = moved(column.values, low, capacity);
      if (column.states !== undefined) {
        const states = new Uint8Array(capacity);
        states.set(column.states.subarray(low, low + capacity));
        column.states = states;
      }
      this.#bytes += (column.values?.byteLength ?? 0) + (column.states?.byteLength ?? 0);
    }
  }

  /** Position of the first row at or after a time. */
  #firstAtLeast(timeMs: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#timesMs[middle] ?? Infinity) < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function moved(array: Float64Array, low: number, capacity: number): Float64Array<ArrayBuffer> {
  const copy = new Float64Array(capacity);
  copy.set(array.subarray(low, low + capacity));
  return copy;
}
