/** Calls of functions over a range: moves one window per series along the steps. */
import type { CallNode } from '../parse/ast.ts';
import { typeOf } from '../parse/check.ts';
import { ColumnRoom, hasAny, ONE_PRESENT, timeAt, vectorOf } from './columns.ts';
import type { Column, Grid, VectorValue } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { counterFunctions } from './functions/counters.ts';
import { overTimeFunctions } from './functions/over-time.ts';
import { trendFunctions } from './functions/trends.ts';
import type { RangeFunction, Window } from './functions/window.ts';
import { quote } from '../parse/literals.ts';
import { warnOfQuantiles } from './quantile-notes.ts';
import { evaluateRange } from './selectors.ts';
import type { RangeSeries, RangeVector } from './selectors.ts';
import { mergeDuplicates, withoutNames } from './label-sets.ts';
import { StepPositions, type StepWindows } from './step-positions.ts';

/** All functions of one range vector and scalars, by name. */
export const rangeFunctions: Readonly<Record<string, RangeFunction>> = {
  ...counterFunctions,
  ...overTimeFunctions,
  ...trendFunctions,
};

/**
 * The value of a function call over a range.
 * @throws AppError QUERY_FAILED when dropping names makes two series equal
 */
export async function evaluateRangeCall(
  call: CallNode,
  range: RangeFunction,
  grid: Grid,
  ev: Evaluation,
): Promise<VectorValue> {
  const rangeArg = call.args.find((arg) => typeOf(arg) === 'matrix');
  if (rangeArg === undefined) throw new TypeError(`${call.name} without a range vector`);
  const params: Float64Array[] = [];
  for (const arg of call.args) {
    if (arg === rangeArg) continue;
    const value = await ev.evaluate(arg, grid);
    if (value.kind === 'scalar') params.push(value.values);
  }
  const vector = await evaluateRange(rangeArg, grid, ev, call.name);
  ev.operands.take(vector.series.length, grid);
  await noteOddities(call, { vector, params }, ev);
  const columns =
    grid.count === 1
      ? await lookOnce(range, { vector, params, grid }, ev)
      : await moveWindows(range, { vector, params, grid }, ev);
  ev.budget.letGo(vector.held);
  return vectorOf(range.keepsName ? await mergeDuplicates(columns, ev) : await withoutNames(columns, ev));
}

/** What a function over a range is called with. */
interface RangeArguments {
  readonly vector: RangeVector;
  readonly params: readonly Float64Array[];
  readonly grid: Grid;
}

/** At one time: a window for each series, and nothing to prepare for the next one. */
async function lookOnce(
  range: RangeFunction,
  { vector, params, grid }: RangeArguments,
  ev: Evaluation,
): Promise<readonly Column[]> {
  const { series: all, rangeMs, windowEndsMs } = vector;
  const endMs = windowEndsMs[0] ?? NaN;
  const timeMs = timeAt(grid, 0);
  const current = Float64Array.from(params, (param) => param[0] ?? NaN);
  const room = new ColumnRoom(1);
  const columns: Column[] = [];
  for (const series of all) {
    const { labels, isNameMarked, timestamps, values } = series;
    let to = timestamps.length;
    while (to > 0 && (timestamps[to - 1] ?? NaN) > endMs) to--;
    let from = 0;
    while (from < to && (timestamps[from] ?? NaN) <= endMs - rangeMs) from++;
    if (to > from) range.refuse?.(current);
    if (to - from >= range.samplesMin) {
      const apply = range.once ?? range.start(series);
      const found = room.values();
      found[0] = apply({ timestamps, values, from, to, endMs, rangeMs, timeMs, params: current });
      columns.push({ labels, values: found, present: ONE_PRESENT, isNameMarked });
    }
    if (ev.pacer.spend(to - from + 1)) await ev.pacer.pause();
  }
  return columns;
}

async function moveWindows(
  range: RangeFunction,
  { vector, params, grid }: RangeArguments,
  ev: Evaluation,
): Promise<readonly Column[]> {
  const columns: Column[] = [];
  const positions = new StepPositions(vector.windowEndsMs, vector.rangeMs, ev.steps);
  const room = new ColumnRoom(grid.count);
  for (const series of vector.series) {
    const steps = positions.of(series.timestamps);
    const column = await moveWindow(series, range, { vector, params, grid, steps, room }, ev);
    if (hasAny(column.present)) columns.push(column);
  }
  return columns;
}

/** Values that a window moves over before its work is counted. */
const WORK_PER_COUNT = 1_000;

async function moveWindow(
  series: RangeSeries,
  range: RangeFunction,
  {
    vector,
    params,
    grid,
    steps,
    room,
  }: RangeArguments & { readonly steps: StepWindows; readonly room: ColumnRoom },
  ev: Evaluation,
): Promise<Column> {
  const { labels, isNameMarked, timestamps, values } = series;
  const { rangeMs, windowEndsMs } = vector;
  const apply = range.start(series);
  const current = new Float64Array(params.length);
  const window: Window = {
    timestamps,
    values,
    from: 0,
    to: 0,
    endMs: 0,
    rangeMs,
    timeMs: 0,
    params: current,
  };
  const found = room.values();
  const present = steps.present(range.samplesMin);
  const { from, to } = steps;
  const asked = range.refuse === undefined ? present : steps.present(1);
  let work = 0;
  for (let i = 0; i < found.length; i++) {
    if (asked[i] !== 1) continue;
    for (let p = 0; p < params.length; p++) current[p] = params[p]?.[i] ?? NaN;
    range.refuse?.(current);
    if (present[i] !== 1) continue;
    window.from = from[i] ?? 0;
    window.to = to[i] ?? 0;
    window.endMs = windowEndsMs[i] ?? NaN;
    window.timeMs = timeAt(grid, i);
    found[i] = apply(window);
    work += window.to - window.from + 1;
    if (work < WORK_PER_COUNT) continue;
    if (ev.pacer.spend(work)) await ev.pacer.pause();
    work = 0;
  }
  if (ev.pacer.spend(work)) await ev.pacer.pause();
  return { labels, values: found, present, isNameMarked };
}

const COUNTER_NAME = /_(?:total|sum|count|bucket)$/;

async function noteOddities(
  call: CallNode,
  { vector, params }: { readonly vector: RangeVector; readonly params: readonly Float64Array[] },
  ev: Evaluation,
): Promise<void> {
  const { name } = call;
  if (vector.series.length === 0) return;
  const [phis] = params;
  if (name === 'quantile_over_time' && phis !== undefined) {
    await warnOfQuantiles(phis, call.args[0] ?? call, ev);
  }
  if (name !== 'rate' && name !== 'increase') return;
  for (const metric of new Set(vector.series.map(({ labels }) => labels.metricName))) {
    if (metric === '' || COUNTER_NAME.test(metric)) continue;
    const hint = 'name does not end in _total/_sum/_count/_bucket';
    ev.notes.inform(call.args[0] ?? call, () => `metric might not be a counter, ${hint}: ${quote(metric)}`);
  }
}
