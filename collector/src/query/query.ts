/** The query engine: PromQL text in, series out. Everything else in this folder serves these two methods. */
import { withDeadline } from '@rollcall/shared/lib/clock.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { Labels } from '../storage/labels.ts';
import type { StorageReader } from '../storage/storage.ts';
import type { Expr } from './ast.ts';
import { typeOf } from './check.ts';
import { timeAt } from './columns.ts';
import type { Grid, Value } from './columns.ts';
import { createEvaluator } from './evaluate.ts';
import { Notes, Pacer, SampleBudget, SeriesSource } from './evaluation.ts';
import type { Evaluation } from './evaluation.ts';
import { parseQuery } from './parse.ts';
import { evaluateRange } from './selectors.ts';
import { withoutMarkedNames } from './label-sets.ts';

export interface QueryLimits {
  /** Samples that one query may load, and values that one intermediate result may have. */
  readonly samplesMax: number;
  /** Steps of a range query. */
  readonly pointsMax: number;
  /** Series of a result. */
  readonly seriesMax: number;
  /** Wall time of a query. */
  readonly timeoutMs: number;
}

export const DEFAULT_LIMITS: QueryLimits = {
  samplesMax: 50_000_000,
  pointsMax: 11_000,
  seriesMax: 100_000,
  timeoutMs: 120_000,
};

/** A value at a time in UTC milliseconds. */
export interface Point {
  readonly timeMs: number;
  readonly value: number;
}

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

export type QueryValue =
  | ({ readonly kind: 'scalar' } & Point)
  | { readonly kind: 'string'; readonly timeMs: number; readonly text: string }
  | { readonly kind: 'vector'; readonly samples: readonly VectorSample[] }
  | { readonly kind: 'matrix'; readonly series: readonly MatrixSeries[] };

export interface QueryResult {
  readonly value: QueryValue;
  /** For the user; each names its place in the query. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

export interface InstantOptions {
  readonly timeMs: number;
  /** How old the newest sample of a series may be; 5 minutes unless given. */
  readonly lookbackMs?: number;
  /** Shortens the limit of the engine. */
  readonly timeoutMs?: number;
}

export interface RangeOptions extends Omit<InstantOptions, 'timeMs'> {
  readonly startMs: number;
  /** Inclusive, not before `startMs`. */
  readonly endMs: number;
  readonly stepMs: number;
}

/** May be used concurrently. */
export interface QueryEngine {
  readonly limits: QueryLimits;
  /**
   * The result at one time. Vectors come in label order unless the query itself sorts; a range selector gives a matrix.
   * @throws AppError BAD_QUERY, QUERY_FAILED, QUERY_LIMIT, QUERY_TIMEOUT, QUERY_CANCELED, and those of the store
   */
  instant(text: string, options: InstantOptions, signal: AbortSignal): Promise<QueryResult>;
  /**
   * The result at every step from start to end, always a matrix in label order.
   * @throws AppError as `instant`; BAD_REQUEST for too many steps or times in the wrong order
   */
  range(text: string, options: RangeOptions, signal: AbortSignal): Promise<QueryResult>;
}

export interface QueryEngineOptions {
  readonly storage: StorageReader;
  readonly clock: Clock;
  readonly limits?: Partial<QueryLimits>;
  readonly lookbackMs?: number;
  /** Step of subqueries that name none. */
  readonly subqueryStepMs?: number;
  /** Metric names go from the final result only; off as in Prometheus. */
  readonly isNameRemovalDelayed?: boolean;
  /** Gives the event loop a turn in long computations. */
  readonly yieldTurn?: () => Promise<void>;
}

export function createQueryEngine(options: QueryEngineOptions): QueryEngine {
  const limits: QueryLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const run = (text: string, grid: Grid, call: RunOptions, signal: AbortSignal) =>
    runQuery({ ...options, limits }, { text, grid, ...call }, signal);
  return {
    limits,
    instant(text, { timeMs, ...rest }, signal) {
      const grid: Grid = { startMs: Math.round(timeMs), stepMs: 1, count: 1 };
      return run(text, grid, { ...rest, isRange: false }, signal);
    },
    range(text, { startMs, endMs, stepMs, ...rest }, signal) {
      return run(text, rangeGrid({ startMs, endMs, stepMs }, limits), { ...rest, isRange: true }, signal);
    },
  };
}

interface RunOptions {
  readonly isRange: boolean;
  readonly lookbackMs?: number;
  readonly timeoutMs?: number;
}

interface Run extends RunOptions {
  readonly text: string;
  readonly grid: Grid;
}

function rangeGrid(
  times: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
  { pointsMax }: QueryLimits,
): Grid {
  const [startMs, endMs, stepMs] = [times.startMs, times.endMs, times.stepMs].map(Math.round);
  if (startMs === undefined || endMs === undefined || stepMs === undefined || !(stepMs > 0)) {
    throw new AppError(
      'BAD_REQUEST',
      'zero or negative query resolution step widths are not accepted. Try a positive integer',
    );
  }
  if (!(endMs >= startMs)) throw new AppError('BAD_REQUEST', 'end timestamp must not be before start time');
  const count = Math.floor((endMs - startMs) / stepMs) + 1;
  // As in Prometheus, the limit is on the distances between points.
  if (count - 1 > pointsMax) {
    throw new AppError(
      'BAD_REQUEST',
      `exceeded maximum resolution of ${pointsMax.toLocaleString('en-US')} points per timeseries. ` +
        'Try decreasing the query resolution (?step=XX)',
    );
  }
  return { startMs, stepMs, count };
}

