/** Aggregations: groups of series become one series each, or, with `topk`, lose members. */
import type { AggregateNode, Aggregator } from './ast.ts';
import { NAME_LABELS } from '../storage/labels.ts';
import type { Labels } from '../storage/labels.ts';
import { accumulators } from './accumulators.ts';
import { countValues } from './count-values.ts';
import { vectorOf } from './columns.ts';
import type { Column, Grid, Value, VectorValue } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { formatDecimal } from './format.ts';
import { LABELS_WORK } from './label-sets.ts';
import { quantile } from './numeric.ts';
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
      return countValues(input.columns, { labelName, groupLabels: extended.labels, grid }, ev);
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
  const names = new Set(grouping);
  if (!isWithout) return { labels: (labels) => labels.pick(names), key: (labels) => labels.pickKey(names) };
  for (const name of NAME_LABELS) names.add(name);
  return { labels: (labels) => labels.omit(names), key: (labels) => labels.omitKey(names) };
}

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

async function accumulate(
  operator: Exclude<Aggregator, 'count_values' | 'topk' | 'bottomk' | 'quantile'>,
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
  for (const phi of groups.length === 0 ? [] : phis) warnOfQuantile(expr, phi, ev);
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

function warnOfQuantile(expr: AggregateNode, phi: number, ev: Evaluation): void {
  if (phi >= 0 && phi <= 1) return;
  ev.notes.warn(expr.param ?? expr, `quantile value should be between 0 and 1, got ${formatDecimal(phi)}`);
}
