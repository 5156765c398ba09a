/** Arithmetic, comparison and unary operators. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { BinaryNode, ComparisonOperator, UnaryNode } from '../parse/ast.ts';
import { isComparison, isSetOperator } from '../parse/ast.ts';
import { ColumnRoom, hasAny, vectorOf } from './columns.ts';
import type { Column, Grid, ScalarValue, Value, VectorValue } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { joinVectors } from './joins.ts';
import { firstSide, narrowedOther } from './narrowing.ts';
import { arithmetic, comparisons } from './operators.ts';
import { combineSets } from './set-operators.ts';
import { withoutNames } from './label-sets.ts';

/**
 * The value of a signed expression.
 * @throws AppError QUERY_FAILED when dropping names makes two series equal
 */
export async function evaluateUnary(expr: UnaryNode, grid: Grid, ev: Evaluation): Promise<Value> {
  const value = await ev.evaluate(expr.inner, grid);
  if (expr.operator === '+' || value.kind === 'string') return value;
  if (value.kind === 'scalar') return { kind: 'scalar', values: value.values.map((x) => -x) };
  const negated = value.columns.map((column) => ({ ...column, values: column.values.map((x) => -x) }));
  return vectorOf(await withoutNames(negated, ev), value.isOrdered);
}

/**
 * The value of a binary expression.
 * @throws AppError QUERY_FAILED when the series of both sides do not match as they must
 */
export async function evaluateBinary(expr: BinaryNode, grid: Grid, ev: Evaluation): Promise<Value> {
  const { left, right } = await evaluateSides(expr, grid, ev);
  if (left.kind === 'string' || right.kind === 'string') throw new TypeError('operator on a string');
  if (left.kind === 'scalar' && right.kind === 'scalar') return betweenScalars(expr, left, right);
  if (left.kind === 'vector' && right.kind === 'vector') {
    const { operator } = expr;
    if (isSetOperator(operator))
      return combineSets({ operator, matching: expr.matching, left, right, grid }, ev);
    return joinVectors({ ...expr, operator }, { left: left.columns, right: right.columns, grid }, ev);
  }
  if (left.kind === 'vector' && right.kind === 'scalar') {
    return vectorWithScalar(expr, { vector: left, scalar: right, isVectorLeft: true }, ev);
  }
  if (left.kind === 'scalar' && right.kind === 'vector') {
    return vectorWithScalar(expr, { vector: right, scalar: left, isVectorLeft: false }, ev);
  }
  throw new TypeError('unreachable operand types');
}

/** Of `and` and `unless` the side that is evaluated first says how much of the other one matters. */
async function evaluateSides(
  expr: BinaryNode,
  grid: Grid,
  ev: Evaluation,
): Promise<{ readonly left: Value; readonly right: Value }> {
  const first = firstSide(expr);
  const known = first === 'left' ? await ev.evaluate(expr.left, grid) : await rightFirst(expr, grid, ev);
  // Statistics count what would be read without this.
  const mayNarrow =
    ev.samples === undefined &&
    (expr.operator === 'and' || expr.operator === 'unless') &&
    known.kind === 'vector';
  const otherSide = first === 'left' ? expr.right : expr.left;
  const other = await ev.evaluate(mayNarrow ? narrowedOther(expr, first, known.columns) : otherSide, grid);
  return first === 'left' ? { left: known, right: other } : { left: other, right: known };
}

/** The right side; where both sides are at fault, the fault of the left one is told, as in Prometheus. */
async function rightFirst({ left, right }: BinaryNode, grid: Grid, ev: Evaluation): Promise<Value> {
  try {
    return await ev.evaluate(right, grid);
  } catch (error) {
    if (error instanceof AppError && error.code === 'QUERY_FAILED') await ev.evaluate(left, grid);
    throw error;
  }
}

function betweenScalars({ operator }: BinaryNode, left: ScalarValue, right: ScalarValue): ScalarValue {
  const combine = numberOperator(operator);
  return { kind: 'scalar', values: left.values.map((value, i) => combine(value, right.values[i] ?? NaN)) };
}

