/**
 * What evaluation works on: whole columns. A query is evaluated over a grid of times at once; every expression yields
 * one column per series with a value, or a gap, for each time of the grid. Columns are never changed once made, so they
 * may share their arrays.
 */
import type { Labels } from '../../storage/labels.ts';

/** The times at which something is evaluated: `startMs + i * stepMs` for `i` below `count`. */
export interface Grid {
  readonly startMs: number;
  readonly stepMs: number;
  readonly count: number;
  /** Of a subquery: its times are not steps of the query. */
  readonly isInner?: true;
}

/** One series over the grid. */
export interface Column {
  readonly labels: Labels;
  /** One per time of the grid. */
  readonly values: Float64Array;
  /** 1 where there is a value, 0 where there is a gap. */
  readonly present: Uint8Array;
  /** The metric name is to go from the final result; only with delayed name removal. */
  readonly isNameMarked: boolean;
}

/** A number at each time. */
export interface ScalarValue {
  readonly kind: 'scalar';
  /** One per time of the grid. */
  readonly values: Float64Array;
}

/** Series with different labels. */
export interface VectorValue {
  readonly kind: 'vector';
  readonly columns: readonly Column[];
  /** The order of the columns was asked for, as by `sort`; only for a grid of one time. */
  readonly isOrdered: boolean;
}

/** A text, the same at all times. */
export interface StringValue {
  readonly kind: 'string';
  readonly text: string;
}

/** What an expression yields, range vectors excepted. */
export type Value = ScalarValue | VectorValue | StringValue;

/** That there is a value at the only time of a grid, for all columns that have one. */
export const ONE_PRESENT = Uint8Array.of(1);

/** A vector of these columns. */
export function vectorOf(columns: readonly Column[], isOrdered = false): VectorValue {
  return { kind: 'vector', columns, isOrdered };
}

/** Values that are made room for at once, at most: 64 KiB, because the allocator fetches larger pieces from the system. */
const ROOM_VALUES_MAX = 8_192;

/**
 * Makes the arrays of values of the columns of one result, many out of one buffer: to make an array of its own for each
 * column takes several times as long as to fill it.
 */
export class ColumnRoom {
  readonly #count: number;
  #room = new Float64Array(0);
  #used = 0;

  /** @param count times of the grid */
  constructor(count: number) {
    this.#count = count;
  }

  /** An array of zeros, one for each time of the grid. */
  values(): Float64Array {
    const start = this.#used;
    const end = start + this.#count;
    if (end > this.#room.length) {
      // Twice as much each time, because most results have one column and some have thousands.
      const length = Math.min(2 * this.#room.length, ROOM_VALUES_MAX);
      this.#room = new Float64Array(Math.max(this.#count, length));
      this.#used = this.#count;
      return this.#room.subarray(0, this.#count);
    }
    this.#used = end;
    return this.#room.subarray(start, end);
  }
}

/** The time of step `i`. */
export function timeAt(grid: Grid, i: number): number {
  return grid.startMs + i * grid.stepMs;
}

/** The last time of the grid. */
export function lastTime(grid: Grid): number {
  return timeAt(grid, grid.count - 1);
}

/** Whether any value is there. */
export function hasAny(present: Uint8Array): boolean {
  return present.includes(1);
}

/** A column with a value everywhere. */
export function fullColumn(labels: Labels, values: Float64Array): Column {
  return { labels, values, present: new Uint8Array(values.length).fill(1), isNameMarked: false };
}

/** Repeats a value that was evaluated for one time over `count` times. */
export function broadcast(value: Value, count: number): Value {
  if (value.kind === 'string') return value;
  const spread = (values: Float64Array): Float64Array => new Float64Array(count).fill(values[0] ?? NaN);
  if (value.kind === 'scalar') return { kind: 'scalar', values: spread(value.values) };
  return vectorOf(
    value.columns.map((column) => ({
      ...column,
      values: spread(column.values),
      present: new Uint8Array(count).fill(column.present[0] ?? 0),
    })),
  );
}
