/** Function calls: evaluates the arguments and hands them to the function. */
import { Labels } from '../../storage/labels.ts';
import { unwrapParens } from '../parse/ast.ts';
import type { CallNode, Expr } from '../parse/ast.ts';
import { typeOf } from '../parse/check.ts';
import { fullColumn, hasAny, timeAt, vectorOf } from './columns.ts';
import type { Column, Grid, Value, VectorValue } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { absence } from './functions/absent.ts';
import { histogramQuantiles } from './functions/histogram.ts';
import { joinLabels, replaceLabels } from './functions/labels.ts';
import { dateFunctions, valueFunctions } from './functions/math.ts';
import type { ValueFunction } from './functions/math.ts';
import { sortedByLabels, sortedByValue } from './functions/sort.ts';
import { evaluateRangeCall, rangeFunctions } from './range-calls.ts';
import { evaluateRange, evaluateSelector } from './selectors.ts';
import { withoutNames } from './label-sets.ts';

/** A function with rules of its own about its arguments. */
type SpecialFunction = (call: CallNode, grid: Grid, ev: Evaluation) => Promise<Value>;

const specialFunctions: Readonly<Record<string, SpecialFunction>> = {
  time: (_call, grid) => Promise.resolve({ kind: 'scalar', values: timesInSeconds(grid) }),
  pi: (_call, grid) =>
    Promise.resolve({ kind: 'scalar', values: new Float64Array(grid.count).fill(Math.PI) }),
  vector: async ({ args }, grid, ev) =>
    vectorOf([fullColumn(Labels.empty, await scalarArg(args[0], grid, ev))]),
  scalar: async ({ args }, grid, ev) => {
    const columns = await vectorArg(args[0], grid, ev);
    return { kind: 'scalar', values: await onlyValues(columns, grid, ev) };
  },
  timestamp: evaluateTimestamp,
  absent: async ({ args }, grid, ev) => {
    const columns = await vectorArg(args[0], grid, ev);
    const isThere = new Uint8Array(grid.count);
    for (const { present } of columns) {
      for (let i = 0; i < grid.count; i++) if (present[i] === 1) isThere[i] = 1;
      if (ev.pacer.spend(grid.count)) await ev.pacer.pause();
    }
    return vectorOf(absence(argOf(args[0]), isThere));
  },
  absent_over_time: async ({ name, args }, grid, ev) => {
    const { series, rangeMs, windowEndsMs, held } = await evaluateRange(argOf(args[0]), grid, ev, name);
    const isThere = new Uint8Array(grid.count);
    for (const { timestamps } of series) {
      let next = 0;
      for (const [i, endMs] of windowEndsMs.entries()) {
        while (next < timestamps.length && (timestamps[next] ?? NaN) <= endMs) next++;
        if ((timestamps[next - 1] ?? -Infinity) > endMs - rangeMs) isThere[i] = 1;
      }
      if (ev.pacer.spend(grid.count)) await ev.pacer.pause();
    }
    ev.budget.letGo(held);
    return vectorOf(absence(argOf(args[0]), isThere));
  },
  sort: ({ args }, grid, ev) =>
    sorted(args[0], grid, ev, (columns) => sortedByValue(columns, { isDescending: false }, ev.pacer)),
  sort_desc: ({ args }, grid, ev) =>
    sorted(args[0], grid, ev, (columns) => sortedByValue(columns, { isDescending: true }, ev.pacer)),
  sort_by_label: ({ args }, grid, ev) =>
    sorted(args[0], grid, ev, (columns) =>
      sortedByLabels(columns, { names: textArgs(args.slice(1)), isDescending: false }, ev.pacer),
    ),
  sort_by_label_desc: ({ args }, grid, ev) =>
    sorted(args[0], grid, ev, (columns) =>
      sortedByLabels(columns, { names: textArgs(args.slice(1)), isDescending: true }, ev.pacer),
    ),
  label_replace: async ({ args }, grid, ev) => {
    const [target = '', replacement = '', source = '', pattern = ''] = textArgs(args.slice(1));
    const columns = await vectorArg(args[0], grid, ev);
    return vectorOf(await replaceLabels(columns, { target, replacement, source, pattern }, ev));
  },
  label_join: async ({ args }, grid, ev) => {
    const [target = '', separator = '', ...sources] = textArgs(args.slice(1));
    const columns = await vectorArg(args[0], grid, ev);
    return vectorOf(await joinLabels(columns, { target, separator, sources }, ev));
  },
  histogram_quantile: async ({ args }, grid, ev) => {
    const phis = await scalarArg(args[0], grid, ev);
    const columns = await vectorArg(args[1], grid, ev);
    const places = { phiPlace: argOf(args[0]), bucketPlace: argOf(args[1]) };
    return vectorOf(await histogramQuantiles({ phis, columns, grid, ...places }, ev));
  },
};

/** Every function that can be called; a test compares this with the signatures. */
export const CALLABLE_NAMES: readonly string[] = [
  ...Object.keys(specialFunctions),
  ...Object.keys(rangeFunctions),
  ...Object.keys(valueFunctions),
  ...Object.keys(dateFunctions),
];

/**
 * The value of a function call.
 * @throws AppError QUERY_FAILED on bad arguments, or when two series become equal
 */
