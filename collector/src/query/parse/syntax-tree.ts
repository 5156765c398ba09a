/** Syntax trees as JSON, in the shape that Prometheus' own page reads (`web/api/v1/translate_ast.go`). */
import { isSetOperator } from './ast.ts';
import type { BinaryNode, Expr, SelectorNode, TimeShift } from './ast.ts';
import { typeOf } from './check.ts';
import { formatDecimal } from '../encode/format.ts';
import { signatureOf } from '../evaluate/functions/signatures.ts';

type Json = { readonly [key: string]: unknown };

/** The tree of a checked expression. */
export function treeJson(expr: Expr): Json {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatDecimal(expr.value) };
    case 'string':
      return { type: 'stringLiteral', val: expr.value };
    case 'selector':
      return { type: 'vectorSelector', ...selectorJson(expr) };
    case 'range':
      return { type: 'matrixSelector', range: expr.rangeMs, ...selectorJson(expr.selector) };
    case 'subquery':
      return {
        type: 'subquery',
        expr: treeJson(expr.inner),
        range: expr.rangeMs,
        step: expr.stepMs ?? 0,
        ...shiftJson(expr),
      };
    case 'call':
      return { type: 'call', func: functionJson(expr.name), args: expr.args.map(treeJson) };
    case 'aggregate':
      return {
        type: 'aggregation',
        op: expr.operator,
        expr: treeJson(expr.inner),
        param: expr.param === undefined ? null : treeJson(expr.param),
        grouping: expr.grouping,
        without: expr.isWithout,
      };
    case 'unary':
      return { type: 'unaryExpr', op: expr.operator, expr: treeJson(expr.inner) };
    case 'paren':
      return { type: 'parenExpr', expr: treeJson(expr.inner) };
    case 'binary':
      return {
        type: 'binaryExpr',
        op: expr.operator,
        lhs: treeJson(expr.left),
        rhs: treeJson(expr.right),
        matching: matchingJson(expr),
        bool: expr.returnsBool,
      };
  }
}

function selectorJson(selector: SelectorNode): Json {
  const matchers = selector.matchers.map(({ name, operator, value }) => ({ type: operator, name, value }));
  if (selector.name !== '') matchers.push({ type: '=', name: '__name__', value: selector.name });
  return { name: selector.name, matchers, ...shiftJson(selector) };
}

function shiftJson({ offsetMs = 0, at }: TimeShift): Json {
  return {
    offset: offsetMs,
    timestamp: at?.kind === 'time' ? at.timeMs : null,
    startOrEnd: at === undefined || at.kind === 'time' ? null : at.kind,
  };
}

function functionJson(name: string): Json {
  const { args = [], required = 0, isVariadic = false, returns = 'vector' } = signatureOf(name) ?? {};
  return { name, argTypes: args, variadic: isVariadic ? -1 : args.length - required, returnType: returns };
}

/** Null unless both sides are vectors. */
function matchingJson({ operator, left, right, matching }: BinaryNode): Json | null {
  if (typeOf(left) === 'scalar' || typeOf(right) === 'scalar') return null;
  const { isOn = false, labels = [], manySide = 'none', include = [] } = matching ?? {};
  const cards = { none: 'one-to-one', left: 'many-to-one', right: 'one-to-many' } as const;
  const card = isSetOperator(operator) ? 'many-to-many' : cards[manySide];
  return { card, labels, on: isOn, include };
}
