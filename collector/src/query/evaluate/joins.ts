/**
 * Arithmetic and comparison between two vectors. Series are matched once per query, not per step; what Prometheus
 * reports as a conflict counts only where both series have a value at the same time.
 */
import { Labels } from '../../storage/labels.ts';
import type { ArithmeticOperator, BinaryNode, ComparisonOperator, Matching } from '../parse/ast.ts';
import { isComparison } from '../parse/ast.ts';
import { ColumnRoom, hasAny, ONE_PRESENT, vectorOf } from './columns.ts';
import type { Column, Grid, VectorValue } from './columns.ts';
import { executionError } from '../errors.ts';
import type { Evaluation } from './evaluation.ts';
import { groupByMatch, MATCH_ALL, matchingLabels } from './match-keys.ts';
import { arithmetic, comparisons } from './operators.ts';
import { LABELS_WORK, mergeDuplicates } from './label-sets.ts';

/** The operands, over the same grid. */
export interface JoinSides {
  readonly left: readonly Column[];
  readonly right: readonly Column[];
  readonly grid: Grid;
}

interface Join {
  readonly operator: ArithmeticOperator | ComparisonOperator;
  readonly returnsBool: boolean;
  readonly matching: Matching;
  readonly grid: Grid;
  /** The many side is the right operand. */
  readonly isSwapped: boolean;
  /** Names of `on` or `ignoring`. */
  readonly names: ReadonlySet<string>;
  /** Names that are taken from the one side. */
  readonly includes: ReadonlySet<string>;
  /** For the values of results. */
  readonly room: ColumnRoom;
  /** The name goes at once, or is marked to go from the final result. */
  readonly dropsName: boolean;
  readonly marksName: boolean;
}

/** The parts of a binary expression that decide how its operands are joined. */
export type JoinNode = Pick<BinaryNode, 'returnsBool' | 'matching'> & Pick<Join, 'operator'>;

const MANY_TO_ONE =
  'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)';
const NOT_UNIQUE = 'multiple matches for labels: grouping labels must ensure unique matches';

/** @throws AppError QUERY_FAILED when series do not match as the operator demands */
export async function joinVectors(expr: JoinNode, sides: JoinSides, ev: Evaluation): Promise<VectorValue> {
  const { operator, returnsBool, matching = MATCH_ALL } = expr;
  const { grid } = sides;
  const isSwapped = matching.manySide === 'right';
  const join: Join = {
    operator,
    returnsBool,
    matching,
    grid,
    isSwapped,
    names: new Set(matching.labels),
    includes: new Set(matching.include),
    room: new ColumnRoom(grid.count),
    dropsName: !isComparison(operator) || (returnsBool && !ev.isNameRemovalDelayed),
    marksName: returnsBool && ev.isNameRemovalDelayed,
  };
  const [many, one] = isSwapped ? [sides.right, sides.left] : [sides.left, sides.right];
  if (many.length === 0 || one.length === 0) return vectorOf([]);
  const oneGroups = await groupByMatch(one, matching, ev);
  for (const group of oneGroups.values()) refuseDoubles(group, many, join);
  const result: Column[] = [];
  // One to one, the labels of a result tell its match group, so results of different groups differ.
  let mayRepeat = matching.manySide !== 'none';
  for (const [key, manyGroup] of await groupByMatch(many, matching, ev)) {
    const oneGroup = oneGroups.get(key);
    if (oneGroup === undefined) continue;
    const [manyOnly, oneOnly] = [manyGroup[0], oneGroup[0]];
    if (manyGroup.length === 1 && oneGroup.length === 1 && manyOnly && oneOnly) {
      // Nearly always; a promise for each series would take longer than the rest.
      const column = joinPair(manyOnly, oneOnly, join);
      if (column !== undefined) result.push(column);
      if (ev.pacer.spend(grid.count + LABELS_WORK)) await ev.pacer.pause();
      continue;
    }
    const columns = await joinGroup(manyGroup, oneGroup, join, ev);
    if (columns.length > 1) mayRepeat = true;
    for (const column of columns) result.push(column);
    ev.budget.checkSize(result.length, grid);
  }
  ev.budget.checkSize(result.length, grid);
  return vectorOf(mayRepeat ? await mergeDuplicates(result, ev) : result);
}