const DEFAULT_LOOKBACK_MS = 5 * 60_000;
const DEFAULT_SUBQUERY_STEP_MS = 60_000;

async function runQuery(
  engine: QueryEngineOptions & { readonly limits: QueryLimits },
  run: Run,
  signal: AbortSignal,
): Promise<QueryResult> {
  const expr = parseQuery(run.text);
  refuseRangeType(run, expr);
  const { clock, limits } = engine;
  const timeoutMs = Math.min(run.timeoutMs ?? Infinity, limits.timeoutMs);
  const onTimeout = (): AppError => new AppError('QUERY_TIMEOUT', 'query timed out in expression evaluation');
  return withDeadline(clock, { timeoutMs, onTimeout }, async (deadline) => {
    const both = AbortSignal.any([signal, deadline]);
    const budget = new SampleBudget(limits.samplesMax);
    const notes = new Notes(run.text);
    const evaluation = createEvaluator(expr, {
      startMs: run.grid.startMs,
      endMs: timeAt(run.grid, run.grid.count - 1),
      lookbackMs: run.lookbackMs ?? engine.lookbackMs ?? DEFAULT_LOOKBACK_MS,
      subqueryStepMs: engine.subqueryStepMs ?? DEFAULT_SUBQUERY_STEP_MS,
      isNameRemovalDelayed: engine.isNameRemovalDelayed ?? false,
      budget,
      notes,
      pacer: new Pacer({ clock, yieldTurn: engine.yieldTurn ?? nextTurn, signal: both }),
      series: new SeriesSource({ storage: engine.storage, budget, signal: both }),
    });
    const value = await evaluateRoot(expr, run, evaluation);
    refuseManySeries(value, limits);
    return { value, warnings: notes.warnings, infos: notes.infos };
  });
}

/** A range query evaluates at each step, which only scalars and instant vectors allow. */
function refuseRangeType({ isRange }: Run, expr: Expr): void {
  const type = typeOf(expr);
  if (!isRange || type === 'scalar' || type === 'vector') return;
  const name = type === 'matrix' ? 'range vector' : type;
  throw new AppError(
    'BAD_QUERY',
    `invalid expression type "${name}" for range query, must be Scalar or instant Vector`,
  );
}

async function evaluateRoot(expr: Expr, run: Run, ev: Evaluation): Promise<QueryValue> {
  const { grid } = run;
  if (typeOf(expr) === 'matrix') return windowContents(expr, grid, ev);
  const value = await ev.evaluate(expr, grid);
  return run.isRange ? toMatrix(value, grid, ev) : toInstant(value, grid.startMs, ev);
}

/** The samples that a range vector selects, as they are. */
async function windowContents(expr: Expr, grid: Grid, ev: Evaluation): Promise<QueryValue> {
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
  return { kind: 'matrix', series: inLabelOrder(result.filter(({ values }) => values.length > 0)) };
}

async function toInstant(value: Value, timeMs: number, ev: Evaluation): Promise<QueryValue> {
  if (value.kind === 'string') return { kind: 'string', timeMs, text: value.text };
  if (value.kind === 'scalar') return { kind: 'scalar', timeMs, value: value.values[0] ?? NaN };
  const columns = await withoutMarkedNames(value.columns, ev);
  const samples = columns
    .filter(({ present }) => present[0] === 1)
    .map(({ labels, values }) => ({ labels, timeMs, value: values[0] ?? NaN }));
  return { kind: 'vector', samples: value.isOrdered ? samples : inLabelOrder(samples) };
}

async function toMatrix(value: Value, grid: Grid, ev: Evaluation): Promise<QueryValue> {
  const times = Float64Array.from({ length: grid.count }, (_, i) => timeAt(grid, i));
  if (value.kind === 'string') throw new TypeError('string in a range query');
  if (value.kind === 'scalar') {
    return { kind: 'matrix', series: [{ labels: Labels.empty, timestamps: times, values: value.values }] };
  }
  const series: MatrixSeries[] = [];
  for (const { labels, values, present } of await withoutMarkedNames(value.columns, ev)) {
    const isPresent = (_: number, i: number): boolean => present[i] === 1;
    const kept = present.includes(0)
      ? { timestamps: times.filter(isPresent), values: values.filter(isPresent) }
      : { timestamps: times, values };
    if (kept.values.length > 0) series.push({ labels, ...kept });
    if (ev.pacer.spend(grid.count)) await ev.pacer.pause();
  }
  return { kind: 'matrix', series: inLabelOrder(series) };
}

function inLabelOrder<T extends { readonly labels: Labels }>(list: readonly T[]): readonly T[] {
  const isOrdered = list.every((one, i) => {
    const before = list[i - 1];
    return before === undefined || Labels.compare(before.labels, one.labels) <= 0;
  });
  // The store gives label order, which most of evaluation keeps.
  return isOrdered ? list : list.toSorted((left, right) => Labels.compare(left.labels, right.labels));
}

function refuseManySeries(value: QueryValue, { seriesMax }: QueryLimits): void {
  const count =
    value.kind === 'vector' ? value.samples.length : value.kind === 'matrix' ? value.series.length : 0;
  if (count <= seriesMax) return;
  throw new AppError('QUERY_LIMIT', `query result has ${count} series, at most ${seriesMax} are allowed`);
}
