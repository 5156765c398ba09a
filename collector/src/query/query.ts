/** The query engine: PromQL text in, series out. Everything else in this folder serves these two methods. */
import { withDeadline } from '@rollcall/shared/lib/clock.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { Deadlines } from '@rollcall/shared/lib/deadlines.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import type { Labels } from '../storage/labels.ts';
import type { HostPart, StorageReader } from '../storage/storage.ts';
import type { Expr } from './parse/ast.ts';
import { typeOf } from './parse/check.ts';
import type { Grid } from './evaluate/columns.ts';
import { createEvaluator } from './evaluate/evaluate.ts';
import { Notes, OperandRoom, Pacer, SampleBudget, SamplePool, SeriesSource } from './evaluate/evaluation.ts';
import type { Evaluation } from './evaluate/evaluation.ts';
import { Gate, inTurns } from './gate.ts';
import { GridTimes } from './evaluate/grid-times.ts';
import { ParsedQueries } from './parse/parsed-queries.ts';
import type { QueryLog } from './query-log.ts';
import { StepSamples } from './query-stats.ts';
import type { Reading } from './reading.ts';
import type { QueryStats, StatsDetail } from './query-stats.ts';
import { toInstant, toMatrix, windowContents } from './results.ts';
import type { QueryResult, QueryValue, VectorSample } from './results.ts';
import { StepMemory } from './evaluate/step-positions.ts';

/** What one query, and all together, may use. */
export interface QueryLimits {
  /**
   * Samples that one query, and all that run at once, may have in memory: those it loads, and in their measure (8 bytes) the
   * results of subqueries and long labels that it makes. Of its own the values of intermediate results that one query, and all
   * together, may have in memory.
   */
  readonly samplesMax: number;
  /** Steps of a range query. */
  readonly pointsMax: number;
  /** Series of a result. */
  readonly seriesMax: number;
  /** Wall time of a query, waiting for its turn included. */
  readonly timeoutMs: number;
  /** Queries that run at once; more have to wait. */
  readonly concurrentMax: number;
}

/** The limits of Prometheus, and a bound on the series of a result. */
export const DEFAULT_LIMITS: QueryLimits = {
  samplesMax: 50_000_000,
  pointsMax: 11_000,
  seriesMax: 100_000,
  timeoutMs: 120_000,
  concurrentMax: 20,
};

/** When and how to evaluate a query once. */
export interface InstantOptions {
  readonly timeMs: number;
  /** How old the newest sample of a series may be; 5 minutes unless given. */
  readonly lookbackMs?: number;
  /** Shortens the limit of the engine. */
  readonly timeoutMs?: number;
  /** The order of a vector does not matter: what is said of each host may be worked out for one part of them after another. */
  readonly isUnordered?: boolean;
  /** The result says what it cost. */
  readonly stats?: StatsDetail;
}

/** What the label sets of a vector become. An engine may remember what they became instead of them. */
export interface Relabel {
  /** Equal only for what gives the same. */
  readonly key: string;
  /**
   * Other sets for these, in the same order; the same ones for equal ones.
   * @throws AppError for sets that must not be; then the query fails with it
   */
  of(this: void, list: readonly Labels[]): readonly Labels[];
}

export interface RelabeledOptions extends InstantOptions {
  readonly relabel?: Relabel;
}

/** The steps at which to evaluate a query, UTC milliseconds. */
export interface RangeOptions extends Omit<InstantOptions, 'timeMs' | 'isUnordered'> {
  readonly startMs: number;
  /** Inclusive, not before `startMs`. */
  readonly endMs: number;
  readonly stepMs: number;
}

/** May be used concurrently. */
export interface QueryEngine {
  readonly limits: QueryLimits;
  /**
   * The result at one time. Vectors come in label order unless the query itself sorts or `isUnordered`; a range selector gives a
   * matrix, which is not relabeled.
   * @throws AppError BAD_QUERY, QUERY_FAILED, QUERY_LIMIT, QUERY_TIMEOUT, QUERY_CANCELED, and those of the store
   */
  instant(text: string, options: RelabeledOptions, signal: AbortSignal): Promise<QueryResult>;
  /**
   * The result at every step from start to end, always a matrix in label order.
   * @throws AppError as `instant`; BAD_REQUEST for too many steps or times in the wrong order
   */
  range(text: string, options: RangeOptions, signal: AbortSignal): Promise<QueryResult>;
}

