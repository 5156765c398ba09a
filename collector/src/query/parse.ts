/**
 * PromQL text to syntax tree: an operator precedence parser over the tokens. It accepts what Prometheus 3's grammar
 * (promql/parser/generated_parser.y) accepts; types are judged afterwards, in check.ts.
 */
import type { AppError } from '@rollcall/shared/lib/errors.ts';
import { AGGREGATORS, childrenOf, isAggregator } from './ast.ts';
import type {
  AtModifier,
  BinaryNode,
  Expr,
  MatcherNode,
  Matching,
  SelectorNode,
  Span,
  TimeShift,
} from './ast.ts';
import { checkExpr } from './check.ts';
import { parseError } from './errors.ts';
import { quote } from './literals.ts';
import { BINARY_PRECEDENCE, isUnsupportedWord, POWER_PRECEDENCE } from './grammar.ts';
import { TokenCursor } from './token-cursor.ts';
import type { Token } from './tokens.ts';

/** Longest query accepted, in UTF-16 units. */
export const QUERY_LENGTH_MAX = 512 * 1024;

/** Deepest tree accepted; every walk over a tree may recurse this deep. */
export const NESTING_MAX = 500;

/**
 * The tree of a query; not yet type-checked.
 * @throws AppError BAD_QUERY
 */
export function parseSyntax(text: string): Expr {
  if (text.length > QUERY_LENGTH_MAX) {
    throw parseError(text, 0, `query has ${text.length} characters, at most ${QUERY_LENGTH_MAX} are allowed`);
  }
  const parser = new Parser(text);
  const expr = parser.query();
  refuseDeepTree(text, expr);
  return expr;
}

