/**
 * PromQL text to syntax tree: an operator precedence parser over the tokens. It accepts what Prometheus 3's grammar
 * (promql/parser/generated_parser.y) accepts; types are judged afterwards, in check.ts.
 */
import type { AppError } from '@rollcall/shared/lib/errors.ts';
import { AGGREGATORS, childrenOf, isAggregator } from './ast.ts';
import type { BinaryNode, Expr, Matching, SelectorNode, Span } from './ast.ts';
import { checkExpr } from './check.ts';
import { parseError } from '../errors.ts';
import {
  BINARY_PRECEDENCE,
  describeToken,
  isModifier,
  isUnsupportedWord,
  mayNameFunction,
  POWER_PRECEDENCE,
} from './grammar.ts';
import { NO_CHARACTER } from './literals.ts';
import { parseGrouping, parseSelector } from './parse-selector.ts';
import { parseSuffixes } from './parse-suffix.ts';
import { PatternTally } from './pattern-tally.ts';
import { TokenCursor } from './token-cursor.ts';
import type { Token } from './tokens.ts';

/** Longest query accepted, in UTF-16 units. */
export const QUERY_LENGTH_MAX = 128 * 1024;

/** Deepest tree accepted; every walk over a tree may recurse this deep. */
export const NESTING_MAX = 500;

/**
 * The tree of a query; not yet type-checked.
 * @throws AppError BAD_QUERY
 */
export function parseSyntax(text: string): Expr {
  refuseLongText(text);
  const parser = new Parser(text);
  const expr = parser.query();
  refuseDeepTree(text, expr);
  return expr;
}

/**
 * The selector `name{a="b"}`, without range, `offset` and `@`.
 * @param patterns of the request that it belongs to
 * @throws AppError BAD_QUERY
 */
export function parseMetricSelector(text: string, patterns = new PatternTally()): SelectorNode {
  refuseLongText(text);
  return new Parser(text, patterns).metricSelector();
}

function refuseLongText(text: string): void {
  if (text.length <= QUERY_LENGTH_MAX) return;
  throw parseError(text, 0, `query has ${text.length} characters, at most ${QUERY_LENGTH_MAX} are allowed`);
}

/** Chains of operators and suffixes make deep trees without any recursion in the parser. */
function refuseDeepTree(text: string, root: Expr): void {
  let level: readonly Expr[] = [root];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > NESTING_MAX) throw tooDeep(text, level[0]?.start ?? 0);
    level = level.flatMap(childrenOf);
  }
}

function tooDeep(text: string, offset: number): AppError {
  return parseError(text, offset, `expression is nested more than ${NESTING_MAX} levels deep`);
}

class Parser {
  readonly #text: string;
  readonly #tokens: TokenCursor;
  #depth = 0;

  constructor(text: string, patterns = new PatternTally()) {
    this.#text = text;
    this.#tokens = new TokenCursor(text, patterns);
  }

