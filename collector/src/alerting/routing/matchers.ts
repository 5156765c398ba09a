/**
 * Label matchers as people write them in routes, silences, windows and filters: `team="db"`, `instance=~"web-.*"`.
 * Source of the text form: prometheus.io/docs/alerting/latest/configuration, "Label matchers".
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import * as z from 'zod';
import type { PatternTally } from '../../query/parse/pattern-tally.ts';
import { createMatcher, type Matcher } from '../../storage/matcher.ts';

/** Matchers of one route, silence or window. */
export const MATCHERS_MAX = 32;
/** Characters of a label name or of a value. */
const NAME_LENGTH_MAX = 256;
export const VALUE_LENGTH_MAX = 1_024;

const OPERATORS = ['=', '!=', '=~', '!~'] as const;

/** A matcher as it is stored. */
export const labelMatcherSchema = z.strictObject({
  name: z.string().min(1).max(NAME_LENGTH_MAX),
  operator: z.enum(OPERATORS),
  value: z.string().max(VALUE_LENGTH_MAX),
});
export type LabelMatcher = Readonly<z.infer<typeof labelMatcherSchema>>;

/** Labels as a plain object; an absent label counts as empty. */
export type LabelValues = Readonly<Record<string, string>>;

/**
 * Name, operator, value; name and value bare or in double quotes, without blanks around the whole. Each blank has one place
 * only: with two, thousands of them take their number squared.
 */
const MATCHER_TEXT =
  /^("(?:[^"\\]|\\.)*"|[^\s"=!~{},]+)\s*(=~|!~|!=|=)\s*(?!\s)("(?:[^"\\]|\\.)*"|[^"{},]*)$/s;

/**
 * One matcher from its text.
 * @throws AppError BAD_REQUEST naming the text, also when its regular expression is not valid RE2
 */
export function parseMatcher(text: string): LabelMatcher {
  const matcher = matcherOf(text);
  compile([matcher]);
  return matcher;
}

/**
 * As `parseMatcher`, for a text of a stranger.
 * @param patterns of the request that it belongs to
 * @throws AppError BAD_REQUEST as `parseMatcher`, and when a regular expression is one too many, or too large
 */
export function parseFilter(text: string, patterns: PatternTally): LabelMatcher {
  const matcher = matcherOf(text);
  const fault = matcher.operator.endsWith('~') ? patterns.add(matcher.value) : undefined;
  if (fault !== undefined) throw new AppError('BAD_REQUEST', fault);
  return matcher;
}

function matcherOf(text: string): LabelMatcher {
  const match = MATCHER_TEXT.exec(text.trim());
  const name = unquoted(match?.[1] ?? '');
  const operator = OPERATORS.find((candidate) => candidate === match?.[2]);
  const parsed = labelMatcherSchema.safeParse({ name, operator, value: unquoted(match?.[3] ?? '') });
  if (!parsed.success) {
    throw new AppError(
      'BAD_REQUEST',
      `matcher ${JSON.stringify(text.slice(0, 100))}: must be a label name, one of = != =~ !~ and a value, for example team="db"`,
    );
  }
  return parsed.data;
}

/** A matcher as text that `parseMatcher` reads back. */
export function matcherText({ name, operator, value }: LabelMatcher): string {
  const shownName = /^[A-Za-z_:][\w:]*$/.test(name) ? name : JSON.stringify(name);
  return `${shownName}${operator}${JSON.stringify(value)}`;
}

/**
 * The predicate "all of them fit"; without matchers everything fits.
 * @throws AppError BAD_REQUEST when a regular expression is not valid RE2
 */
export function compile(matchers: readonly LabelMatcher[]): (labels: LabelValues) => boolean {
  const compiled: readonly Matcher[] = matchers.map(({ name, operator, value }) =>
    createMatcher(name, operator, value),
  );
  return (labels) => compiled.every(({ name, matches }) => matches(labelValue(labels, name)));
}

/** The value of a label, empty when there is none; never what a plain object inherits. */
export function labelValue(labels: LabelValues, name: string): string {
  return Object.hasOwn(labels, name) ? (labels[name] ?? '') : '';
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', '"': '"', '\\': '\\' };

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  return text.slice(1, -1).replaceAll(/\\(.)/gs, (whole, sign: string) => ESCAPED[sign] ?? whole);
}
