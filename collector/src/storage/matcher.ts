/**
 * Label matchers as in PromQL. Regular expressions are RE2, anchored at both ends, and the dot matches line breaks;
 * RE2 takes linear time, so a pattern from a user cannot stop the collector.
 */
import { systemClock, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { RE2JS } from 're2js';
import type { Labels } from './labels.ts';

export type MatchOperator = '=' | '!=' | '=~' | '!~';

export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  /** Whether a label with this value fits; an absent label is `''`. */
  matches(this: void, value: string): boolean;
}

/** Longest pattern accepted. */
export const PATTERN_LENGTH_MAX = 64 * 1024;

/**
 * Compiled patterns are kept, and their verdicts with them, because dashboards ask the same ones again and again. All
 * together they stay below 35 MB whatever the values are.
 */
const PATTERNS_KEPT = 64;
const KEPT_PATTERN_LENGTH_MAX = 1_024;
const VERDICTS_MAX = 2_048;
const VERDICT_TEXT_LENGTH_MAX = 128;

/** In the order of their last use, oldest first. */
const patterns = new Map<string, SlowPattern>();

/** @throws AppError BAD_REQUEST when a regular expression is not valid RE2 */
export function createMatcher(name: string, operator: MatchOperator, value: string): Matcher {
  const fits = isPattern(operator) ? compilePattern(value) : (text: string) => text === value;
  return matcherOf({ name, operator, value }, fits);
}

/**
 * As `createMatcher`, for a query of a stranger: `matches` throws QUERY_LIMIT when a regular expression has taken `MATCH_MS_MAX`
 * in one go. Then it begins anew, because stores remember matchers for those who ask the same again.
 */
export function createQueryMatcher(
  name: string,
  operator: MatchOperator,
  value: string,
  clock: Pick<Clock, 'monoMs'> = systemClock,
): Matcher {
  if (!isPattern(operator)) return createMatcher(name, operator, value);
  return matcherOf({ name, operator, value }, timed(compiledOf(value), clock));
}

function isPattern(operator: MatchOperator): boolean {
  return operator === '=~' || operator === '!~';
}

function matcherOf(plain: Omit<Matcher, 'matches'>, fits: Predicate): Matcher {
  const isNegative = plain.operator === '!=' || plain.operator === '!~';
  return { ...plain, matches: isNegative ? (text) => !fits(text) : fits };
}

/**
 * Milliseconds that one matcher may take for all values together. RE2 is linear in the length of a text, but also in the size of
 * the pattern: `(.*a.{0,900}){14}` takes 3 ms for each character, and a store asks about thousands of values without a pause.
 */
const MATCH_MS_MAX = 2_000;
/** A matcher that was not asked for so long is asked for another query. */
const PAUSE_MS = 1_000;

function timed(fits: Pattern, clock: Pick<Clock, 'monoMs'>): Predicate {
  if (typeof fits === 'function') return fits;
  const { knownOf, match } = fits;
  let spentMs = 0;
  let askedMs = 0;
  return (text) => {
    const known = knownOf(text);
    if (known !== undefined) return known;
    const startMs = clock.monoMs();
    if (startMs - askedMs >= PAUSE_MS) spentMs = 0;
    const verdict = match(text);
    askedMs = clock.monoMs();
    spentMs += askedMs - startMs;
    if (spentMs <= MATCH_MS_MAX) return verdict;
    spentMs = 0;
    throw new AppError(
      'QUERY_LIMIT',
      `a regular expression took more than ${MATCH_MS_MAX / 1000} s to match`,
    );
  };
}

/** Whether every matcher fits; an absent label counts as empty. */
export function fitsAll(labels: Labels, matchers: readonly Matcher[]): boolean {
  return matchers.every(({ name, matches }) => matches(labels.get(name)));
}

/**
 * The predicate "matches the whole of `pattern`". Literals, alternatives of literals and the common `prefix.*` forms
 * are answered without the engine, which is an order of magnitude slower than a string comparison.
 * @throws AppError BAD_REQUEST when the pattern is not valid RE2 or too long
 */
export function compilePattern(pattern: string): Predicate {
  const compiled = compiledOf(pattern);
  return typeof compiled === 'function' ? compiled : (text) => compiled.knownOf(text) ?? compiled.match(text);
}

