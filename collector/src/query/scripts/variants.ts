/** Other ways to ask the same question: a script's instant query must give the same result in all of them. */
import type { AtModifier, Expr } from '../parse/ast.ts';
import { childrenOf } from '../parse/ast.ts';
import { isTimeDependent } from '../evaluate/functions/signatures.ts';
import { parseQuery } from '../parse/parse.ts';
import { printExpr } from '../parse/print.ts';

/** A query and the time to evaluate it at. */
export interface Variant {
  readonly expr: string;
  readonly timeMs: number;
}

/**
 * The query as it is, and with `@ timeMs` fixed on each selector and subquery that names no time, at several other times.
 * Queries that look at the evaluation time itself have no variants; nor do those that do not parse.
 */
export function variantsOf(text: string, timeMs: number): readonly Variant[] {
  const original: Variant = { expr: text, timeMs };
  let expr: Expr;
  try {
    expr = parseQuery(text);
  } catch {
    return [original];
  }
  if (looksAtTime(expr)) return [original];
  const pinned = printExpr(pin(expr, { kind: 'time', timeMs }));
  const times =
    timeMs === 0 ? [-1000, 0, 1000] : [-10 * timeMs, 0, Math.trunc(timeMs / 5), timeMs, 10 * timeMs];
  return [original, ...times.map((time) => ({ expr: pinned, timeMs: time }))];
}

/** Whether a query says `@ start()` or `@ end()`. */
export function looksAtBounds(text: string): boolean {
  return /\b(?:start|end)\s*\(/i.test(text);
}

function looksAtTime(expr: Expr): boolean {
  return (expr.kind === 'call' && isTimeDependent(expr.name)) || childrenOf(expr).some(looksAtTime);
}

/** An instant query starts and ends at its time. */
function pinnedAt(own: AtModifier | undefined, at: AtModifier): AtModifier {
  return own?.kind === 'time' ? own : at;
}

/** What stands within a subquery stays: its times come from the subquery. */
function pin(expr: Expr, at: AtModifier): Expr {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return expr;
    case 'selector':
    case 'subquery':
      return { ...expr, at: pinnedAt(expr.at, at) };
    case 'range':
      return { ...expr, selector: { ...expr.selector, at: pinnedAt(expr.selector.at, at) } };
    case 'unary':
    case 'paren':
      return { ...expr, inner: pin(expr.inner, at) };
    case 'call':
      return { ...expr, args: expr.args.map((arg) => pin(arg, at)) };
    case 'aggregate':
      return { ...expr, param: expr.param && pin(expr.param, at), inner: pin(expr.inner, at) };
    case 'binary':
      return { ...expr, left: pin(expr.left, at), right: pin(expr.right, at) };
  }
}
