/** Parses vector selectors and lists of labels. */
import type { AppError } from '@rollcall/shared/lib/errors.ts';
import { METRIC_NAME } from '../../storage/labels.ts';
import { createMatcher } from '../../storage/matcher.ts';
import { NO_SHIFT } from './ast.ts';
import type { MatcherNode, SelectorNode } from './ast.ts';
import { quote } from './literals.ts';
import type { TokenCursor } from './token-cursor.ts';
import type { Token } from './tokens.ts';

/** `(a, b, "quoted.c",)` */
export function parseGrouping(tokens: TokenCursor): readonly string[] {
  tokens.expectSymbol('(', 'grouping opts');
  const labels: string[] = [];
  while (!tokens.isSymbol(')')) {
    const { start } = tokens.peek();
    const label = parseLabelName(tokens, 'grouping opts', 'label');
    if (label === '') throw tokens.error(start, 'invalid label name for grouping: ""');
    labels.push(label);
    if (!tokens.takeSymbol(',')) break;
  }
  tokens.expectSymbol(')', 'grouping opts', '"," or ")"');
  return labels;
}

/** An empty name must be quoted; no series has such a label. */
function parseLabelName(tokens: TokenCursor, context: string, expected: string): string {
  const token = tokens.peek();
  const isName = token.kind === 'word' && !token.text.includes(':');
  if (!isName && token.kind !== 'string') throw tokens.unexpected(context, expected);
  tokens.take();
  return isName ? token.text : tokens.string(token);
}

/** Regular expressions of one selector: a store asks all of them about each series, and cannot be broken off meanwhile. */
const PATTERNS_MAX = 50;

/** Matchers of one selector, for the same reason. */
const MATCHERS_MAX = 1_000;

/** `name{...}`, `name` or `{...}`; the name has been taken already. */
export function parseSelector(tokens: TokenCursor, nameToken: Token | undefined): SelectorNode {
  const start = (nameToken ?? tokens.peek()).start;
  let name = nameToken?.text ?? '';
  const matchers: MatcherNode[] = [];
  let patterns = 0;
  if (tokens.takeSymbol('{')) {
    while (!tokens.isSymbol('}')) {
      const found = parseMatcherOrName(tokens);
      if (typeof found !== 'string' && found.operator.endsWith('~')) patterns++;
      if (patterns > PATTERNS_MAX) {
        throw tokens.error(start, `selector has more than ${PATTERNS_MAX} regular expressions`);
      }
      if (matchers.length >= MATCHERS_MAX) {
        throw tokens.error(start, `selector has more than ${MATCHERS_MAX} matchers`);
      }
      if (typeof found !== 'string') matchers.push(found);
      else if (name === '' && found !== '') name = found;
      else if (nameToken === undefined) matchers.push({ name: METRIC_NAME, operator: '=', value: found });
      else throw doubledName(tokens, { first: name, second: found, start });
      if (!tokens.takeSymbol(',')) break;
    }
    tokens.expectSymbol('}', 'label matching', '"," or "}"');
  }
  // Between braces a name may be matched more than once; a name in front of them allows no other.
  const named = nameToken && matchers.find((matcher) => matcher.name === METRIC_NAME);
  if (named !== undefined) throw doubledName(tokens, { first: name, second: named.value, start });
  return { kind: 'selector', name, matchers, start, end: tokens.previousEnd(), ...NO_SHIFT };
}

function doubledName(
  tokens: TokenCursor,
  { first, second, start }: { readonly first: string; readonly second: string; readonly start: number },
): AppError {
  const reason = `metric name must not be set twice: ${quote(first)} or ${quote(second)}`;
  return tokens.error(start, reason);
}

function parseMatcherOrName(tokens: TokenCursor): MatcherNode | string {
  const { kind, start } = tokens.peek();
  const isQuoted = kind === 'string';
  const name = parseLabelName(tokens, 'label matching', 'identifier or "}"');
  const operator = tokens.peek();
  if (isQuoted && (tokens.isSymbol(',') || tokens.isSymbol('}'))) return name;
  const { text } = operator;
  if (operator.kind !== 'symbol' || (text !== '=' && text !== '!=' && text !== '=~' && text !== '!~')) {
    throw tokens.unexpected('label matching', 'label matching operator');
  }
  tokens.take();
  const value = tokens.peek();
  if (value.kind !== 'string') throw tokens.unexpected('label matching', 'string');
  tokens.take();
  const matcher: MatcherNode = { name, operator: text, value: tokens.string(value) };
  const fault = text.endsWith('~') ? tokens.patterns.add(matcher.value) : undefined;
  if (fault !== undefined) throw tokens.error(start, fault);
  try {
    createMatcher(matcher.name, matcher.operator, matcher.value);
  } catch (error) {
    throw tokens.error(start, error instanceof Error ? error.message : String(error));
  }
  return matcher;
}
