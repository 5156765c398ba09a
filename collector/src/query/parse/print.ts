/** Syntax tree back to text: on one line, or indented over several as `format_query` answers. */
import { METRIC_NAME } from '../../storage/labels.ts';
import { childrenOf, isSetOperator } from './ast.ts';
import type { AggregateNode, BinaryNode, Expr, MatcherNode, SelectorNode, TimeShift } from './ast.ts';
import { typeOf } from './check.ts';
import { formatDecimal } from '../encode/format.ts';
import { formatDuration, isClassicLabelName, quote } from './literals.ts';

/** The canonical text of an expression on one line; parsing it gives the same tree again. */
export function printExpr(expr: Expr): string {
  return lineOf(expr, new Map());
}

/** Lines of expressions that were made already: a tree is as deep as its text is long, and would be walked at each level. */
type Lines = Map<Expr, string>;

function lineOf(expr: Expr, lines: Lines): string {
  let line = lines.get(expr);
  if (line === undefined) {
    line = makeLine(expr, lines);
    lines.set(expr, line);
  }
  return line;
}

function makeLine(expr: Expr, lines: Lines): string {
  const print = (inner: Expr): string => lineOf(inner, lines);
  switch (expr.kind) {
    case 'number':
      return expr.isDuration === true
        ? formatDuration(Math.round(expr.value * 1000))
        : formatDecimal(expr.value);
    case 'string':
      return expr.literal ?? quote(expr.value);
    case 'selector':
      return printSelector(expr) + printShift(expr);
    case 'range':
      return `${printSelector(expr.selector)}[${formatDuration(expr.rangeMs)}]${printShift(expr.selector)}`;
    case 'subquery': {
      const step = expr.stepMs === undefined ? '' : formatDuration(expr.stepMs);
      return `${print(expr.inner)}[${formatDuration(expr.rangeMs)}:${step}]${printShift(expr)}`;
    }
    case 'call':
      return `${expr.name}(${expr.args.map(print).join(', ')})`;
    case 'aggregate': {
      const args = childrenOf(expr).map(print).join(', ');
      return `${printAggregateHead(expr)}(${args})`;
    }
    case 'unary':
      return `${expr.operator}${print(expr.inner)}`;
    case 'paren':
      return `(${print(expr.inner)})`;
    case 'binary':
      return `${print(expr.left)} ${printOperator(expr)} ${print(expr.right)}`;
  }
}

/** Lines longer than this are broken up, as in Prometheus. */
const LINE_LENGTH_MAX = 100;
const INDENT = '  ';

/** The text of an expression, broken into indented lines where one line would be too long. */
export function prettyExpr(expr: Expr): string {
  return pretty(expr, { level: 0, lines: new Map() });
}

interface Layout {
  readonly level: number;
  readonly lines: Lines;
  /** What the first line begins with, instead of being indented. */
  readonly head?: string | undefined;
}

function pretty(expr: Expr, { level, lines, head }: Layout): string {
  const indent = INDENT.repeat(level);
  const first = head ?? indent;
  const line = lineOf(expr, lines);
  if (line.length <= LINE_LENGTH_MAX) return first + line;
  const inside: Layout = { level: level + 1, lines };
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
    case 'range':
      return first + line;
    case 'subquery': {
      const suffix = line.slice(lineOf(expr.inner, lines).length);
      return `${pretty(expr.inner, { level, lines, head })}${suffix}`;
    }
    case 'call':
      return `${first}${expr.name}(\n${prettyList(expr.args, inside)}\n${indent})`;
    case 'aggregate':
      return `${first}${printAggregateHead(expr)}(\n${prettyList(childrenOf(expr), inside)}\n${indent})`;
    case 'unary':
      return pretty(expr.inner, { level, lines, head: first + expr.operator });
    case 'paren':
      return `${first}(\n${pretty(expr.inner, inside)}\n${indent})`;
    case 'binary': {
      const [left, right] = [pretty(expr.left, { ...inside, head }), pretty(expr.right, inside)];
      return `${left}\n${indent}${printOperator(expr)}\n${right}`;
    }
  }
}

/** Put together without copying: what stands inside of many calls would be copied by each. */
function prettyList(exprs: readonly Expr[], layout: Layout): string {
  return exprs.reduce((text, expr, at) => `${text}${at === 0 ? '' : ',\n'}${pretty(expr, layout)}`, '');
}

function printSelector({ name, matchers }: SelectorNode): string {
  // In front of the braces a name allows no other one.
  const isOnlyName = matchers.every((matcher) => matcher.name !== METRIC_NAME);
  const isPlainName = isOnlyName && /^[A-Za-z_:][A-Za-z0-9_:]*$/.test(name) && !/^(?:inf|nan)$/i.test(name);
  const parts = matchers.map(printMatcher).sort();
  if (name !== '' && !isPlainName) parts.unshift(quote(name));
  const braces = parts.length === 0 && isPlainName ? '' : `{${parts.join(',')}}`;
  return isPlainName ? name + braces : braces;
}

function printMatcher({ name, operator, value }: MatcherNode): string {
  return `${printLabel(name)}${operator}${quote(value)}`;
}

function printLabel(name: string): string {
  return isClassicLabelName(name) ? name : quote(name);
}

function printLabels(names: readonly string[]): string {
  return `(${names.map(printLabel).join(', ')})`;
}

function printShift({ at, offsetMs }: TimeShift): string {
  const offset = offsetMs === undefined ? '' : ` offset ${formatDuration(offsetMs)}`;
  if (at === undefined) return offset;
  return at.kind === 'time' ? ` @ ${(at.timeMs / 1000).toFixed(3)}${offset}` : ` @ ${at.kind}()${offset}`;
}

function printAggregateHead({ operator, grouping, isWithout }: AggregateNode): string {
  if (isWithout) return `${operator} without ${printLabels(grouping)} `;
  return grouping.length === 0 ? operator : `${operator} by ${printLabels(grouping)} `;
}

function printOperator({ operator, returnsBool, matching, left, right }: BinaryNode): string {
  const bool = returnsBool ? ' bool' : '';
  const isOfVectors = typeOf(left) !== 'scalar' && typeOf(right) !== 'scalar';
  if (matching === undefined || !isOfVectors) return `${operator}${bool}`;
  const { isOn, labels, manySide, include } = matching;
  if (!isOn && labels.length === 0 && manySide === 'none') return `${operator}${bool}`;
  const on = ` ${isOn ? 'on' : 'ignoring'} ${printLabels(labels)}`;
  const group = manySide === 'none' ? '' : ` group_${manySide} ${printLabels(include)}`;
  return `${operator}${bool}${on}${isSetOperator(operator) ? '' : group}`;
}