/** The operator as a function of numbers; a comparison gives 1 or 0. */
function numberOperator(operator: BinaryNode['operator']): (left: number, right: number) => number {
  if (isSetOperator(operator)) throw new TypeError(`${operator} between scalars`);
  if (!isComparison(operator)) return arithmetic[operator];
  const holds = comparisons[operator];
  return (left, right) => (holds(left, right) ? 1 : 0);
}

interface MixedOperands {
  readonly vector: VectorValue;
  readonly scalar: ScalarValue;
  readonly isVectorLeft: boolean;
}

async function vectorWithScalar(
  expr: BinaryNode,
  { vector, scalar, isVectorLeft }: MixedOperands,
  ev: Evaluation,
): Promise<VectorValue> {
  const { operator, returnsBool } = expr;
  const isFilter = isComparison(operator) && !returnsBool;
  if (vector.columns[0]?.values.length === 1)
    return oneWithScalar(expr, { vector, scalar, isVectorLeft }, ev);
  const columns: Column[] = [];
  for (const column of vector.columns) {
    if (ev.pacer.spend(column.values.length)) await ev.pacer.pause();
    if (isFilter) {
      const present = filterMask(operator, column, { scalar, isVectorLeft });
      if (hasAny(present)) columns.push({ ...column, present });
    } else {
      columns.push({ ...column, values: combined(operator, column, { scalar, isVectorLeft }) });
    }
  }
  const named = isFilter ? columns : await withoutNames(columns, ev);
  return vectorOf(named, vector.isOrdered);
}

/** The same at one time. */
async function oneWithScalar(
  { operator, returnsBool }: BinaryNode,
  { vector, scalar, isVectorLeft }: MixedOperands,
  ev: Evaluation,
): Promise<VectorValue> {
  const holds = isComparison(operator) && !returnsBool ? comparisons[operator] : undefined;
  const combine = holds === undefined ? numberOperator(operator) : undefined;
  const other = scalar.values[0] ?? NaN;
  const room = new ColumnRoom(1);
  const columns: Column[] = [];
  for (const column of vector.columns) {
    if (ev.pacer.spend(1)) await ev.pacer.pause();
    const { labels, values, present, isNameMarked } = column;
    if (present[0] !== 1) continue;
    const own = values[0] ?? NaN;
    if (holds !== undefined) {
      if (isVectorLeft ? holds(own, other) : holds(other, own)) columns.push(column);
    } else if (combine !== undefined) {
      const result = room.values();
      result[0] = isVectorLeft ? combine(own, other) : combine(other, own);
      columns.push({ labels, values: result, present, isNameMarked });
    }
  }
  const named = holds === undefined ? await withoutNames(columns, ev) : columns;
  return vectorOf(named, vector.isOrdered);
}

type OtherOperand = Omit<MixedOperands, 'vector'>;

function combined(
  operator: BinaryNode['operator'],
  column: Column,
  { scalar, isVectorLeft }: OtherOperand,
): Float64Array {
  const combine = numberOperator(operator);
  const result = new Float64Array(column.values.length);
  for (let i = 0; i < result.length; i++) {
    const own = column.values[i] ?? NaN;
    const other = scalar.values[i] ?? NaN;
    result[i] = isVectorLeft ? combine(own, other) : combine(other, own);
  }
  return result;
}

function filterMask(
  operator: ComparisonOperator,
  { values, present }: Column,
  { scalar, isVectorLeft }: OtherOperand,
): Uint8Array {
  const holds = comparisons[operator];
  const kept = new Uint8Array(present.length);
  for (let i = 0; i < kept.length; i++) {
    if (present[i] !== 1) continue;
    const own = values[i] ?? NaN;
    const other = scalar.values[i] ?? NaN;
    if (isVectorLeft ? holds(own, other) : holds(other, own)) kept[i] = 1;
  }
  return kept;
}
