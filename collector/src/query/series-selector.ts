/** Series selectors outside of queries, as the `match[]` parameters of the HTTP API carry them. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Matcher } from '../storage/matcher.ts';
import { parseError } from './errors.ts';
import { parseSyntax } from './parse.ts';
import { matchersOf } from './selectors.ts';

/**
 * The matchers of `name{a="b"}`.
 * @throws AppError BAD_QUERY when the text is no plain selector; BAD_REQUEST on a bad regular expression, or when every
 *   matcher would also fit a series without labels
 */
export function parseSeriesSelector(text: string): readonly Matcher[] {
  const expr = parseSyntax(text);
  if (expr.kind !== 'selector' || expr.offsetMs !== undefined || expr.at !== undefined) {
    throw parseError(text, 0, 'a series selector is expected here');
  }
  const matchers = matchersOf(expr);
  if (matchers.every(({ matches }) => matches(''))) {
    throw new AppError('BAD_REQUEST', 'match[] must contain at least one non-empty matcher');
  }
  return matchers;
}
