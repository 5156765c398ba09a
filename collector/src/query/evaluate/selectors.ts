/** Selectors and subqueries: from the store to columns, or to the windows that range functions look at. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { METRIC_NAME } from '../../storage/labels.ts';
import type { Labels } from '../../storage/labels.ts';
import { createMatcher, createQueryMatcher } from '../../storage/matcher.ts';
import type { Matcher } from '../../storage/matcher.ts';
import type { SelectHints, Series } from '../../storage/storage.ts';
import { unwrapParens } from '../parse/ast.ts';
import type { Expr, RangeNode, SelectorNode, SubqueryNode, TimeShift } from '../parse/ast.ts';
import { ColumnRoom, hasAny, ONE_PRESENT, timeAt, vectorOf } from './columns.ts';
import type { Column, Grid, VectorValue } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { StepPositions, type StepWindows } from './step-positions.ts';

/** Samples of one series, without stale markers. */
export interface RangeSeries {
  readonly labels: Labels;
  readonly isNameMarked: boolean;
  /** UTC milliseconds, strictly rising. */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  /** See Series. */
  readonly counts?: Float64Array | undefined;
}

/** A range vector: all samples that any window of the grid may hold, and where the windows lie. */
export interface RangeVector {
  readonly series: readonly RangeSeries[];
  readonly rangeMs: number;
  /** Right edge of the window of each step; a window is open at its left. */
  readonly windowEndsMs: Float64Array;
  /** Samples that the budget counts for it beyond what was loaded; whoever is done with it lets go of them. */
  readonly held: number;
}

/** The time to look at for each step: moved by the offset, or the same everywhere with `@`. */
function shiftedTimes(shift: TimeShift, grid: Grid, ev: Evaluation): Float64Array {
  const offsetMs = shift.offsetMs ?? 0;
  const { at } = shift;
  if (at !== undefined) {
    const atMs = at.kind === 'time' ? at.timeMs : at.kind === 'start' ? ev.startMs : ev.endMs;
    return new Float64Array(grid.count).fill(atMs - offsetMs);
  }
  return ev.times.of(grid, offsetMs);
}

/** Of selectors that are kept with the tree of a query. Without patterns: what those remember has a bound of its own. */
const plainMatchers = new WeakMap<object, readonly Matcher[]>();

/** The matchers of a selector, its name among them; the same array when a selector without patterns is asked about again. */
export function matchersOf(selector: Pick<SelectorNode, 'name' | 'matchers'>): readonly Matcher[] {
  const known = plainMatchers.get(selector);
  if (known !== undefined) return known;
  const made = makeMatchers(selector);
  if (made.every(({ operator }) => operator === '=' || operator === '!=')) plainMatchers.set(selector, made);
  return made;
}

function makeMatchers({ name, matchers }: Pick<SelectorNode, 'name' | 'matchers'>): readonly Matcher[] {
  const compiled = matchers.map((matcher) =>
    createQueryMatcher(matcher.name, matcher.operator, matcher.value),
  );
  return name === '' ? compiled : [createMatcher(METRIC_NAME, '=', name), ...compiled];
}

/**
 * Per series the newest sample of each step that is not older than the lookback; `timestamps` instead gives the time
 * of that sample in seconds.
 */
export async function evaluateSelector(
  expr: SelectorNode,
  grid: Grid,
  ev: Evaluation,
  wanted: 'values' | 'timestamps' = 'values',
): Promise<VectorValue> {
  const timesMs = shiftedTimes(expr, grid, ev);
  const series = await ev.series.select({
    matchers: matchersOf(expr),
    fromMs: firstOf(timesMs) - ev.lookbackMs + 1,
    toMs: lastOf(timesMs),
    hints: { stepMs: grid.count > 1 ? grid.stepMs : 0 },
  });
  ev.operands.take(series.length, grid);
  const columns =
    grid.count === 1
      ? await newestOnce(series, { timeMs: firstOf(timesMs), wanted }, ev)
      : await newestAtSteps(series, { timesMs, grid, wanted }, ev);
  if (ev.samples !== undefined) await ev.samples.addColumns(columns, grid, ev.pacer);
  return vectorOf(columns);
}