type Predicate = (text: string) => boolean;

/** A pattern that needs the engine. */
interface SlowPattern {
  /** What was found for a text before. */
  knownOf(this: void, text: string): boolean | undefined;
  match(this: void, text: string): boolean;
}

type Pattern = Predicate | SlowPattern;

function compiledOf(pattern: string): Pattern {
  if (pattern.length > PATTERN_LENGTH_MAX) {
    throw new AppError(
      'BAD_REQUEST',
      `regular expression of ${pattern.length} characters, at most ${PATTERN_LENGTH_MAX} are allowed`,
    );
  }
  return fastPattern(pattern) ?? slowPattern(pattern);
}

/** Most steps that the repeats of a pattern may add to it: `.{0,1000}` fifteen times. Compiling so many takes 0.1 s. */
export const UNROLLED_MAX = 30_000;

/** Whether the repeats of a pattern, `x{0,1000}`, make it so large that compiling it takes seconds and hundreds of megabytes. */
export function isTooLarge(pattern: string): boolean {
  return patternSizeOf(pattern).unrolled > UNROLLED_MAX;
}

/** How large a pattern becomes when its counted repeats are unrolled. */
export interface PatternSize {
  /** Of what it is compiled to. Each takes some 100 bytes, and is looked at for each character of a text if need be. */
  readonly steps: number;
  /** Steps that come of repeats, `x{3}`, beyond one for each character of the pattern. */
  readonly unrolled: number;
}

/**
 * In one pass over the text; some size where the pattern is not valid RE2.
 * Source: RE2, `re2/simplify.cc`, SimplifyRepeat: `x{2,5}` becomes `xx(x(x(x)?)?)?`.
 */
export function patternSizeOf(pattern: string): PatternSize {
  const steps = sizeOf(pattern, () => 1);
  return { steps, unrolled: Math.max(0, steps - pattern.length) };
}

/** @param stepsOf what one piece takes that is no group and no repeat */
function sizeOf(pattern: string, stepsOf: (piece: string) => number): number {
  /** The groups that are open, outermost first: the steps in front of each, and those that it takes itself. */
  const groups: { readonly before: number; readonly own: number }[] = [];
  let before = 0;
  /** Steps of what a repeat would repeat. */
  let last = 0;
  for (const [piece, least, most] of pattern.matchAll(PIECE)) {
    if (least !== undefined) {
      last = repeated(last, timesOf(least), most);
    } else if (piece.startsWith('(')) {
      const isCaptured = piece === '(' || piece.endsWith('>');
      groups.push({ before: before + last, own: isCaptured ? 2 : 0 });
      [before, last] = [0, 0];
    } else if (piece === ')') {
      const group = groups.pop() ?? { before: 0, own: 0 };
      last += before + group.own;
      ({ before } = group);
    } else {
      // In quoted text the last character is what a repeat repeats.
      before += last + (piece.startsWith(QUOTED) ? piece.length - 1 : 0);
      last = stepsOf(piece);
    }
  }
  return groups.reduce((sum, group) => sum + group.before, before + last);
}

/** Whether a pattern is answered without the engine, so that it costs next to nothing. */
export function isPlainPattern(pattern: string): boolean {
  return fastPattern(pattern) !== undefined;
}

/**
 * What it takes to compile a pattern and to match with it, in steps of one character: its steps, those of classes with very
 * many ranges as much as thirty.
 */
export function patternWeightOf(pattern: string): number {
  return sizeOf(pattern, (piece) => (UNICODE_CLASS.test(piece) || piece.length > LONG_CLASS ? 30 : 1));
}

const UNICODE_CLASS = /\\p/i;
/** So long is a class with many ranges. */
const LONG_CLASS = 64;

const QUOTED = String.raw`\Q`;

/**
 * Quoted text, an escape, a class, a repeat, the beginning of a group, or any other character. What is never closed reaches to
 * the end, so that no text is walked over more than once.
 */