/** Refuses two series of the one side in the same match group, at times when the many side has any value at all. */
function refuseDoubles(group: readonly Column[], many: readonly Column[], join: Join): void {
  if (group.length < 2) return;
  for (let i = 0; i < join.grid.count; i++) {
    const [first, second] = group.filter(({ present }) => present[i] === 1);
    if (first === undefined || second === undefined) continue;
    if (!many.some(({ present }) => present[i] === 1)) continue;
    const labels = matchingLabels(join.matching)(first.labels);
    throw executionError(
      `found duplicate series for the match group ${describe(labels)} on the ${join.isSwapped ? 'left' : 'right'} ` +
        `hand-side of the operation: [${describe(second.labels)}, ${describe(first.labels)}];` +
        'many-to-many matching not allowed: matching labels must be unique on one side',
    );
  }
}

function describe(labels: Labels): string {
  const parts = Array.from(labels.entries(), ([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `{${parts.join(', ')}}`;
}

async function joinGroup(
  manyGroup: readonly Column[],
  oneGroup: readonly Column[],
  join: Join,
  ev: Evaluation,
): Promise<readonly Column[]> {
  const results: Column[] = [];
  for (const many of manyGroup) {
    for (const one of oneGroup) {
      const column = joinPair(many, one, join);
      if (column !== undefined) results.push(column);
      if (ev.pacer.spend(join.grid.count + LABELS_WORK)) await ev.pacer.pause();
    }
  }
  if (join.matching.manySide !== 'none') return mergeDuplicates(results, ev, NOT_UNIQUE);
  if (results.length > 1) refuseOverlap(results);
  return results;
}

/** One-to-one: at any time at most one pair of a match group may have a result. */
function refuseOverlap(columns: readonly Column[]): void {
  const length = columns[0]?.present.length ?? 0;
  for (let i = 0; i < length; i++) {
    let count = 0;
    for (const { present } of columns) count += present[i] ?? 0;
    if (count > 1) throw executionError(MANY_TO_ONE);
  }
}

/** Undefined when there is no value at any time. */
function joinPair(many: Column, one: Column, join: Join): Column | undefined {
  const { operator, returnsBool, grid, isSwapped } = join;
  const left = isSwapped ? one : many;
  const right = isSwapped ? many : one;
  const holds = isComparison(operator) ? comparisons[operator] : undefined;
  const combine = isComparison(operator) ? undefined : arithmetic[operator];
  const isNameMarked = join.marksName || (!join.dropsName && many.isNameMarked);
  if (grid.count === 1) {
    if (left.present[0] !== 1 || right.present[0] !== 1) return undefined;
    const [a, b] = [left.values[0] ?? NaN, right.values[0] ?? NaN];
    const isTrue = holds === undefined || holds(a, b);
    if (!isTrue && !returnsBool) return undefined;
    const values = join.room.values();
    values[0] = combine !== undefined ? combine(a, b) : returnsBool ? Number(isTrue) : a;
    return {
      labels: resultLabels(many.labels, one.labels, join),
      values,
      present: ONE_PRESENT,
      isNameMarked,
    };
  }
  const values = join.room.values();
  const present = new Uint8Array(grid.count);
  for (let i = 0; i < grid.count; i++) {
    if (left.present[i] !== 1 || right.present[i] !== 1) continue;
    const [a, b] = [left.values[i] ?? NaN, right.values[i] ?? NaN];
    const isTrue = holds === undefined || holds(a, b);
    if (!isTrue && !returnsBool) continue;
    present[i] = 1;
    values[i] = combine !== undefined ? combine(a, b) : returnsBool ? Number(isTrue) : a;
  }
  if (!hasAny(present)) return undefined;
  return { labels: resultLabels(many.labels, one.labels, join), values, present, isNameMarked };
}

/** Labels of a result: those of the many side, cut to what was matched (one-to-one) or extended by `group_x(...)`. */
function resultLabels(many: Labels, one: Labels, { dropsName, matching, names, includes }: Join): Labels {
  const { isOn, manySide } = matching;
  const base = dropsName ? many.withoutName() : many;
  if (manySide === 'none') {
    if (isOn) return base.pick(names);
    return names.size === 0 ? base : base.omit(names);
  }
  if (includes.size === 0) return base;
  // By the labels that there are, not by the names that were written: of those there may be thousands.
  return Labels.from([...base.omit(includes).entries(), ...one.pick(includes).entries()]);
}
