/**
 * What evaluation works on: whole columns. A query is evaluated over a grid of times at once; every expression yields
 * one column per series with a value, or a gap, for each time of the grid. Columns are never changed once made, so they
 * may share their arrays.
 */
import type { Labels } from '../storage/labels.ts';
import { executionError } from './errors.ts';

/** The times at which something is evaluated: `startMs + i * stepMs` for `i` below `count`. */
export interface Grid {
  readonly startMs: number;
  readonly stepMs: number;
  readonly count: number;
}

export interface Column {
  readonly labels: Labels;
  /** One per time of the grid. */
  readonly values: Float64Array;
  /** 1 where there is a value, 0 where there is a gap. */
  readonly present: Uint8Array;
  /** The metric name is to go from the final result; only with delayed name removal. */
  readonly isNameMarked: boolean;
}

export interface ScalarValue {
  readonly kind: 'scalar';
  /** One per time of the grid. */
  readonly values: Float64Array;
}

export interface VectorValue {
  readonly kind: 'vector';
  readonly columns: readonly Column[];
  /** The order of the columns was asked for, as by `sort`; only for a grid of one time. */
  readonly isOrdered: boolean;
}

export interface StringValue {
  readonly kind: 'string';
  readonly text: string;
}

export type Value = ScalarValue | VectorValue | StringValue;

export function vectorOf(columns: readonly Column[], isOrdered = false): VectorValue {
  return { kind: 'vector', columns, isOrdered };
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

/** What Prometheus says when two series of a result have the same labels. */
export const SAME_LABELSET = 'vector cannot contain metrics with the same labelset';

/**
 * Joins columns with equal labels into one, in the place of the first; columns without a single value go.
 * @throws AppError QUERY_FAILED with `conflict` as its text when two of them have a value at the same time
 */
export function mergeDuplicates(columns: readonly Column[], conflict = SAME_LABELSET): readonly Column[] {
  const merged = new Map<string, Column>();
  for (const column of columns) {
    const { key } = column.labels;
    const first = merged.get(key);
    merged.set(key, first === undefined ? column : joined(first, column, conflict));
  }
  return merged.size === columns.length ? columns : [...merged.values()];
}

function joined(first: Column, second: Column, conflict: string): Column {
  const values = first.values.slice();
  const present = first.present.slice();
  for (let i = 0; i < values.length; i++) {
    if (second.present[i] !== 1) continue;
    if (present[i] === 1) throw executionError(conflict);
    present[i] = 1;
    values[i] = second.values[i] ?? NaN;
  }
  return { ...first, values, present };
}

/**
 * Columns without their metric name, or with the name marked for removal when `isDelayed`.
 * @throws AppError QUERY_FAILED when that makes two series equal
 */
export function withoutNames(columns: readonly Column[], isDelayed: boolean): readonly Column[] {
  if (isDelayed) return columns.map((column) => ({ ...column, isNameMarked: true }));
  const bare = columns.map((column) => ({ ...column, labels: column.labels.withoutName() }));
  const firstName = columns[0]?.labels.metricName;
  // Series of one name stay different without it, which spares comparing them all.
  const haveOneName = columns.every(({ labels }) => labels.metricName === firstName);
  return haveOneName ? bare : mergeDuplicates(bare);
}

/** Removes the names that were marked. */
export function withoutMarkedNames(columns: readonly Column[]): readonly Column[] {
  if (!columns.some(({ isNameMarked }) => isNameMarked)) return columns;
  return mergeDuplicates(
    columns.map((column) =>
      column.isNameMarked ? { ...column, labels: column.labels.withoutName(), isNameMarked: false } : column,
    ),
  );
}
