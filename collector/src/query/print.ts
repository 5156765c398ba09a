/** Syntax tree back to text: on one line, or indented over several as `format_query` answers. */
import { METRIC_NAME } from '../storage/labels.ts';
import { childrenOf, isSetOperator } from './ast.ts';
import type { AggregateNode, BinaryNode, Expr, MatcherNode, SelectorNode, TimeShift } from './ast.ts';
import { typeOf } from './check.ts';
import { formatDecimal } from './format.ts';
import { formatDuration, isClassicLabelName, quote } from './literals.ts';

/** The canonical text of an expression on one line; parsing it gives the same tree again. */
export function printExpr(expr: Expr): string {
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
      return `${printExpr(expr.inner)}[${formatDuration(expr.rangeMs)}:${step}]${printShift(expr)}`;
    }
    case 'call':
      return `${expr.name}(${expr.args.map(printExpr).join(', ')})`;
    case 'aggregate': {
      const args = childrenOf(expr).map(printExpr).join(', ');
      return `${printAggregateHead(expr)}(${args})`;
    }
    case 'unary':
      return `${expr.operator}${printExpr(expr.inner)}`;
    case 'paren':
      return `(${printExpr(expr.inner)})`;
    case 'binary':
      return `${printExpr(expr.left)} ${printOperator(expr)} ${printExpr(expr.right)}`;
  }
}

/** Lines longer than this are broken up, as in Prometheus. */
const LINE_LENGTH_MAX = 100;
const INDENT = '  ';

/** The text of an expression, broken into indented lines where one line would be too long. */
export function prettyExpr(expr: Expr, level = 0): string {
  const indent = INDENT.repeat(level);
  const line = printExpr(expr);
  if (line.length <= LINE_LENGTH_MAX) return indent + line;
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
    case 'range':
      return indent + line;
    case 'subquery': {
      const suffix = line.slice(printExpr(expr.inner).length);
      return `${prettyExpr(expr.inner, level)}${suffix}`;
    }
    case 'call':
      return `${indent}${expr.name}(\n${prettyList(expr.args, level + 1)}\n${indent})`;
    case 'aggregate':
      return `${indent}${printAggregateHead(expr)}(\n${prettyList(childrenOf(expr), level + 1)}\n${indent})`;
    case 'unary':
      return `${indent}${expr.operator}${prettyExpr(expr.inner, level).trimStart()}`;
    case 'paren':
      return `${indent}(\n${prettyExpr(expr.inner, level + 1)}\n${indent})`;
    case 'binary': {
      const [left, right] = [prettyExpr(expr.left, level + 1), prettyExpr(expr.right, level + 1)];
      return `${left}\n${indent}${printOperator(expr)}\n${right}`;
    }
  }
}

function prettyList(exprs: readonly Expr[], level: number): string {
  return exprs.map((expr) => prettyExpr(expr, level)).join(',\n');
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
