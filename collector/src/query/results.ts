/** What queries answer, and how columns become that. */
import { sortInTurns } from '@rollcall/shared/lib/turn.ts';
import { Labels } from '../storage/labels.ts';
import type { Expr } from './parse/ast.ts';
import type { Grid, Value } from './evaluate/columns.ts';
import type { Evaluation } from './evaluate/evaluation.ts';
import { withoutMarkedNames } from './evaluate/label-sets.ts';
import type { QueryStats } from './query-stats.ts';
import { evaluateRange } from './evaluate/selectors.ts';

/** A value at a time in UTC milliseconds. */
export interface Point {
  readonly timeMs: number;
  readonly value: number;
}

/** The value of one series. */
export interface VectorSample extends Point {
  readonly labels: Labels;
}

/** Points of one series; the arrays have equal length, never 0. */
export interface MatrixSeries {
  readonly labels: Labels;
  /** UTC milliseconds, rising. */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/** The value of a query, by its type. */
export type QueryValue =
  | ({ readonly kind: 'scalar' } & Point)
  | { readonly kind: 'string'; readonly timeMs: number; readonly text: string }
  | { readonly kind: 'vector'; readonly samples: readonly VectorSample[] }
  | { readonly kind: 'matrix'; readonly series: readonly MatrixSeries[] };

/** The value of a query and what to know about it. */
export interface QueryResult {
  readonly value: QueryValue;
  /** For the user; each names its place in the query. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  /** When they were asked for. */
  readonly stats?: QueryStats;
}

/** The samples that a range vector selects, as they are. */
export async function windowContents(expr: Expr, grid: Grid, ev: Evaluation): Promise<QueryValue> {
  const { series, rangeMs, windowEndsMs } = await evaluateRange(expr, grid, ev);
  const endMs = windowEndsMs[0] ?? NaN;
  const result = series.map(({ labels, isNameMarked, timestamps, values }) => {
    const isInside = (_: number, i: number): boolean => {
      const timeMs = timestamps[i] ?? NaN;
      return timeMs > endMs - rangeMs && timeMs <= endMs;
    };
    return {
      labels: isNameMarked ? labels.withoutName() : labels,
      timestamps: timestamps.filter(isInside),
      values: values.filter(isInside),
    };
  });
  const found = result.filter(({ values }) => values.length > 0);
  return { kind: 'matrix', series: await inLabelOrder(found, ev) };
}

/**
 * The value at a grid of one time.
 * @throws AppError QUERY_FAILED when removing marked names makes two series equal
 */
export async function toInstant(value: Value, timeMs: number, ev: Evaluation): Promise<QueryValue> {
  if (value.kind === 'string') return { kind: 'string', timeMs, text: value.text };
  if (value.kind === 'scalar') return { kind: 'scalar', timeMs, value: value.values[0] ?? NaN };
  const columns = await withoutMarkedNames(value.columns, ev);
  const samples = columns
    .filter(({ present }) => present[0] === 1)
    .map(({ labels, values }) => ({ labels, timeMs, value: values[0] ?? NaN }));
  return { kind: 'vector', samples: value.isOrdered ? samples : await inLabelOrder(samples, ev) };
}

/**
 * The value over a grid; scalars become a series without labels.
 * @throws AppError as `toInstant`
 */
export async function toMatrix(value: Value, grid: Grid, ev: Evaluation): Promise<QueryValue> {
  const times = ev.times.of(grid);
  if (value.kind === 'string') throw new TypeError('string in a range query');
  if (value.kind === 'scalar') {
    return { kind: 'matrix', series: [{ labels: Labels.empty, timestamps: times, values: value.values }] };
  }
  const series: MatrixSeries[] = [];
  const stretches = new Stretches(times);
  for (const { labels, values, present } of await withoutMarkedNames(value.columns, ev)) {
    const kept = stretches.presentOnly(values, present);
    if (kept.values.length > 0) series.push({ labels, ...kept });
    if (ev.pacer.spend(grid.count)) await ev.pacer.pause();
  }
  return { kind: 'matrix', series: await inLabelOrder(series, ev) };
}

/** Steps of a grid from `from` on and before `end`, and their times. */
interface Stretch {
  readonly from: number;
  readonly end: number;
  readonly timestamps: Float64Array;
}

/**
 * Cuts gaps out of columns. Most gaps are at an end, where a fleet began or went on a moment later than the chart: series
 * with the same ones share their array of times, so that whoever writes them out formats each time once.
 */
class Stretches {
  readonly #times: Float64Array;
  readonly #shared = new Map<number, Stretch>();
  /** Of the steps that were asked about last: those of a host's series are often one array. */
  #newest: { readonly present: Uint8Array; readonly stretch: Stretch | undefined } | undefined;

  constructor(times: Float64Array) {
    this.#times = times;
  }

  /** Values at the steps that are present, and their times; views of longer arrays where they are most of them. */
  presentOnly(
    values: Float64Array,
    present: Uint8Array,
  ): { readonly timestamps: Float64Array; readonly values: Float64Array } {
    if (this.#newest?.present !== present) this.#newest = { present, stretch: this.#stretchOf(present) };
    const { stretch } = this.#newest;
    if (stretch === undefined) {
      const isPresent = (_: number, i: number): boolean => present[i] === 1;
      return { timestamps: this.#times.filter(isPresent), values: values.filter(isPresent) };
    }
    const { from, end, timestamps } = stretch;
    // A short series must not hold the memory of a long one.
    const isMost = 2 * (end - from) >= values.length;
    return { timestamps, values: isMost ? values.subarray(from, end) : values.slice(from, end) };
  }

  /** Undefined when there are gaps between the first and the last step that is present. */
  #stretchOf(present: Uint8Array): Stretch | undefined {
    const from = Math.max(0, present.indexOf(1));
    const end = present.lastIndexOf(1) + 1;
    const gapAt = present.indexOf(0, from);
    if (gapAt >= 0 && gapAt < end) return undefined;
    const key = from * (this.#times.length + 1) + end;
    let stretch = this.#shared.get(key);
    if (stretch === undefined) {
      const times = this.#times;
      const isWhole = from === 0 && end === times.length;
      stretch = { from, end, timestamps: isWhole ? times : times.subarray(from, end) };
      this.#shared.set(key, stretch);
    }
    return stretch;
  }
}

/** The store gives label order, which most of evaluation keeps. */
async function inLabelOrder<T extends { readonly labels: Labels }>(
  list: T[],
  { pacer }: Evaluation,
): Promise<readonly T[]> {
  return sortInTurns(list, (left, right) => Labels.compare(left.labels, right.labels), pacer);
}
