/**
 * `and` throws away the series on its left that have no partner on its right. When those on the right are of few hosts,
 * the left side need not be read for the others: `predict_linear(x[6h], 3600) and on (instance) y < 0.1`. The same holds for
 * the right side of `and` and of `unless` when the left one has few.
 */
import { HOST_LABEL } from '../../storage/labels.ts';
import { patternOf } from '../../storage/matcher.ts';
import type { BinaryNode, Expr, MatcherNode } from '../parse/ast.ts';
import { childrenOf, isSetOperator } from '../parse/ast.ts';
import { typeOf } from '../parse/check.ts';
import type { Column } from './columns.ts';
import { comparesHosts } from './host-parts.ts';
import { rangeFunctions } from './range-calls.ts';

/** More hosts than this are not named to the store. */
const HOSTS_MAX = 200;

/** Which side of a set operator is evaluated first, because it may say how much of the other one matters. */
export function firstSide({ operator, left, right }: BinaryNode): 'left' | 'right' {
  const isKnown = operator === 'and' || operator === 'unless';
  // What looks back further reads more.
  if (isKnown && reachMs(right) > reachMs(left)) return 'left';
  return operator === 'and' ? 'right' : 'left';
}

/**
 * The other side of a set operator than the one that is known, asking only for hosts that the known one has; the result of the
 * operator is the same. The side itself when nothing can be left out.
 * @param known may be either side of `and`, and the left one of `unless`
 */
export function narrowedOther(expr: BinaryNode, known: 'left' | 'right', columns: readonly Column[]): Expr {
  const other = known === 'left' ? expr.right : expr.left;
  if (!comparesHosts(expr)) return other;
  const hosts = new Set<string>();
  for (const { labels } of columns) {
    hosts.add(labels.get(HOST_LABEL));
    if (hosts.size > HOSTS_MAX) return other;
  }
  return narrowed(other, { name: HOST_LABEL, operator: '=~', value: patternOf([...hosts]) });
}

/** The longest range in an expression. */
function reachMs(expr: Expr): number {
  const own = expr.kind === 'range' || expr.kind === 'subquery' ? expr.rangeMs : 0;
  return childrenOf(expr).reduce((most, child) => Math.max(most, reachMs(child)), own);
}

/** Puts the matcher wherever series get into the result with their host unchanged, and nowhere else. */
function narrowed(expr: Expr, matcher: MatcherNode): Expr {
  switch (expr.kind) {
    case 'selector':
      // Without a name the function around it may fail because two metrics of another host become one.
      return expr.name === '' ? expr : { ...expr, matchers: [...expr.matchers, matcher] };
    case 'range': {
      const selector = narrowed(expr.selector, matcher);
      return selector.kind === 'selector' ? { ...expr, selector } : expr;
    }
    case 'paren':
    case 'subquery':
      return { ...expr, inner: narrowed(expr.inner, matcher) };
    case 'call':
      if (!Object.hasOwn(rangeFunctions, expr.name)) return expr;
      return {
        ...expr,
        args: expr.args.map((arg) => (typeOf(arg) === 'matrix' ? narrowed(arg, matcher) : arg)),
      };
    case 'binary':
      return narrowedBinary(expr, matcher);
    case 'number':
    case 'string':
    case 'aggregate':
    case 'unary':
      return expr;
  }
}

function narrowedBinary(expr: BinaryNode, matcher: MatcherNode): Expr {
  const left = (): Expr => narrowed(expr.left, matcher);
  const right = (): Expr => narrowed(expr.right, matcher);
  if (isSetOperator(expr.operator)) {
    // What is missing on one side may let series of other hosts through on the other one, and two of them may become one.
    const isWhole = comparesHosts(expr) && isNarrowable(expr.left);
    if (expr.operator === 'or')
      return isWhole && isNarrowable(expr.right) ? { ...expr, left: left(), right: right() } : expr;
    const mayNarrowRight = expr.operator === 'and' ? comparesHosts(expr) : isWhole;
    return { ...expr, left: left(), ...(mayNarrowRight ? { right: right() } : {}) };
  }
  if (typeOf(expr.right) === 'scalar') return { ...expr, left: left() };
  if (typeOf(expr.left) === 'scalar') return { ...expr, right: right() };
  // Between vectors, a match that is not unique is an error, of whatever host.
  return expr;
}

/** Whether nothing of other hosts is left when the matcher is put into an expression. */
function isNarrowable(expr: Expr): boolean {
  switch (expr.kind) {
    case 'selector':
      return expr.name !== '';
    case 'range':
      return isNarrowable(expr.selector);
    case 'paren':
    case 'subquery':
      return isNarrowable(expr.inner);
    case 'call':
      return (
        Object.hasOwn(rangeFunctions, expr.name) &&
        expr.args.every((arg) => typeOf(arg) !== 'matrix' || isNarrowable(arg))
      );
    case 'binary': {
      const { left, right } = expr;
      if (expr.operator === 'or') return comparesHosts(expr) && isNarrowable(left) && isNarrowable(right);
      if (isSetOperator(expr.operator)) return isNarrowable(left);
      if (typeOf(right) === 'scalar') return isNarrowable(left);
      return typeOf(left) === 'scalar' && isNarrowable(right);
    }
    case 'number':
    case 'string':
    case 'aggregate':
    case 'unary':
      return false;
  }
}