/** An engine in this thread. */
export interface LocalQueryEngine extends QueryEngine {
  /**
   * Lets something else read samples under the limits of queries: in one of their places, in their time, in their memory.
   * @throws AppError QUERY_LIMIT, QUERY_TIMEOUT, QUERY_CANCELED, and whatever `work` throws
   */
  read<T>(work: (reading: Reading) => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** What an engine works on, and its settings. */
export interface QueryEngineOptions {
  readonly storage: StorageReader;
  readonly clock: Clock;
  readonly limits?: Partial<QueryLimits>;
  readonly lookbackMs?: number;
  /** Step of subqueries that name none. */
  readonly subqueryStepMs?: number;
  /** Metric names go from the final result only; off as in Prometheus. */
  readonly isNameRemovalDelayed?: boolean;
  /** Where queries are noted when they end. */
  readonly log?: Pick<QueryLog, 'watch'>;
  /** Gives the event loop a turn in long computations. */
  readonly yieldTurn?: () => Promise<void>;
}

/** An engine over a store. Between queries it keeps what their texts mean and where their steps fell, and it needs no closing. */
export function createQueryEngine(options: QueryEngineOptions): LocalQueryEngine {
  const limits: QueryLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const engine: Engine = {
    ...options,
    limits,
    deadlines: new Deadlines(options.clock),
    gate: new Gate(limits.concurrentMax),
    pool: new SamplePool(limits.samplesMax),
    results: new SamplePool(limits.samplesMax),
    yieldTurn: inTurns(options.yieldTurn ?? nextTurn),
    queries: new ParsedQueries(),
    steps: new StepMemory(),
    times: new GridTimes(),
  };
  const run = (text: string, grid: Grid, call: RunOptions, signal: AbortSignal) =>
    runQuery(engine, { text, grid, ...call }, signal);
  return {
    limits,
    async instant(text, { timeMs, relabel, ...rest }, signal) {
      const grid: Grid = { startMs: Math.round(timeMs), stepMs: 1, count: 1 };
      const result = await run(text, grid, { ...rest, endMs: grid.startMs, isRange: false }, signal);
      return relabel === undefined ? result : relabeled(result, relabel);
    },
    range(text, { startMs, endMs, stepMs, ...rest }, signal) {
      const grid = rangeGrid({ startMs, endMs, stepMs }, limits);
      return run(text, grid, { ...rest, endMs: Math.round(endMs), isRange: true }, signal);
    },
    read: (work, signal) => readElse(engine, work, signal),
  };
}

function relabeled({ value, ...notes }: QueryResult, relabel: Relabel): QueryResult {
  if (value.kind !== 'vector') return { value, ...notes };
  const list = relabel.of(value.samples.map(({ labels }) => labels));
  const samples = value.samples.map((sample, at) => ({ ...sample, labels: list[at] ?? sample.labels }));
  return { value: { kind: 'vector', samples }, ...notes };
}

interface RunOptions {
  /** As it was asked for: the last step may be before it. */
  readonly endMs: number;
  readonly isRange: boolean;
  readonly isUnordered?: boolean;
  readonly lookbackMs?: number;
  readonly timeoutMs?: number;
  readonly stats?: StatsDetail;
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

/** How old the newest sample of a series may be, unless a query says otherwise. */
export const DEFAULT_LOOKBACK_MS = 5 * 60_000;
/** Distance of a subquery's evaluations, unless it says another one. */
export const DEFAULT_SUBQUERY_STEP_MS = 60_000;

interface Engine extends QueryEngineOptions {
  readonly limits: QueryLimits;
  readonly deadlines: Deadlines;
  readonly gate: Gate;
  readonly pool: SamplePool;
  /** As `pool`, of intermediate results. */
  readonly results: SamplePool;
  readonly yieldTurn: () => Promise<void>;
  readonly queries: ParsedQueries;
  readonly steps: StepMemory;
  readonly times: GridTimes;
}

async function runQuery(engine: Engine, run: Run, signal: AbortSignal): Promise<QueryResult> {
  const { expr, invariants, isPerHost } = engine.queries.of(run.text);
  refuseRangeType(run, expr);
  const partCount = isPerHost && run.isUnordered === true ? (engine.storage.hostParts?.() ?? 1) : 1;
  const { clock, deadlines, limits } = engine;
  const timeoutMs = Math.min(run.timeoutMs ?? Infinity, limits.timeoutMs);
  const budget = new SampleBudget(limits.samplesMax, engine.pool);
  const results = new SampleBudget(limits.samplesMax, engine.results);
  const work = async (stop: AbortSignal): Promise<QueryResult> => {
    const notes = new Notes(run.text);
    // One for all parts: each of them alone may be too short to give way.
    const pacer = new Pacer({ clock, yieldTurn: engine.yieldTurn, signal: stop });
    const samples = run.stats === undefined ? undefined : new StepSamples(run.grid);
    const askedMs = clock.monoMs();
    let startMs = askedMs;
    const evaluate = (part: HostPart | undefined): Promise<QueryValue> => {
      const evaluation = createEvaluator(invariants, {
        startMs: run.grid.startMs,
        endMs: run.endMs,
        lookbackMs: run.lookbackMs ?? engine.lookbackMs ?? DEFAULT_LOOKBACK_MS,
        subqueryStepMs: engine.subqueryStepMs ?? DEFAULT_SUBQUERY_STEP_MS,
        isNameRemovalDelayed: engine.isNameRemovalDelayed ?? false,
        budget,
        operands: new OperandRoom(results),
        notes,
        samples,
        steps: engine.steps,
        times: engine.times,
        pacer,
        series: new SeriesSource({ storage: engine.storage, budget, signal: stop, part }),
      });
      return evaluateRoot(expr, run, evaluation);
    };
    try {
      const value = await engine.gate.run(stop, () => {
        startMs = clock.monoMs();
        return partCount > 1 ? inParts(partCount, evaluate) : evaluate(undefined);
      });
      refuseManySeries(value, limits);
      const result = { value, warnings: notes.warnings, infos: notes.infos };
      if (samples === undefined) return result;
      const stats: QueryStats = {
        queueMs: startMs - askedMs,
        evaluationMs: clock.monoMs() - startMs,
        samples: samples.total,
        samplesPeak: budget.peak,
        ...(run.stats === 'steps' ? { steps: samples.steps() } : {}),
      };
      return { ...result, stats };
    } finally {
      budget.release();
      results.release();
    }
  };
  const inTime = (): Promise<QueryResult> =>
    withDeadline(deadlines, { timeoutMs, onTimeout: timedOut, signal }, work);
  const { text, isRange } = run;
  return engine.log?.watch({ text, isRange, samples: () => budget.loaded }, inTime) ?? inTime();
}

async function readElse<T>(
  { clock, deadlines, limits, pool, gate, storage, yieldTurn }: Engine,
  work: (reading: Reading) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { timeoutMs } = limits;
  return withDeadline(deadlines, { timeoutMs, onTimeout: timedOut, signal }, (stop) =>
    gate.run(stop, async () => {
      const budget = new SampleBudget(limits.samplesMax, pool);
      try {
        return await work({
          storage,
          budget,
          signal: stop,
          pacer: new Pacer({ clock, yieldTurn, signal: stop }),
        });
      } finally {
        budget.release();
      }
    }),
  );
}

function timedOut(): AppError {
  return new AppError('QUERY_TIMEOUT', 'query timed out in expression evaluation');
}

/** One part of the fleet after another, so that only what is said of its hosts is in memory at a time. */
async function inParts(
  count: number,
  evaluate: (part: HostPart) => Promise<QueryValue>,
): Promise<QueryValue> {
  const samples: VectorSample[] = [];
  for (let index = 0; index < count; index++) {
    const value = await evaluate({ index, count });
    if (value.kind !== 'vector') throw new TypeError(`a ${value.kind} is not worked out in parts`);
    for (const sample of value.samples) samples.push(sample);
  }
  return { kind: 'vector', samples };
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

function refuseManySeries(value: QueryValue, { seriesMax }: QueryLimits): void {
  const count =
    value.kind === 'vector' ? value.samples.length : value.kind === 'matrix' ? value.series.length : 0;
  if (count <= seriesMax) return;
  throw new AppError('QUERY_LIMIT', `query result has ${count} series, at most ${seriesMax} are allowed`);
}
