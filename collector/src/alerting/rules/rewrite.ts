/** Changes expressions of rules node by node. */
import { isComparison, type Expr, type SelectorNode } from '../../query/parse/ast.ts';
import { parseQuery, QUERY_LENGTH_MAX } from '../../query/parse/parse.ts';
import { printExpr } from '../../query/parse/print.ts';
import { PATTERN_LENGTH_MAX, patternOf } from '../../storage/matcher.ts';

/**
 * The same tree with every node replaced by what `change` makes of it, children first.
 * @param change gets a node whose children are changed already
 */
export function mapExpr(expr: Expr, change: (expr: Expr) => Expr): Expr {
  const map = (child: Expr): Expr => mapExpr(child, change);
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
    case 'range':
      return change(expr);
    case 'subquery':
    case 'unary':
    case 'paren':
      return change({ ...expr, inner: map(expr.inner) });
    case 'call':
      return change({ ...expr, args: expr.args.map(map) });
    case 'aggregate':
      return change({
        ...expr,
        inner: map(expr.inner),
        param: expr.param === undefined ? undefined : map(expr.param),
      });
    case 'binary':
      return change({ ...expr, left: map(expr.left), right: map(expr.right) });
  }
}

/**
 * The expression with other numbers where it compares with one of `levels`; a number that stands elsewhere, as a factor
 * for example, stays.
 * @param levels new numbers by old ones
 * @throws AppError BAD_QUERY
 */
export function withLevels(expression: string, levels: ReadonlyMap<number, number>): string {
  const levelOf = (side: Expr): Expr => {
    const value = side.kind === 'number' ? levels.get(side.value) : undefined;
    return value === undefined || side.kind !== 'number' ? side : { ...side, value };
  };
  return printExpr(
    mapExpr(parseQuery(expression), (expr) =>
      expr.kind === 'binary' && isComparison(expr.operator)
        ? { ...expr, left: levelOf(expr.left), right: levelOf(expr.right) }
        : expr,
    ),
  );
}

/**
 * The expression asked of these hosts alone; for one in which series of different hosts never meet, the same result for
 * them.
 * @param names values of the label `instance`, at least one
 * @returns undefined when their names make it longer than a query or a pattern may be
 * @throws AppError BAD_QUERY
 */
export function ofHosts(expression: string, names: Iterable<string>): string | undefined {
  const matcher = { name: 'instance', operator: '=~', value: patternOf([...names]) } as const;
  if (matcher.value.length > PATTERN_LENGTH_MAX) return undefined;
  const narrowed = (selector: SelectorNode): SelectorNode => ({
    ...selector,
    matchers: [...selector.matchers, matcher],
  });
  const text = printExpr(
    mapExpr(parseQuery(expression), (expr) => {
      if (expr.kind === 'selector') return narrowed(expr);
      return expr.kind === 'range' ? { ...expr, selector: narrowed(expr.selector) } : expr;
    }),
  );
  return text.length <= QUERY_LENGTH_MAX ? text : undefined;
}
