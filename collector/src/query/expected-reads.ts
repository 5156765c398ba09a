/** What a query is going to read, known before it is evaluated: so a store can read for many queries at once. */
import type { ExpectedRead } from '../storage/storage.ts';
import { childrenOf, type Expr, type TimeShift } from './parse/ast.ts';
import { parseQuery } from './parse/parse.ts';
import { DEFAULT_LOOKBACK_MS, DEFAULT_SUBQUERY_STEP_MS } from './query.ts';

/**
 * The metrics that an instant query reads by name, and how far back; one that it reads in several places comes several times. Left
 * out are selectors without a plain name, and what `@` puts at a time of its own. Nothing of a text that is no query: whoever asks
 * it hears why.
 */
export function expectedReads(text: string): readonly ExpectedRead[] {
  try {
    return [...readsOf(parseQuery(text), {})];
  } catch {
    return [];
  }
}

/** The subqueries around an expression. */
interface Around {
  /** How far back they look together; absent outside of them. */
  readonly backMs?: number;
  /** Distance of the evaluations of the innermost. */
  readonly stepMs?: number;
}

function* readsOf(expr: Expr, around: Around): Iterable<ExpectedRead> {
  switch (expr.kind) {
    case 'selector':
      if (expr.name === '' || expr.at !== undefined) return;
      yield {
        metric: expr.name,
        backMs: around.backMs === undefined ? 0 : around.backMs + offsetOf(expr) + DEFAULT_LOOKBACK_MS,
        ...(around.stepMs === undefined ? {} : { stepMs: around.stepMs }),
      };
      return;
    case 'range': {
      const { selector, rangeMs } = expr;
      if (selector.name === '' || selector.at !== undefined) return;
      yield { metric: selector.name, backMs: (around.backMs ?? 0) + offsetOf(selector) + rangeMs };
      return;
    }
    case 'subquery':
      if (expr.at !== undefined) return;
      yield* readsOf(expr.inner, {
        backMs: (around.backMs ?? 0) + offsetOf(expr) + expr.rangeMs,
        stepMs: expr.stepMs ?? DEFAULT_SUBQUERY_STEP_MS,
      });
      return;
    case 'number':
    case 'string':
    case 'call':
    case 'aggregate':
    case 'unary':
    case 'paren':
    case 'binary':
      for (const child of childrenOf(expr)) yield* readsOf(child, around);
  }
}

function offsetOf({ offsetMs }: TimeShift): number {
  return Math.max(0, offsetMs ?? 0);
}
