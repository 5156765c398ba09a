/** The syntax tree of PromQL. Plain data: what a query says, before anything is looked up or evaluated. */
import type { MatchOperator } from '../../storage/matcher.ts';

/** Where a node stands in the query text: UTF-16 offsets, the end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The types that PromQL expressions have. */
export type ValueType = 'scalar' | 'string' | 'vector' | 'matrix';

/** A label matcher as written. */
export interface MatcherNode {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/** The `@` modifier: a fixed time (UTC milliseconds), or the first or last step of the whole query. */
export type AtModifier =
  { readonly kind: 'time'; readonly timeMs: number } | { readonly kind: 'start' } | { readonly kind: 'end' };

/** Moves the time at which a selector or subquery is evaluated. */
export interface TimeShift {
  /** Looks so many milliseconds back; negative looks ahead; undefined when not written. */
  readonly offsetMs: number | undefined;
  readonly at: AtModifier | undefined;
}

/** Neither offset nor `@`. */
export const NO_SHIFT: TimeShift = { offsetMs: undefined, at: undefined };

/** A number, also one written as a duration (then in seconds); signs are already applied. */
export interface NumberNode extends Span {
  readonly kind: 'number';
  readonly value: number;
  /** It was written as a duration, and is printed as one. */
  readonly isDuration?: true;
}

/** A string with its escapes decoded. */
export interface StringNode extends Span {
  readonly kind: 'string';
  readonly value: string;
  /** As written, where that says bytes that `value` cannot hold. */
  readonly literal?: string;
}

/** `name{a="1"} offset 5m @ 100`: per series the newest sample. */
export interface SelectorNode extends Span, TimeShift {
  readonly kind: 'selector';
  /** The name in front of the braces or alone between quotes, `''` when there is none. */
  readonly name: string;
  readonly matchers: readonly MatcherNode[];
}

/** `selector[5m]`: per series all samples of a window. Offset and `@` stand on the selector. */
export interface RangeNode extends Span {
  readonly kind: 'range';
  readonly selector: SelectorNode;
  readonly rangeMs: number;
}

/** `expr[1h:1m] offset 5m @ 100`: the expression evaluated again and again over a window. */
export interface SubqueryNode extends Span, TimeShift {
  readonly kind: 'subquery';
  readonly inner: Expr;
  readonly rangeMs: number;
  /** Distance of the evaluations; undefined for the default. */
  readonly stepMs: number | undefined;
}

/** A function call; whether the function exists is for the checker. */
export interface CallNode extends Span {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expr[];
}

/** The aggregations, and how many parameters stand in front of the vector. */
export const AGGREGATORS = {
  sum: 0,
  avg: 0,
  count: 0,
  min: 0,
  max: 0,
  group: 0,
  stddev: 0,
  stdvar: 0,
  topk: 1,
  bottomk: 1,
  count_values: 1,
  quantile: 1,
} as const;

/** The name of an aggregation, in lower case. */
export type Aggregator = keyof typeof AGGREGATORS;

/** `sum by (a) (x)`, `topk(3, x)`. */
export interface AggregateNode extends Span {
  readonly kind: 'aggregate';
  readonly operator: Aggregator;
  readonly param: Expr | undefined;
  readonly inner: Expr;
  /** Label names of `by` or `without`, as written. */
  readonly grouping: readonly string[];
  readonly isWithout: boolean;
}

/** A sign in front of an expression that is no number. */
export interface UnaryNode extends Span {
  readonly kind: 'unary';
  readonly operator: '+' | '-';
  readonly inner: Expr;
}

/** Parentheses; kept, so that printing gives them back. */
export interface ParenNode extends Span {
  readonly kind: 'paren';
  readonly inner: Expr;
}

/** Operators that compute a new value. */
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
/** Operators that filter, or with `bool` give 1 or 0. */
export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';
/** Operators that look at labels only. */
export type SetOperator = 'and' | 'or' | 'unless';
/** All binary operators, in lower case. */
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | SetOperator;

/** How the series of two vectors find each other. */
export interface Matching {
  /** `on(...)`; otherwise `ignoring(...)`, also when nothing was written. */
  readonly isOn: boolean;
  readonly labels: readonly string[];
  /** The side that may have several series per match: `left` is `group_left`. */
  readonly manySide: 'none' | 'left' | 'right';
  /** Labels that `group_left(...)` or `group_right(...)` copies from the other side. */
  readonly include: readonly string[];
}

/** Two expressions with an operator between. */
export interface BinaryNode extends Span {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  /** Where the operator stands, which is where errors about it point. */
  readonly operatorStart: number;
  readonly left: Expr;
  readonly right: Expr;
  readonly returnsBool: boolean;
  /** Undefined when neither `on` nor `ignoring` was written. */
  readonly matching: Matching | undefined;
}

/** Any expression. */
export type Expr =
  | NumberNode
  | StringNode
  | SelectorNode
  | RangeNode
  | SubqueryNode
  | CallNode
  | AggregateNode
  | UnaryNode
  | ParenNode
  | BinaryNode;

const COMPARISONS: ReadonlySet<string> = new Set<ComparisonOperator>(['==', '!=', '<', '<=', '>', '>=']);
const SET_OPERATORS: ReadonlySet<string> = new Set<SetOperator>(['and', 'or', 'unless']);

/** Whether the operator compares. */
export function isComparison(operator: BinaryOperator): operator is ComparisonOperator {
  return COMPARISONS.has(operator);
}

/** Whether the operator is `and`, `or` or `unless`. */
export function isSetOperator(operator: BinaryOperator): operator is SetOperator {
  return SET_OPERATORS.has(operator);
}

/** Whether a word, in lower case, names an aggregation. */
export function isAggregator(name: string): name is Aggregator {
  return Object.hasOwn(AGGREGATORS, name);
}

/** The expressions directly inside `expr`, in the order of the text. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
      return [];
    case 'range':
      return [expr.selector];
    case 'subquery':
    case 'unary':
    case 'paren':
      return [expr.inner];
    case 'call':
      return expr.args;
    case 'aggregate':
      return expr.param === undefined ? [expr.inner] : [expr.param, expr.inner];
    case 'binary':
      return [expr.left, expr.right];
  }
}

/** `expr` without the parentheses around it. */
export function unwrapParens(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === 'paren') inner = inner.inner;
  return inner;
}