export async function evaluateCall(call: CallNode, grid: Grid, ev: Evaluation): Promise<Value> {
  const special = specialFunctions[call.name];
  if (special !== undefined) return special(call, grid, ev);
  const range = rangeFunctions[call.name];
  if (range !== undefined) return evaluateRangeCall(call, range, grid, ev);
  const date = dateFunctions[call.name];
  if (date !== undefined) return evaluateDate(call, date, grid, ev);
  const apply = valueFunctions[call.name];
  if (apply === undefined) throw new TypeError(`function ${call.name} has a signature but no code`);
  return evaluateValueFunction(call, apply, grid, ev);
}

async function evaluateValueFunction(
  call: CallNode,
  apply: ValueFunction,
  grid: Grid,
  ev: Evaluation,
): Promise<VectorValue> {
  const input = await ev.evaluate(argOf(call.args[0]), grid);
  if (input.kind !== 'vector') throw new TypeError(`${call.name} of something else than a vector`);
  // `round` is the only one with a default.
  const none = new Float64Array(grid.count).fill(1);
  const [first = none, second = none] = await Promise.all(
    call.args.slice(1).map((arg) => scalarArg(arg, grid, ev)),
  );
  const columns: Column[] = [];
  for (const column of input.columns) {
    const present = call.name === 'clamp' ? whereOrdered(column.present, first, second) : column.present;
    const values = column.values.map((value, i) => apply(value, first[i] ?? NaN, second[i] ?? NaN));
    if (hasAny(present)) columns.push({ ...column, values, present });
    if (ev.pacer.spend(grid.count)) await ev.pacer.pause();
  }
  return vectorOf(await withoutNames(columns, ev), input.isOrdered);
}

/** `clamp` gives nothing where its limits are in the wrong order. */
function whereOrdered(present: Uint8Array, min: Float64Array, max: Float64Array): Uint8Array {
  return present.map((isPresent, i) => ((max[i] ?? NaN) < (min[i] ?? NaN) ? 0 : isPresent));
}

async function evaluateDate(
  call: CallNode,
  part: (seconds: number) => number,
  grid: Grid,
  ev: Evaluation,
): Promise<VectorValue> {
  if (call.args.length === 0) return vectorOf([fullColumn(Labels.empty, timesInSeconds(grid).map(part))]);
  return evaluateValueFunction(call, part, grid, ev);
}

/** Directly on a selector the time of the sample itself, otherwise the evaluation time. */
async function evaluateTimestamp(call: CallNode, grid: Grid, ev: Evaluation): Promise<VectorValue> {
  const argument = unwrapParens(argOf(call.args[0]));
  if (argument.kind === 'selector') {
    const { columns } = await evaluateSelector(argument, grid, ev, 'timestamps');
    return vectorOf(await withoutNames(columns, ev));
  }
  const seconds = timesInSeconds(grid);
  const columns = await vectorArg(argument, grid, ev);
  const timed = columns.map((column) => ({ ...column, values: seconds }));
  return vectorOf(await withoutNames(timed, ev));
}

async function sorted(
  arg: Expr | undefined,
  grid: Grid,
  ev: Evaluation,
  order: (columns: readonly Column[]) => Promise<readonly Column[]>,
): Promise<VectorValue> {
  const columns = await vectorArg(arg, grid, ev);
  return grid.count === 1 ? vectorOf(await order(columns), true) : vectorOf(columns);
}

/** The value where exactly one column has one, else NaN. */
async function onlyValues(columns: readonly Column[], grid: Grid, ev: Evaluation): Promise<Float64Array> {
  const values = new Float64Array(grid.count).fill(NaN);
  /** How many columns have a value at each time; two stands for more. */
  const counts = new Uint8Array(grid.count);
  for (const { values: own, present } of columns) {
    for (let i = 0; i < grid.count; i++) {
      if (present[i] !== 1) continue;
      const isOnly = counts[i] === 0;
      counts[i] = isOnly ? 1 : 2;
      values[i] = isOnly ? (own[i] ?? NaN) : NaN;
    }
    if (ev.pacer.spend(grid.count)) await ev.pacer.pause();
  }
  return values;
}

function timesInSeconds(grid: Grid): Float64Array {
  const seconds = new Float64Array(grid.count);
  for (let i = 0; i < seconds.length; i++) seconds[i] = timeAt(grid, i) / 1000;
  return seconds;
}

function argOf(arg: Expr | undefined): Expr {
  if (arg === undefined) throw new TypeError('argument missing after type check');
  return arg;
}

async function vectorArg(arg: Expr | undefined, grid: Grid, ev: Evaluation): Promise<readonly Column[]> {
  const value = await ev.evaluate(argOf(arg), grid);
  if (value.kind !== 'vector') throw new TypeError('vector expected after type check');
  return value.columns;
}

async function scalarArg(arg: Expr | undefined, grid: Grid, ev: Evaluation): Promise<Float64Array> {
  const value = await ev.evaluate(argOf(arg), grid);
  if (value.kind !== 'scalar') throw new TypeError('scalar expected after type check');
  return value.values;
}

/** Strings are literals, possibly in parentheses. */
function textArgs(args: readonly Expr[]): readonly string[] {
  return args.map((arg) => {
    const bare = unwrapParens(arg);
    if (bare.kind !== 'string') throw new TypeError(`string expected after type check, got ${typeOf(bare)}`);
    return bare.value;
  });
}
