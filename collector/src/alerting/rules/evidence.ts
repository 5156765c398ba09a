/** Which series the condition of a rule needs to be judged: while one of them is missing, an empty result says nothing. */
import { childrenOf, NO_SHIFT, type Expr, type SelectorNode } from '../../query/parse/ast.ts';
import { isClassicLabelName, quote } from '../../query/parse/literals.ts';
import { parseQuery } from '../../query/parse/parse.ts';
import { printExpr } from '../../query/parse/print.ts';
import { patternOf } from '../../storage/matcher.ts';

/**
 * The selectors of an expression that must find something, each once, without offset. Left out is what may be missing
 * while all is well: what only one side of `or` reads, the right side of `unless`, and what `absent` looks for.
 * @throws AppError BAD_QUERY
 */
export function requiredSelectors(expression: string): readonly string[] {
  return [...selectorsOf(parseQuery(expression))];
}

/** What the collector itself tells of a host, just as truly while the host is silent. */
const PRESENCE_METRICS: ReadonlySet<string> = new Set([
  'up',
  'rollcall_host_info',
  'rollcall_host_key_conflict',
  'rollcall_host_state',
]);

/**
 * Whether an expression says of hosts only what the collector knows without them: then their silence leaves nothing open.
 * @throws AppError BAD_QUERY
 */
export function isAboutPresence(expression: string): boolean {
  const names = metricNames(parseQuery(expression));
  return names.length > 0 && names.every((name) => PRESENCE_METRICS.has(name));
}

function metricNames(expr: Expr): readonly string[] {
  return expr.kind === 'selector' ? [expr.name] : childrenOf(expr).flatMap(metricNames);
}

function selectorsOf(expr: Expr): ReadonlySet<string> {
  const found = new Set<string>();
  collect(expr, found);
  return found;
}

function collect(expr: Expr, found: Set<string>): void {
  switch (expr.kind) {
    case 'selector':
      found.add(printExpr(present(expr)));
      return;
    case 'range':
      found.add(printExpr(present(expr.selector)));
      return;
    case 'call':
      if (expr.name === 'absent' || expr.name === 'absent_over_time') return;
      break;
    case 'binary':
      if (expr.operator === 'or') {
        const ofRight = selectorsOf(expr.right);
        for (const selector of selectorsOf(expr.left)) if (ofRight.has(selector)) found.add(selector);
        return;
      }
      if (expr.operator === 'unless') {
        collect(expr.left, found);
        return;
      }
      break;
    case 'number':
    case 'string':
    case 'subquery':
    case 'aggregate':
    case 'unary':
    case 'paren':
      break;
  }
  for (const child of childrenOf(expr)) collect(child, found);
}

function present(selector: SelectorNode): SelectorNode {
  return { ...selector, ...NO_SHIFT };
}

/**
 * A query for the label sets that a selector has at present, cut to `names`.
 * @param instances only these hosts; all when undefined
 */
export function evidenceQuery(
  selector: string,
  {
    names,
    instances,
  }: { readonly names: readonly string[]; readonly instances: readonly string[] | undefined },
): string {
  const expr = parseQuery(selector);
  const isNarrow = instances !== undefined && expr.kind === 'selector';
  const narrowed = isNarrow
    ? printExpr({
        ...expr,
        matchers: [...expr.matchers, { name: 'instance', operator: '=~', value: patternOf(instances) }],
      })
    : selector;
  const grouping = names.map((name) => (isClassicLabelName(name) ? name : quote(name))).join(', ');
  return `group by (${grouping}) (${narrowed})`;
}
