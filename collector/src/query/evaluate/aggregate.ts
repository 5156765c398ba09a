/** Aggregations: groups of series become one series each, or, with `topk`, lose members. */
import { unwrapParens } from '../parse/ast.ts';
import type { AggregateNode, Aggregator } from '../parse/ast.ts';
import { cutOf, NAME_LABELS } from '../../storage/labels.ts';
import type { Labels } from '../../storage/labels.ts';
import { accumulators } from './accumulators.ts';
import { countValues } from './count-values.ts';
import { ONE_PRESENT, vectorOf } from './columns.ts';
import type { Column, Grid, Value, VectorValue } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { LABELS_WORK } from './label-sets.ts';
import { quantile } from './numeric.ts';
import { printExpr } from '../parse/print.ts';
import { warnOfQuantiles } from './quantile-notes.ts';
import { pickRanked } from './rank.ts';

/** The series that an aggregation puts together. */
export interface Group {
  /** Labels of the result. */
  readonly labels: Labels;
  readonly members: readonly Column[];
}

/**
 * The groups of an aggregation. No input gives no groups, not zeros.
 * @throws AppError QUERY_FAILED on a bad parameter
 */
export async function evaluateAggregate(
  expr: AggregateNode,
  grid: Grid,
  ev: Evaluation,
): Promise<VectorValue> {
  const param = expr.param === undefined ? undefined : await ev.evaluate(expr.param, grid);
  const input = await ev.evaluate(expr.inner, grid);
  if (input.kind !== 'vector') throw new TypeError('aggregation of something else than a vector');
  const { operator } = expr;
  const groupLabels = grouper(expr);
  switch (operator) {
    case 'count_values': {
      const labelName = param?.kind === 'string' ? param.text : '';
      const extended = grouper({
        ...expr,
        grouping: expr.isWithout ? expr.grouping : [...expr.grouping, labelName],
      });
      const labelText = expr.param === undefined ? '' : printExpr(unwrapParens(expr.param));
      return countValues(input.columns, { labelName, labelText, groupLabels: extended.labels, grid }, ev);
    }
    case 'topk':
    case 'bottomk':
      return pickRanked(
        await groupsOf(input.columns, groupLabels, ev),
        { operator, counts: numbersOf(param), grid },
        ev,
      );
    case 'quantile':
      return quantiles(
        expr,
        await groupsOf(input.columns, groupLabels, ev),
        { phis: numbersOf(param), grid },
        ev,
      );
    case 'sum':
    case 'avg':
    case 'count':
    case 'min':
    case 'max':
    case 'group':
    case 'stddev':
    case 'stdvar':
      if (grid.count === 1) return accumulateOnce(operator, input.columns, groupLabels, ev);
      return accumulate(operator, await groupsOf(input.columns, groupLabels, ev), grid, ev);
  }
}

function numbersOf(value: Value | undefined): Float64Array {
  return value?.kind === 'scalar' ? value.values : new Float64Array(0);
}

/** Which group a series belongs to. */
interface Grouper {
  readonly labels: (labels: Labels) => Labels;
  /** The key of those labels, without making them. */
  readonly key: (labels: Labels) => string;
}

function grouper({ grouping, isWithout }: Pick<AggregateNode, 'grouping' | 'isWithout'>): Grouper {
  const cut = isWithout ? cutOf([...grouping, ...NAME_LABELS], false) : cutOf(grouping, true);
  const { names } = cut;
  return {
    labels: (labels) => (isWithout ? labels.omit(names) : labels.pick(names)),
    key: (labels) => labels.cutKey(cut),
  };
}

type AccumulatedOperator = Exclude<Aggregator, 'count_values' | 'topk' | 'bottomk' | 'quantile'>;

async function groupsOf(
  columns: readonly Column[],
  groupLabels: Grouper,
  ev: Evaluation,
): Promise<readonly Group[]> {
  const groups = new Map<string, { labels: Labels; members: Column[] }>();
  for (const column of columns) {
    const key = groupLabels.key(column.labels);
    const group = groups.get(key);
    if (group === undefined)
      groups.set(key, { labels: groupLabels.labels(column.labels), members: [column] });
    else group.members.push(column);
    if (ev.pacer.spend(LABELS_WORK)) await ev.pacer.pause();
  }
  return [...groups.values()];
}

/** As `accumulate`, at one time: all groups in one accumulator. */
async function accumulateOnce(
  operator: AccumulatedOperator,
  columns: readonly Column[],
  groupLabels: Grouper,
  ev: Evaluation,
): Promise<VectorValue> {
  const places = new Map<string, number>();
  const groups: { readonly labels: Labels; isNameMarked: boolean }[] = [];
  const placeOf = new Int32Array(columns.length);
  for (const [at, { labels, isNameMarked }] of columns.entries()) {
    const key = groupLabels.key(labels);
    let place = places.get(key);
    if (place === undefined) {
      place = groups.length;
      places.set(key, place);
      groups.push({ labels: groupLabels.labels(labels), isNameMarked: false });
    }
    const group = groups[place];
    // See isMarked.
    if (isNameMarked && group !== undefined) group.isNameMarked = true;
    placeOf[at] = place;
    if (ev.pacer.spend(LABELS_WORK)) await ev.pacer.pause();
  }
  const accumulator = accumulators[operator](groups.length);
  for (const [at, { values, present }] of columns.entries())
    if (present[0] === 1) accumulator.addAt(placeOf[at] ?? 0, values[0] ?? NaN);
  const { values, present } = accumulator.finish();
  const result: Column[] = [];
  for (const [place, { labels, isNameMarked }] of groups.entries()) {
    if (present[place] !== 1) continue;
    const value = values.subarray(place, place + 1);
    result.push({ labels, values: value, present: ONE_PRESENT, isNameMarked });
  }
  return vectorOf(result);
}

async function accumulate(
  operator: AccumulatedOperator,
  groups: readonly Group[],
  grid: Grid,
  ev: Evaluation,
): Promise<VectorValue> {
  const columns: Column[] = [];
  for (const { labels, members } of groups) {
    const accumulator = accumulators[operator](grid.count);
    for (const member of members) {
      accumulator.add(member);
      if (ev.pacer.spend(grid.count)) await ev.pacer.pause();
    }
    columns.push({ labels, isNameMarked: isMarked(members), ...accumulator.finish() });
  }
  return vectorOf(columns);
}

/** With delayed name removal the name goes as soon as it is to go from one of the series. */
function isMarked(members: readonly Column[]): boolean {
  return members.some(({ isNameMarked }) => isNameMarked);
}

async function quantiles(
  expr: AggregateNode,
  groups: readonly Group[],
  { phis, grid }: { readonly phis: Float64Array; readonly grid: Grid },
  ev: Evaluation,
): Promise<VectorValue> {
  if (groups.length > 0) await warnOfQuantiles(phis, expr.param ?? expr, ev);
  const columns: Column[] = [];
  for (const { labels, members } of groups) {
    const values = new Float64Array(grid.count);
    const present = new Uint8Array(grid.count);
    const scratch = new Float64Array(members.length);
    for (let i = 0; i < grid.count; i++) {
      let size = 0;
      for (const member of members) if (member.present[i] === 1) scratch[size++] = member.values[i] ?? NaN;
      if (ev.pacer.spend(members.length)) await ev.pacer.pause();
      if (size === 0) continue;
      present[i] = 1;
      values[i] = quantile(phis[i] ?? NaN, scratch.subarray(0, size));
    }
    columns.push({ labels, values, present, isNameMarked: isMarked(members) });
  }
  return vectorOf(columns);
}