const PIECE =
  /\\Q.*?(?:\\E|$)|\\(?:x\{\w{0,8}\}|p(?:\{\^?\w{0,40}\}|[a-z])|.)|\[\^?\]?(?:\[:\^?\w+:\]|\\(?:.|$)|[^\]\\])*(?:\]|$)|\{(\d+)(,\d*)?\}|\((?:\?(?:P?<\w+>|[-\w]*:?))?|./gisu;

/** RE2 allows no more repeats, of groups within each other together. */
const TIMES_MAX = 1_000;

function timesOf(digits: string): number {
  return Math.min(Number(digits), TIMES_MAX + 1);
}

function repeated(size: number, least: number, most: string | undefined): number {
  if (most === undefined) return size * least;
  // Without an end the last one is a loop.
  if (most === ',') return size * Math.max(least, 1) + 1;
  const times = timesOf(most.slice(1));
  // Each that may be missing takes a step of its own.
  return size * times + Math.max(0, times - least);
}

const LITERAL = /^[^.+*?()|[\]{}^$\\]*$/;

/** Characters that mean themselves behind a backslash, as the dots of host names and addresses. */
const ESCAPABLE: ReadonlySet<string> = new Set('.+*?()|[]{}^$\\');

/** A pattern that matches each of these texts and nothing else; without a text it matches the empty one. */
export function patternOf(texts: readonly string[]): string {
  return texts.map((text) => text.replaceAll(/[.+*?()|[\]{}^$\\]/g, String.raw`\$&`)).join('|');
}

/** A list of alternatives as Grafana writes it, and as people do who know what `|` binds. */
const GROUP = /^\((?:\?:)?((?:[^()\\]|\\[^])*)\)$/;

function fastPattern(pattern: string): Predicate | undefined {
  const [, inner = pattern] = GROUP.exec(pattern) ?? [];
  const literals = literalsOf(inner);
  if (literals?.length === 1) return (text) => text === literals[0];
  if (literals !== undefined) {
    const set = new Set(literals);
    return (text) => set.has(text);
  }
  if (pattern === '.*') return () => true;
  if (pattern === '.+') return (text) => text !== '';
  const head = pattern.slice(0, -2);
  if (pattern.endsWith('.*') && LITERAL.test(head)) return (text) => text.startsWith(head);
  if (pattern.endsWith('.+') && LITERAL.test(head)) {
    return (text) => text.length > head.length && text.startsWith(head);
  }
  const tail = pattern.slice(2);
  if (pattern.startsWith('.*') && LITERAL.test(tail)) return (text) => text.endsWith(tail);
  if (pattern.startsWith('.+') && LITERAL.test(tail)) {
    return (text) => text.length > tail.length && text.endsWith(tail);
  }
  return undefined;
}

/** What an alternative of literals matches; undefined for any other pattern. */
function literalsOf(pattern: string): readonly string[] | undefined {
  const literals: string[] = [];
  let literal = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i);
    if (char === '|') {
      literals.push(literal);
      literal = '';
    } else if (char === '\\' && ESCAPABLE.has(pattern.charAt(i + 1))) {
      literal += pattern.charAt(++i);
    } else if (LITERAL.test(char)) {
      literal += char;
    } else {
      return undefined;
    }
  }
  return [...literals, literal];
}

function slowPattern(pattern: string): SlowPattern {
  const kept = patterns.get(pattern);
  const fits = kept ?? remembering(compileRe2(pattern));
  if (pattern.length > KEPT_PATTERN_LENGTH_MAX) return fits;
  patterns.delete(pattern);
  patterns.set(pattern, fits);
  const [oldest] = patterns.keys();
  if (patterns.size > PATTERNS_KEPT && oldest !== undefined) patterns.delete(oldest);
  return fits;
}

function compileRe2(pattern: string): RE2JS {
  if (isTooLarge(pattern)) throw new AppError('BAD_REQUEST', 'error parsing regexp: expression too large');
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    // The library's own text begins as Prometheus' does, and shows the flag that it was given.
    const text = describeError(error)
      .replace(/^error parsing regexp: /, '')
      .replace('`(?s)', '`');
    throw new AppError('BAD_REQUEST', `error parsing regexp: ${text}`);
  }
}

function remembering(regex: RE2JS): SlowPattern {
  const verdicts = new Map<string, boolean>();
  return {
    knownOf: (text) => verdicts.get(text),
    match(text) {
      const verdict = regex.matches(text);
      if (text.length > VERDICT_TEXT_LENGTH_MAX) return verdict;
      if (verdicts.size >= VERDICTS_MAX) verdicts.clear();
      verdicts.set(text, verdict);
      return verdict;
    },
  };
}
