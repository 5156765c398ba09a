/** Evaluates syntax trees over a grid of times: one function per kind of node, parts that never change only once. */
import type { Expr } from '../parse/ast.ts';
import { evaluateAggregate } from './aggregate.ts';
import { evaluateBinary, evaluateUnary } from './binary.ts';
import { evaluateCall } from './calls.ts';
import { broadcast } from './columns.ts';
import type { Grid, Value } from './columns.ts';
import type { Evaluation, OperandRoom } from './evaluation.ts';
import { evaluateSelector } from './selectors.ts';

/**
 * The evaluator of one query: its root or any expression within it, except range vectors.
 * @param invariants parts of the query that give the same result at every step
 * @throws AppError QUERY_FAILED, QUERY_LIMIT, or whatever ended the query's signal
 */
export function createEvaluator(invariants: ReadonlySet<Expr>, ev: Omit<Evaluation, 'evaluate'>): Evaluation {
  /** What a node evaluates its operands with, when it keeps their values in `operands`. */
  const evaluatorIn = (operands: OperandRoom): Evaluation => ({
    ...ev,
    operands,
    evaluate: (expr, grid) => evaluate(expr, grid, operands),
  });
  const evaluate = async (expr: Expr, grid: Grid, outer: OperandRoom): Promise<Value> => {
    ev.pacer.throwIfStopped();
    const operands = outer.inner();
    const isInvariant = grid.count > 1 && invariants.has(expr);
    const at = isInvariant ? { ...grid, count: 1 } : grid;
    const known = await evaluateNode(expr, at, evaluatorIn(operands));
    operands.giveBack();
    outer.take(widthOf(known), grid);
    return isInvariant ? broadcast(known, grid.count) : known;
  };
  return evaluatorIn(ev.operands);
}

/** Columns that a value has. */
function widthOf(value: Value): number {
  if (value.kind === 'vector') return value.columns.length;
  return value.kind === 'scalar' ? 1 : 0;
}

async function evaluateNode(expr: Expr, grid: Grid, ev: Evaluation): Promise<Value> {
  switch (expr.kind) {
    case 'number':
      return { kind: 'scalar', values: new Float64Array(grid.count).fill(expr.value) };
    case 'string':
      return { kind: 'string', text: expr.value };
    case 'selector':
      return evaluateSelector(expr, grid, ev);
    case 'paren':
      return ev.evaluate(expr.inner, grid);
    case 'unary':
      return evaluateUnary(expr, grid, ev);
    case 'binary':
      return evaluateBinary(expr, grid, ev);
    case 'aggregate':
      return evaluateAggregate(expr, grid, ev);
    case 'call':
      return evaluateCall(expr, grid, ev);
    case 'range':
    case 'subquery':
      throw new TypeError('a range vector has no columns of its own');
  }
}
