/** The shapes that settings of routing, inhibition and dependencies have in common. */
import { describeError } from '@rollcall/shared/lib/errors.ts';
import * as z from 'zod';
import { formatDuration, parseDuration } from '../../query/parse/literals.ts';
import { MATCHERS_MAX, parseMatcher, type LabelMatcher } from './matchers.ts';

/** A list of matchers as texts, for example `[team="db", instance=~"web-.*"]`. */
export const matcherList = z
  .array(
    z.string({ error: 'must be a text such as team="db"' }).transform((text, context): LabelMatcher => {
      try {
        return parseMatcher(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: describeError(error) });
        return z.NEVER;
      }
    }),
    { error: 'must be a list of matchers such as [team="db"]' },
  )
  .max(MATCHERS_MAX, `must have at most ${MATCHERS_MAX} matchers`);

/** A span such as `30s` or `4h`, in milliseconds. */
export function span({ minMs, maxMs }: { readonly minMs: number; readonly maxMs: number }) {
  const message = `must be a span from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, for example 30s or 4h`;
  return z.string({ error: message }).transform((text, context) => {
    const spanMs = parseDuration(text.trim());
    if (spanMs !== undefined && spanMs >= minMs && spanMs <= maxMs) return spanMs;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** The name of a route or rule, for messages. */
export const shortName = z
  .string({ error: 'must be a text of 1 to 64 characters' })
  .min(1, 'must be a text of 1 to 64 characters')
  .max(64, 'must be a text of 1 to 64 characters');

/** A list of label names. */
export const labelNames = z
  .array(z.string({ error: 'must be a label name' }).min(1).max(128), {
    error: 'must be a list of label names',
  })
  .max(16, 'must have at most 16 label names');
