/** Parses what may follow an operand: windows, subqueries, `offset` and `@`. */
import { NO_SHIFT } from './ast.ts';
import type { AtModifier, Expr, TimeShift } from './ast.ts';
import { formatSixDecimals } from '../encode/format.ts';
import type { TokenCursor } from './token-cursor.ts';

/** Everything that follows an operand and binds to it: ranges, subqueries, `offset` and `@`. */
export function parseSuffixes(tokens: TokenCursor, operand: Expr): Expr {
  let expr = operand;
  for (;;) {
    if (tokens.isSymbol('[')) expr = parseRange(tokens, expr);
    else if (tokens.isSymbol('@')) expr = parseAt(tokens, expr);
    else if (tokens.isWord('offset')) expr = parseOffset(tokens, expr);
    else return expr;
  }
}

function parseRange(tokens: TokenCursor, expr: Expr): Expr {
  const bracket = tokens.take();
  const rangeMs = tokens.duration('subquery or range selector', { isPositive: true });
  if (tokens.takeSymbol(']')) {
    if (expr.kind !== 'selector')
      throw tokens.error(bracket.start, 'ranges only allowed for vector selectors');
    if (expr.offsetMs !== undefined) {
      throw tokens.error(bracket.start, 'no offset modifiers allowed before range');
    }
    if (expr.at !== undefined) throw tokens.error(bracket.start, 'no @ modifiers allowed before range');
    return { kind: 'range', selector: expr, rangeMs, start: expr.start, end: tokens.previousEnd() };
  }
  tokens.refuseDurationArithmetic();
  tokens.expectSymbol(':', 'subquery or range', '":" or "]"');
  const hasStep = !tokens.isSymbol(']');
  const stepMs = hasStep ? tokens.duration('subquery selector', { isPositive: true }) : undefined;
  tokens.refuseDurationArithmetic();
  const { end } = tokens.expectSymbol(']', 'subquery selector', '"]"');
  return { kind: 'subquery', inner: expr, rangeMs, stepMs, start: expr.start, end, ...NO_SHIFT };
}

function parseOffset(tokens: TokenCursor, expr: Expr): Expr {
  tokens.take();
  const sign = tokens.sign();
  const offsetMs = sign * tokens.duration('offset', { isPositive: false });
  return shifted(tokens, expr, 'offset modifier', (shift) => {
    if (shift.offsetMs !== undefined) throw tokens.error(expr.start, 'offset may not be set multiple times');
    return { at: shift.at, offsetMs };
  });
}

function parseAt(tokens: TokenCursor, expr: Expr): Expr {
  tokens.take();
  const at = parseAtTime(tokens, expr);
  return shifted(tokens, expr, '@ modifier', (shift) => {
    if (shift.at !== undefined) throw tokens.error(expr.start, '@ <timestamp> may not be set multiple times');
    return { offsetMs: shift.offsetMs, at };
  });
}

function parseAtTime(tokens: TokenCursor, expr: Expr): AtModifier {
  const word = tokens.peek();
  if (tokens.isWord('start') || tokens.isWord('end')) {
    tokens.take();
    tokens.expectSymbol('(', '@', 'timestamp');
    tokens.expectSymbol(')', '@', 'timestamp');
    return { kind: word.text.toLowerCase() === 'start' ? 'start' : 'end' };
  }
  const sign = tokens.sign();
  const token = tokens.peek();
  const isNumberWord = token.kind === 'word' && ['inf', 'nan'].includes(token.text.toLowerCase());
  if (token.kind !== 'number' && token.kind !== 'duration' && !isNumberWord) {
    throw tokens.unexpected('@', 'timestamp');
  }
  tokens.take();
  const seconds = sign * tokens.number(token);
  if (!(Math.abs(seconds) < AT_SECONDS_LIMIT)) {
    throw tokens.error(expr.start, `timestamp out of bounds for @ modifier: ${formatSixDecimals(seconds)}`);
  }
  return { kind: 'time', timeMs: Math.round(seconds * 1000) };
}

/** `expr` with a changed offset or `@`; on a range it is the selector that carries them. */
function shifted(
  tokens: TokenCursor,
  expr: Expr,
  what: string,
  change: (shift: TimeShift) => TimeShift,
): Expr {
  const end = tokens.previousEnd();
  if (expr.kind === 'selector' || expr.kind === 'subquery') return { ...expr, ...change(expr), end };
  if (expr.kind === 'range') {
    return { ...expr, selector: { ...expr.selector, ...change(expr.selector) }, end };
  }
  const places = 'an instant vector selector or range vector selector or a subquery';
  throw tokens.error(expr.start, `${what} must be preceded by ${places}`);
}

/** Beyond this, milliseconds no longer fit the 64 bits that Prometheus keeps times in. */
const AT_SECONDS_LIMIT = 2 ** 63 / 1000;