/** Long chains such as `a or b or c …` make deep trees without any recursion in the parser. */
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

  constructor(text: string) {
    this.#text = text;
    this.#tokens = new TokenCursor(text);
  }

  query(): Expr {
    if (this.#tokens.peek().kind === 'end') throw this.#tokens.error(0, 'no expression found in input');
    const expr = this.#binary(1);
    if (this.#tokens.peek().kind !== 'end') throw this.#tokens.unexpected();
    return expr;
  }

  /** Operands joined by operators that bind at least as strongly as `precedenceMin`. */
  #binary(precedenceMin: number): Expr {
    if (++this.#depth > NESTING_MAX) throw tooDeep(this.#text, this.#tokens.peek().start);
    let left = this.#unary();
    for (;;) {
      const operator = this.#peekOperator();
      const precedence = operator === undefined ? 0 : BINARY_PRECEDENCE[operator];
      if (operator === undefined || precedence < precedenceMin) break;
      const operatorStart = this.#tokens.take().start;
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
    const labels = this.#grouping();
    const isLeft = this.#tokens.takeWord('group_left');
    const isRight = !isLeft && this.#tokens.takeWord('group_right');
    const hasInclude = (isLeft || isRight) && this.#tokens.isSymbol('(');
    const include = hasInclude ? this.#grouping() : [];
    const manySide = isLeft ? 'left' : isRight ? 'right' : 'none';
    return { returnsBool, matching: { isOn, labels, manySide, include } satisfies Matching };
  }

  /** A sign binds weaker than `^` and stronger than every other operator: `-1^2` is -1. */
  #unary(): Expr {
    const token = this.#tokens.peek();
    if (token.kind !== 'symbol' || (token.text !== '-' && token.text !== '+')) {
      return this.#withSuffixes(this.#primary());
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
      case 'duration':
        this.#tokens.take();
        return { kind: 'number', value: this.#tokens.number(token), start, end };
      case 'string':
        this.#tokens.take();
        return { kind: 'string', value: this.#tokens.string(token), start, end };
      case 'word':
        return this.#word(token);
      case 'symbol':
        if (token.text === '{') return this.#selector(undefined);
        if (token.text === '(') return this.#paren();
        throw this.#tokens.unexpected();
      case 'error':
      case 'end':
        throw this.#tokens.unexpected();
    }
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
    if (isUnsupportedWord(lower) && (isGrouped || isCalled)) {
      throw this.#tokens.error(start, `"${lower}" is not supported`);
    }
    if (isCalled) return this.#call(token);
    return this.#selector(token);
  }

  #call(name: Token): Expr {
    const { args, end } = this.#arguments();
    return { kind: 'call', name: name.text, args, start: name.start, end };
  }

  #aggregate(token: Token, operator: keyof typeof AGGREGATORS): Expr {
    const before = this.#aggregateGrouping();
    const { args, end: argsEnd } = this.#arguments();
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
    return { labels: this.#grouping(), isWithout };
  }

  #arguments(): { readonly args: readonly Expr[]; readonly end: number } {
    this.#tokens.expectSymbol('(', 'aggregation');
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

  /** `(a, b, "quoted.c",)` */
  #grouping(): readonly string[] {
    this.#tokens.expectSymbol('(', 'grouping opts');
    const labels: string[] = [];
    while (!this.#tokens.isSymbol(')')) {
      labels.push(this.#labelName('grouping opts', 'label'));
      if (!this.#tokens.takeSymbol(',')) break;
    }
    this.#tokens.expectSymbol(')', 'grouping opts', '"," or ")"');
    return labels;
  }

  #labelName(context: string, expected: string): string {
    const token = this.#tokens.peek();
    const isName = token.kind === 'word' && !token.text.includes(':');
    if (!isName && token.kind !== 'string') throw this.#tokens.unexpected(context, expected);
    this.#tokens.take();
    const name = isName ? token.text : this.#tokens.string(token);
    if (name === '') throw this.#tokens.error(token.start, 'label name must not be empty');
    return name;
  }

  /** `name{...}`, `name` or `{...}`; the name has been taken already. */
  #selector(nameToken: Token | undefined): SelectorNode {
    const start = (nameToken ?? this.#tokens.peek()).start;
    let name = nameToken?.text ?? '';
    const matchers: MatcherNode[] = [];
    if (this.#tokens.takeSymbol('{')) {
      while (!this.#tokens.isSymbol('}')) {
        const found = this.#matcherOrName();
        if (typeof found === 'string') name = this.#onlyName(name, found, start);
        else matchers.push(found);
        if (!this.#tokens.takeSymbol(',')) break;
      }
      this.#tokens.expectSymbol('}', 'label matching', '"," or "}"');
    }
    const named = matchers.find((matcher) => matcher.name === '__name__');
    if (named !== undefined) this.#onlyName(name, named.value, start);
    return { kind: 'selector', name, matchers, start, end: this.#tokens.previousEnd(), ...NO_SHIFT };
  }

  #onlyName(first: string, second: string, start: number): string {
    if (first === '') return second;
    const reason = `metric name must not be set twice: ${quote(first)} or ${quote(second)}`;
    throw this.#tokens.error(start, reason);
  }

  #matcherOrName(): MatcherNode | string {
    const isQuoted = this.#tokens.peek().kind === 'string';
    const name = this.#labelName('label matching', 'identifier or "}"');
    const operator = this.#tokens.peek();
    if (isQuoted && (this.#tokens.isSymbol(',') || this.#tokens.isSymbol('}'))) return name;
    const { text } = operator;
    if (operator.kind !== 'symbol' || (text !== '=' && text !== '!=' && text !== '=~' && text !== '!~')) {
      throw this.#tokens.unexpected('label matching', 'label matching operator');
    }
    this.#tokens.take();
    const value = this.#tokens.peek();
    if (value.kind !== 'string') throw this.#tokens.unexpected('label matching', 'string');
    this.#tokens.take();
    return { name, operator: text, value: this.#tokens.string(value) };
  }

  /** Everything that follows an operand and binds to it: ranges, subqueries, `offset` and `@`. */
  #withSuffixes(operand: Expr): Expr {
    let expr = operand;
    for (;;) {
      if (this.#tokens.isSymbol('[')) expr = this.#ranged(expr);
      else if (this.#tokens.isSymbol('@')) expr = this.#pinned(expr);
      else if (this.#tokens.isWord('offset')) expr = this.#offset(expr);
      else return expr;
    }
  }

  #ranged(expr: Expr): Expr {
    const bracket = this.#tokens.take();
    const rangeMs = this.#tokens.duration('subquery or range selector', { isPositive: true });
    if (this.#tokens.takeSymbol(']')) {
      if (expr.kind !== 'selector')
        throw this.#tokens.error(bracket.start, 'ranges only allowed for vector selectors');
      if (expr.offsetMs !== undefined) {
        throw this.#tokens.error(bracket.start, 'no offset modifiers allowed before range');
      }
      if (expr.at !== undefined)
        throw this.#tokens.error(bracket.start, 'no @ modifiers allowed before range');
      return { kind: 'range', selector: expr, rangeMs, start: expr.start, end: this.#tokens.previousEnd() };
    }
    this.#tokens.refuseDurationArithmetic();
    this.#tokens.expectSymbol(':', 'subquery or range', '":" or "]"');
    const hasStep = !this.#tokens.isSymbol(']');
    const stepMs = hasStep ? this.#tokens.duration('subquery selector', { isPositive: true }) : undefined;
    this.#tokens.refuseDurationArithmetic();
    const { end } = this.#tokens.expectSymbol(']', 'subquery selector', '"]"');
    return { kind: 'subquery', inner: expr, rangeMs, stepMs, start: expr.start, end, ...NO_SHIFT };
  }

  #offset(expr: Expr): Expr {
    this.#tokens.take();
    const sign = this.#tokens.sign();
    const offsetMs = sign * this.#tokens.duration('offset', { isPositive: false });
    return this.#shifted(expr, 'offset modifier', (shift) => {
      if (shift.offsetMs !== undefined)
        throw this.#tokens.error(expr.start, 'offset may not be set multiple times');
      return { at: shift.at, offsetMs };
    });
  }

  #pinned(expr: Expr): Expr {
    this.#tokens.take();
    const at = this.#atModifier();
    return this.#shifted(expr, '@ modifier', (shift) => {
      if (shift.at !== undefined)
        throw this.#tokens.error(expr.start, '@ <timestamp> may not be set multiple times');
      return { offsetMs: shift.offsetMs, at };
    });
  }

  #atModifier(): AtModifier {
    const word = this.#tokens.peek();
    if (this.#tokens.isWord('start') || this.#tokens.isWord('end')) {
      this.#tokens.take();
      this.#tokens.expectSymbol('(', '@', '"("');
      this.#tokens.expectSymbol(')', '@', '")"');
      return { kind: word.text.toLowerCase() === 'start' ? 'start' : 'end' };
    }
    const sign = this.#tokens.sign();
    const token = this.#tokens.peek();
    const isNumberWord = token.kind === 'word' && ['inf', 'nan'].includes(token.text.toLowerCase());
    if (token.kind !== 'number' && token.kind !== 'duration' && !isNumberWord) {
      throw this.#tokens.unexpected('@', 'timestamp');
    }
    this.#tokens.take();
    const seconds = sign * this.#tokens.number(token);
    if (!(Math.abs(seconds) < AT_SECONDS_LIMIT)) {
      throw this.#tokens.error(token.start, `timestamp out of bounds for @ modifier: ${seconds}`);
    }
    return { kind: 'time', timeMs: Math.round(seconds * 1000) };
  }

  /** `expr` with a changed offset or `@`; on a range it is the selector that carries them. */
  #shifted(expr: Expr, what: string, change: (shift: TimeShift) => TimeShift): Expr {
    const end = this.#tokens.previousEnd();
    if (expr.kind === 'selector' || expr.kind === 'subquery') return { ...expr, ...change(expr), end };
    if (expr.kind === 'range') {
      return { ...expr, selector: { ...expr.selector, ...change(expr.selector) }, end };
    }
    const places = 'an instant vector selector or range vector selector or a subquery';
    throw this.#tokens.error(expr.start, `${what} must be preceded by ${places}`);
  }
}

const NO_SHIFT = { offsetMs: undefined, at: undefined } as const;

/** Beyond this, milliseconds no longer fit the 64 bits that Prometheus keeps times in. */
const AT_SECONDS_LIMIT = 2 ** 63 / 1000;

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