  query(): Expr {
    if (this.#tokens.peek().kind === 'end') throw this.#tokens.error(0, 'no expression found in input');
    const expr = this.#binary(1);
    if (this.#tokens.peek().kind !== 'end') throw this.#tokens.unexpected();
    return expr;
  }

  /** A selector and nothing else. */
  metricSelector(): SelectorNode {
    const token = this.#tokens.peek();
    if (token.kind === 'end') throw this.#tokens.unexpected();
    const isNumber = ['inf', 'nan'].includes(token.text.toLowerCase());
    const isName = token.kind === 'word' && !isNumber;
    if (isName) this.#tokens.take();
    else if (!this.#tokens.isSymbol('{')) throw this.#tokens.unexpected();
    const selector = parseSelector(this.#tokens, isName ? token : undefined);
    if (this.#tokens.peek().kind !== 'end') throw this.#tokens.unexpected();
    return selector;
  }

  /** Operands joined by operators that bind at least as strongly as `precedenceMin`. */
  #binary(precedenceMin: number): Expr {
    if (++this.#depth > NESTING_MAX) throw tooDeep(this.#text, this.#tokens.peek().start);
    let left = this.#unary();
    for (let links = 0; ; links++) {
      const operator = this.#peekOperator();
      const precedence = operator === undefined ? 0 : BINARY_PRECEDENCE[operator];
      if (operator === undefined || precedence < precedenceMin) break;
      const operatorStart = this.#tokens.take().start;
      // Each link makes the tree one level deeper.
      if (links >= NESTING_MAX) throw tooDeep(this.#text, operatorStart);
      const modifiers = this.#binaryModifiers();
      // `^` alone groups to the right.
      const right = this.#binary(precedence === POWER_PRECEDENCE ? precedence : precedence + 1);
      left = {
        kind: 'binary',
        operator,
        operatorStart,
        left,
        right,
        ...modifiers,
        start: left.start,
        end: right.end,
      };
    }
    this.#depth--;
    return left;
  }

  #peekOperator(): BinaryNode['operator'] | undefined {
    const { kind, text } = this.#tokens.peek();
    if (kind !== 'symbol' && kind !== 'word') return undefined;
    const lower = text.toLowerCase();
    return Object.hasOwn(BINARY_PRECEDENCE, lower) ? toOperator(lower) : undefined;
  }

  #binaryModifiers(): Pick<BinaryNode, 'returnsBool' | 'matching'> {
    const returnsBool = this.#tokens.takeWord('bool');
    const isOn = this.#tokens.takeWord('on');
    if (!isOn && !this.#tokens.takeWord('ignoring')) return { returnsBool, matching: undefined };
    const labels = parseGrouping(this.#tokens);
    const isLeft = this.#tokens.takeWord('group_left');
    const isRight = !isLeft && this.#tokens.takeWord('group_right');
    const hasInclude = (isLeft || isRight) && !this.#mayStartOperand();
    const include = hasInclude ? parseGrouping(this.#tokens) : [];
    const manySide = isLeft ? 'left' : isRight ? 'right' : 'none';
    return { returnsBool, matching: { isOn, labels, manySide, include } satisfies Matching };
  }

  /** A sign binds weaker than `^` and stronger than every other operator: `-1^2` is -1. */
  #unary(): Expr {
    const token = this.#tokens.peek();
    if (token.kind !== 'symbol' || (token.text !== '-' && token.text !== '+')) {
      return parseSuffixes(this.#tokens, this.#primary());
    }
    const operator = token.text;
    this.#tokens.take();
    const inner = this.#binary(POWER_PRECEDENCE);
    if (inner.kind === 'number') {
      return { ...inner, value: operator === '-' ? -inner.value : inner.value, start: token.start };
    }
    return { kind: 'unary', operator, inner, start: token.start, end: inner.end };
  }

  #primary(): Expr {
    const token = this.#tokens.peek();
    const { start, end } = token;
    switch (token.kind) {
      case 'number':
        this.#tokens.take();
        return { kind: 'number', value: this.#tokens.number(token), start, end };
      case 'duration':
        this.#tokens.take();
        return { kind: 'number', value: this.#tokens.number(token), isDuration: true, start, end };
      case 'string':
        this.#tokens.take();
        return this.#string(token);
      case 'word':
        return this.#word(token);
      case 'symbol':
        if (token.text === '{') return parseSelector(this.#tokens, undefined);
        if (token.text === '(') return this.#paren();
        throw this.#tokens.unexpected();
      case 'error':
      case 'end':
        throw this.#tokens.unexpected();
    }
  }

  #string(token: Token): Expr {
    const value = this.#tokens.string(token);
    const literal = value.includes(NO_CHARACTER) ? { literal: token.text } : {};
    return { kind: 'string', value, ...literal, start: token.start, end: token.end };
  }

  #paren(): Expr {
    const { start } = this.#tokens.take();
    const inner = this.#binary(1);
    const { end } = this.#tokens.expectSymbol(')', '');
    return { kind: 'paren', inner, start, end };
  }

  /** A number word, an aggregation, a call or a metric name; keywords too may name a metric. */
  #word(token: Token): Expr {
    const lower = token.text.toLowerCase();
    const { start, end } = token;
    this.#tokens.take();
    if (lower === 'inf' || lower === 'nan') {
      return { kind: 'number', value: lower === 'inf' ? Infinity : NaN, start, end };
    }
    const isGrouped = this.#tokens.isWord('by') || this.#tokens.isWord('without');
    const isCalled = this.#tokens.isSymbol('(');
    if (isAggregator(lower) && (isGrouped || isCalled)) return this.#aggregate(token, lower);
    const isLimit = lower === 'limitk' || lower === 'limit_ratio';
    if (isUnsupportedWord(lower) && (isCalled || (isGrouped && isLimit))) {
      throw this.#tokens.error(start, `"${lower}" is not supported`);
    }
    if (isModifier(lower) && this.#startsOperand()) {
      throw this.#tokens.error(start, `unexpected ${describeToken(token)}`);
    }
    if (isCalled && mayNameFunction(token.text)) return this.#call(token);
    return parseSelector(this.#tokens, token);
  }

  /** Whether what comes next can only begin an operand, so that the word before it names no metric. */
  #startsOperand(): boolean {
    const { kind, text } = this.#tokens.peek();
    if (kind !== 'word') return kind === 'number' || kind === 'string' || (kind === 'symbol' && text === '(');
    return this.#peekOperator() === undefined && !this.#tokens.isWord('offset');
  }

  /** Whether an operand may stand here that is no list of labels: `group_left` alone goes before one. */
  #mayStartOperand(): boolean {
    const { kind, text } = this.#tokens.peek();
    return kind === 'symbol' ? ['{', '+', '-'].includes(text) : kind !== 'end' && kind !== 'error';
  }

  #call(name: Token): Expr {
    const { args, end } = this.#arguments();
    return { kind: 'call', name: name.text, args, start: name.start, end };
  }

  #aggregate(token: Token, operator: keyof typeof AGGREGATORS): Expr {
    const { surroundings } = this.#tokens;
    this.#tokens.surroundings = 'aggregation';
    const before = this.#aggregateGrouping();
    const { args, end: argsEnd } = this.#arguments();
    this.#tokens.surroundings = surroundings;
    const after = before === undefined ? this.#aggregateGrouping() : undefined;
    const span: Span = {
      start: token.start,
      end: after === undefined ? argsEnd : this.#tokens.previousEnd(),
    };
    const expected = AGGREGATORS[operator] + 1;
    if (args.length === 0) {
      throw this.#tokens.error(token.start, 'no arguments for aggregate expression provided');
    }
    const inner = args[expected - 1];
    if (inner === undefined || args.length > expected) {
      const counts = `expected ${expected}, got ${args.length}`;
      throw this.#tokens.error(
        token.start,
        `wrong number of arguments for aggregate expression provided, ${counts}`,
      );
    }
    const param = expected === 2 ? args[0] : undefined;
    const { labels, isWithout } = before ?? after ?? { labels: [], isWithout: false };
    return { kind: 'aggregate', operator, param, inner, grouping: labels, isWithout, ...span };
  }

  #aggregateGrouping(): { readonly labels: readonly string[]; readonly isWithout: boolean } | undefined {
    const isWithout = this.#tokens.takeWord('without');
    if (!isWithout && !this.#tokens.takeWord('by')) return undefined;
    return { labels: parseGrouping(this.#tokens), isWithout };
  }

  #arguments(): { readonly args: readonly Expr[]; readonly end: number } {
    this.#tokens.expectSymbol('(', '');
    const args: Expr[] = [];
    while (!this.#tokens.isSymbol(')')) {
      args.push(this.#binary(1));
      const comma = this.#tokens.peek();
      if (!this.#tokens.takeSymbol(',')) break;
      if (this.#tokens.isSymbol(')')) {
        throw this.#tokens.error(comma.start, 'trailing commas not allowed in function call args');
      }
    }
    return { args, end: this.#tokens.expectSymbol(')', '').end };
  }
}

function toOperator(text: string): BinaryNode['operator'] | undefined {
  return OPERATORS.find((operator) => operator === text);
}

const OPERATORS: readonly BinaryNode['operator'][] = [
  'or',
  'and',
  'unless',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '%',
  'atan2',
  '^',
];

/**
 * The tree of a query, parsed and type-checked.
 * @throws AppError BAD_QUERY, its text as Prometheus words it
 */
export function parseQuery(text: string): Expr {
  const expr = parseSyntax(text);
  checkExpr(text, expr);
  return expr;
}
