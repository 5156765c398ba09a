/**
 * From the condition of a rule to the value behind it, for one object: a rule that fires above 90 % says nothing of the
 * hour in which it did not fire. Pure.
 */
import { isComparison, type Expr, type SelectorNode } from '../../query/parse/ast.ts';
import { comparesHosts } from '../../query/evaluate/host-parts.ts';
import { parseQuery } from '../../query/parse/parse.ts';
import { printExpr } from '../../query/parse/print.ts';

/** Functions behind which the label of a selector is no longer that of the result. */
const OPAQUE_CALLS: ReadonlySet<string> = new Set([
  'absent',
  'absent_over_time',
  'scalar',
  'label_replace',
  'label_join',
  'info',
]);

/**
 * The expression without its threshold, and for one host alone where that changes nothing else.
 * @param instance the value of the label `instance`, `''` for an object that has none
 * @throws AppError BAD_QUERY
 */
export function historyQuery(expression: string, instance: string): string {
  const measured = withoutThreshold(parseQuery(expression));
  return printExpr(instance !== '' && keepsInstance(measured) ? narrowed(measured, instance) : measured);
}

/** What is compared, where a comparison decides alone. */
function withoutThreshold(expr: Expr): Expr {
  switch (expr.kind) {
    case 'paren':
      return { ...expr, inner: withoutThreshold(expr.inner) };
    case 'aggregate':
      // The largest of those above the threshold is the largest of all; of other aggregations that is not true.
      return expr.operator === 'max' || expr.operator === 'min'
        ? { ...expr, inner: withoutThreshold(expr.inner) }
        : expr;
    case 'binary':
      if (isComparison(expr.operator) && !expr.returnsBool) {
        return isNumber(expr.left) ? withoutThreshold(expr.right) : withoutThreshold(expr.left);
      }
      return expr.operator === 'and' || expr.operator === 'unless' ? withoutThreshold(expr.left) : expr;
    case 'number':
    case 'string':
    case 'selector':
    case 'range':
    case 'subquery':
    case 'call':
    case 'unary':
      return expr;
  }
}

function isNumber(expr: Expr): boolean {
  if (expr.kind === 'paren' || expr.kind === 'unary') return isNumber(expr.inner);
  return expr.kind === 'number';
}

/** Whether a result of one host comes from samples of this host alone. */
function keepsInstance(expr: Expr): boolean {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
    case 'range':
      return true;
    case 'paren':
    case 'unary':
    case 'subquery':
      return keepsInstance(expr.inner);
    case 'call':
      return !OPAQUE_CALLS.has(expr.name) && expr.args.every(keepsInstance);
    case 'aggregate':
      return expr.grouping.includes('instance') !== expr.isWithout && keepsInstance(expr.inner);
    case 'binary':
      return comparesHosts(expr) && keepsInstance(expr.left) && keepsInstance(expr.right);
  }
}

function narrowed(expr: Expr, instance: string): Expr {
  const inside = (inner: Expr): Expr => narrowed(inner, instance);
  switch (expr.kind) {
    case 'number':
    case 'string':
      return expr;
    case 'selector':
      return ofHost(expr, instance);
    case 'range':
      return { ...expr, selector: ofHost(expr.selector, instance) };
    case 'paren':
    case 'unary':
    case 'subquery':
    case 'aggregate':
      return { ...expr, inner: inside(expr.inner) };
    case 'call':
      return { ...expr, args: expr.args.map(inside) };
    case 'binary':
      return { ...expr, left: inside(expr.left), right: inside(expr.right) };
  }
}

function ofHost(selector: SelectorNode, instance: string): SelectorNode {
  return {
    ...selector,
    matchers: [...selector.matchers, { name: 'instance', operator: '=', value: instance }],
  };
}