/** The newest sample of each series at many times. */
async function newestAtSteps(
  series: readonly Series[],
  {
    timesMs,
    grid,
    wanted,
  }: {
    readonly timesMs: Float64Array;
    readonly grid: Grid;
    readonly wanted: 'values' | 'timestamps';
  },
  ev: Evaluation,
): Promise<readonly Column[]> {
  const columns: Column[] = [];
  const positions = new StepPositions(timesMs, ev.lookbackMs, ev.steps);
  const room = new ColumnRoom(grid.count);
  for (const one of series) {
    const steps = positions.of(one.timestamps);
    const column =
      wanted === 'values' && one.stale === undefined
        ? newestValues(one, steps, room)
        : newestSamples(one, steps, wanted);
    if (hasAny(column.present)) columns.push(column);
    if (ev.pacer.spend(grid.count + one.timestamps.length)) await ev.pacer.pause();
  }
  return columns;
}

/** The newest sample of each series at one time, unless it is a stale marker; without arrays of their own for most. */
async function newestOnce(
  series: readonly Series[],
  { timeMs, wanted }: { readonly timeMs: number; readonly wanted: 'values' | 'timestamps' },
  ev: Evaluation,
): Promise<readonly Column[]> {
  const columns: Column[] = [];
  for (const { labels, timestamps, values, stale } of series) {
    if (ev.pacer.spend(1)) await ev.pacer.pause();
    let newest = timestamps.length - 1;
    while (newest >= 0 && (timestamps[newest] ?? NaN) > timeMs) newest--;
    const newestMs = timestamps[newest] ?? -Infinity;
    if (newestMs <= timeMs - ev.lookbackMs || stale?.[newest] === 1) continue;
    columns.push({
      labels,
      values: wanted === 'values' ? only(values, newest) : Float64Array.of(newestMs / 1000),
      present: ONE_PRESENT,
      isNameMarked: false,
    });
  }
  return columns;
}

/** One of the values, in an array of its own. */
function only(values: Float64Array, at: number): Float64Array {
  return values.length === 1 ? values : values.subarray(at, at + 1);
}

/** The last sample of each window, where none is a stale marker: nearly always. */
function newestValues({ labels, values }: Series, steps: StepWindows, room: ColumnRoom): Column {
  const { to } = steps;
  const present = steps.present(1);
  const found = room.values();
  for (let i = 0; i < found.length; i++) if (present[i] === 1) found[i] = values[(to[i] ?? 0) - 1] ?? NaN;
  return { labels, values: found, present, isNameMarked: false };
}

/** The last sample of each window, unless it is a stale marker. */
function newestSamples(
  { labels, timestamps, values, stale }: Series,
  { from, to }: StepWindows,
  wanted: 'values' | 'timestamps',
): Column {
  const count = to.length;
  const found = new Float64Array(count);
  const present = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const newest = (to[i] ?? 0) - 1;
    if (newest < (from[i] ?? 0) || stale?.[newest] === 1) continue;
    present[i] = 1;
    found[i] = wanted === 'values' ? (values[newest] ?? NaN) : (timestamps[newest] ?? NaN) / 1000;
  }
  return { labels, values: found, present, isNameMarked: false };
}

/** The windows of a range selector or subquery. `functionName` tells the store what the samples are for. */
export async function evaluateRange(
  expr: Expr,
  grid: Grid,
  ev: Evaluation,
  functionName?: string,
): Promise<RangeVector> {
  const bare = unwrapParens(expr);
  if (bare.kind !== 'range' && bare.kind !== 'subquery')
    throw new TypeError(`${bare.kind} is not a range vector`);
  const vector =
    bare.kind === 'range'
      ? await selectRange(bare, grid, ev, functionName)
      : await evaluateSubquery(bare, grid, ev);
  if (ev.samples !== undefined) await ev.samples.addWindows(vector, grid, ev.pacer);
  return vector;
}

