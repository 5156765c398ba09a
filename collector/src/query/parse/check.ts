/** The type checker: refuses trees that the grammar allows but that mean nothing. Texts are those of Prometheus. */
import type { AppError } from '@rollcall/shared/lib/errors.ts';
import { createMatcher } from '../../storage/matcher.ts';
import { childrenOf, isComparison, isSetOperator } from './ast.ts';
import type { AggregateNode, BinaryNode, CallNode, Expr, SelectorNode, Span, ValueType } from './ast.ts';
import { parseError } from '../errors.ts';
import { signatureOf } from '../evaluate/functions/signatures.ts';
import { quote } from './literals.ts';

const TYPE_NAMES: Readonly<Record<ValueType, string>> = {
  scalar: 'scalar',
  string: 'string',
  vector: 'instant vector',
  matrix: 'range vector',
};

/** The type of a checked expression. */
export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'selector':
    case 'aggregate':
      return 'vector';
    case 'range':
    case 'subquery':
      return 'matrix';
    case 'call':
      return signatureOf(expr.name)?.returns ?? 'vector';
    case 'unary':
    case 'paren':
      return typeOf(expr.inner);
    case 'binary':
      return typeOf(expr.left) === 'scalar' && typeOf(expr.right) === 'scalar' ? 'scalar' : 'vector';
  }
}

/**
 * Checks types, counts of arguments, matchers and modifiers in the whole tree.
 * @throws AppError BAD_QUERY
 */
export function checkExpr(text: string, expr: Expr): ValueType {
  const at: At = ({ start }, reason) => parseError(text, start, reason);
  const types = childrenOf(expr).map((child) => checkExpr(text, child));
  const [first = 'vector', second = 'vector'] = types;
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'selector':
      checkSelector(expr, at);
      return 'vector';
    case 'range':
      return 'matrix';
    case 'subquery':
      if (first !== 'vector') {
        throw at(expr, `subquery is only allowed on instant vector, got ${first} instead`);
      }
      return 'matrix';
    case 'call':
      return checkCall(expr, types, at);
    case 'aggregate':
      checkAggregate(expr, types, at);
      return 'vector';
    case 'paren':
      return first;
    case 'unary':
      if (first === 'scalar' || first === 'vector') return first;
      throw at(
        expr,
        `unary expression only allowed on expressions of type scalar or instant vector, got "${TYPE_NAMES[first]}"`,
      );
    case 'binary':
      return checkBinary(expr, { first, second }, at);
  }
}

type At = (place: Pick<Span, 'start'>, reason: string) => AppError;

function checkSelector(expr: SelectorNode, at: At): void {
  let isSelective = expr.name !== '';
  for (const { name, operator, value } of expr.matchers) {
    if (!createMatcher(name, operator, value).matches('')) isSelective = true;
  }
  if (!isSelective) throw at(expr, 'vector selector must contain at least one non-empty matcher');
}

function checkCall({ name, args, ...node }: CallNode, types: readonly ValueType[], at: At): ValueType {
  const call: CallNode = { name, args, ...node };
  const signature = signatureOf(name);
  if (signature === undefined) throw at(call, `unknown function with name ${quote(name)}`);
  const { required, isVariadic, returns } = signature;
  const most = signature.args.length;
  const count = (words: string): AppError =>
    at(call, `expected ${words} argument(s) in call to ${quote(name)}, got ${args.length}`);
  if (args.length < required) throw count(required === most ? String(required) : `at least ${required}`);
  if (args.length > most && !isVariadic) throw count(required === most ? String(most) : `at most ${most}`);
  for (const [i, arg] of args.entries()) {
    const expected = signature.args[Math.min(i, most - 1)];
    expectType(arg, types[i], { expected, context: `call to function ${quote(name)}` }, at);
  }
  return returns;
}

function checkAggregate(expr: AggregateNode, types: readonly ValueType[], at: At): void {
  expectType(expr.inner, types.at(-1), { expected: 'vector', context: 'aggregation expression' }, at);
  if (expr.param === undefined) return;
  const expected = expr.operator === 'count_values' ? 'string' : 'scalar';
  expectType(expr.param, types[0], { expected, context: 'aggregation parameter' }, at);
}

function expectType(
  node: Expr,
  type: ValueType | undefined,
  { expected, context }: { readonly expected: ValueType | undefined; readonly context: string },
  at: At,
): void {
  if (expected === undefined || type === undefined || type === expected) return;
  throw at(node, `expected type ${TYPE_NAMES[expected]} in ${context}, got ${TYPE_NAMES[type]}`);
}

interface SideTypes {
  readonly first: ValueType;
  readonly second: ValueType;
}

function checkBinary(expr: BinaryNode, { first, second }: SideTypes, at: At): ValueType {
  const { operator, left, right, returnsBool, matching } = expr;
  const atOperator = { start: expr.operatorStart };
  if (returnsBool && !isComparison(operator)) {
    throw at(atOperator, 'bool modifier can only be used on comparison operators');
  }
  const areScalars = first === 'scalar' && second === 'scalar';
  if (areScalars && isComparison(operator) && !returnsBool) {
    throw at(atOperator, 'comparisons between scalars must use BOOL modifier');
  }
  const doubled =
    matching?.isOn === true && matching.include.find((label) => matching.labels.includes(label));
  if (doubled !== undefined && doubled !== false) {
    throw at(atOperator, `label ${quote(doubled)} must not occur in ON and GROUP clause at once`);
  }
  for (const [node, type] of [
    [left, first],
    [right, second],
  ] as const) {
    if (type !== 'scalar' && type !== 'vector') {
      throw at(node, 'binary expression must contain only scalar and instant vector types');
    }
  }
  const isVectorMatching = first === 'vector' && second === 'vector';
  // With a scalar, `on()` and `ignoring()` without labels mean nothing and are let pass.
  if (!isVectorMatching && matching !== undefined && matching.labels.length > 0) {
    throw at(expr, 'vector matching only allowed between instant vectors');
  }
  if (isVectorMatching && isSetOperator(operator) && matching !== undefined && matching.manySide !== 'none') {
    throw at(expr, `no grouping allowed for ${quote(operator)} operation`);
  }
  if (isSetOperator(operator) && !isVectorMatching) {
    throw at(expr, `set operator ${quote(operator)} not allowed in binary scalar expression`);
  }
  return areScalars ? 'scalar' : 'vector';
}