async function selectRange(
  { selector, rangeMs }: RangeNode,
  grid: Grid,
  ev: Evaluation,
  functionName: string | undefined,
): Promise<RangeVector> {
  const windowEndsMs = shiftedTimes(selector, grid, ev);
  const hints: SelectHints = { stepMs: grid.count > 1 ? grid.stepMs : 0, rangeMs };
  const series = await ev.series.select({
    matchers: matchersOf(selector),
    fromMs: firstOf(windowEndsMs) - rangeMs + 1,
    toMs: lastOf(windowEndsMs),
    hints: functionName === undefined ? hints : { ...hints, functionName },
  });
  return { series: series.map(withoutStale), rangeMs, windowEndsMs, held: 0 };
}

function withoutStale({ labels, timestamps, values, stale, counts }: Series): RangeSeries {
  if (stale === undefined) return { labels, isNameMarked: false, timestamps, values, counts };
  const isLive = (_: number, i: number): boolean => stale[i] !== 1;
  return {
    labels,
    isNameMarked: false,
    timestamps: timestamps.filter(isLive),
    values: values.filter(isLive),
    counts: counts?.filter(isLive),
  };
}

/** Most evaluations of one subquery: a month at every 1.3 s. Some work over all of them is not broken off. */
export const SUBQUERY_STEPS_MAX = 2_000_000;

/** Evaluates the inner expression at the absolute multiples of its step that any of the windows covers. */
async function evaluateSubquery(expr: SubqueryNode, grid: Grid, ev: Evaluation): Promise<RangeVector> {
  const { inner, rangeMs } = expr;
  const stepMs = expr.stepMs ?? ev.subqueryStepMs;
  const windowEndsMs = shiftedTimes(expr, grid, ev);
  const startMs = (Math.floor((firstOf(windowEndsMs) - rangeMs) / stepMs) + 1) * stepMs;
  const count = Math.floor((lastOf(windowEndsMs) - startMs) / stepMs) + 1;
  if (count <= 0) return { series: [], rangeMs, windowEndsMs, held: 0 };
  const innerGrid: Grid = { startMs, stepMs, count, isInner: true };
  ev.budget.checkSize(1, innerGrid);
  if (count > SUBQUERY_STEPS_MAX) {
    throw new AppError(
      'QUERY_LIMIT',
      'query processing would load too many samples into memory in query execution: ' +
        `a subquery at ${count} times, at most ${SUBQUERY_STEPS_MAX} are allowed`,
    );
  }
  // Subqueries need no samples to fill the memory: `vector(1)` has as many values as there are steps.
  ev.budget.hold(count);
  const { loaded: loadedBefore } = ev.budget;
  const value = await ev.evaluate(inner, innerGrid);
  if (value.kind !== 'vector') throw new TypeError('subquery of something else than a vector');
  // Most have a value where they read a sample, which has been counted.
  const unread = Math.max(0, value.columns.length * count - (ev.budget.loaded - loadedBefore));
  ev.budget.hold(unread);
  const series: RangeSeries[] = [];
  for (const column of value.columns) {
    series.push(compacted(column, innerGrid));
    if (ev.pacer.spend(count)) await ev.pacer.pause();
  }
  return { series, rangeMs, windowEndsMs, held: count + unread };
}

/** The values of a column as samples, gaps left out. */
function compacted({ labels, isNameMarked, values, present }: Column, grid: Grid): RangeSeries {
  const isPresent = (_: number, i: number): boolean => present[i] === 1;
  const kept = present.includes(0) ? values.filter(isPresent) : values;
  const timestamps = new Float64Array(kept.length);
  for (let i = 0, next = 0; i < grid.count; i++) {
    if (present[i] === 1) timestamps[next++] = timeAt(grid, i);
  }
  return { labels, isNameMarked, timestamps, values: kept };
}

function firstOf(timesMs: Float64Array): number {
  return timesMs[0] ?? NaN;
}

function lastOf(timesMs: Float64Array): number {
  return timesMs.at(-1) ?? NaN;
}
