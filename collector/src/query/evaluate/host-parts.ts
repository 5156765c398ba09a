/**
 * Whether an expression says the same of a fleet when it is evaluated part by part: of some hosts, then of some others. Rules
 * over ten thousand hosts are, and need a small part of the memory then. A host is what the label `instance` says. What may
 * differ are errors: a match that is not unique is one only where the same part has something on the other side.
 */
import { HOST_LABEL } from '../../storage/labels.ts';
import { unwrapParens, type BinaryNode, type CallNode, type Expr } from '../parse/ast.ts';
import { typeOf } from '../parse/check.ts';
import { signatureOf, type FunctionName } from './functions/signatures.ts';

/** Functions whose results are not each about one host, or that say in which order results come. */
const WHOLE: ReadonlySet<string> = new Set<FunctionName>([
  'absent',
  'absent_over_time',
  'sort',
  'sort_by_label',
  'sort_by_label_desc',
  'sort_desc',
]);

/** Whether each series of the result is made of series of one host, and still says of which. */
export function isPerHost(expr: Expr): boolean {
  switch (expr.kind) {
    case 'selector':
    case 'range':
      return true;
    case 'number':
    case 'string':
      return false;
    case 'subquery':
    case 'unary':
    case 'paren':
      return isPerHost(expr.inner);
    case 'aggregate': {
      const { operator, param, inner, grouping, isWithout } = expr;
      const isKept = grouping.includes(HOST_LABEL) !== isWithout;
      const isWritten = operator === 'count_values' && !isOtherLabel(param);
      return isKept && !isWritten && isPerHost(inner) && (param === undefined || isSameForAll(param));
    }
    case 'call':
      return isCallPerHost(expr);
    case 'binary':
      return isBinaryPerHost(expr);
  }
}

function isCallPerHost({ name, args }: CallNode): boolean {
  if (WHOLE.has(name) || signatureOf(name)?.returns !== 'vector') return false;
  // The second argument of these names the label that they write.
  if ((name === 'label_replace' || name === 'label_join') && !isOtherLabel(args[1])) return false;
  const [some, others] = [args.filter(hasSeries), args.filter((arg) => !hasSeries(arg))];
  return some.length > 0 && some.every(isPerHost) && others.every(isSameForAll);
}

function isBinaryPerHost(expr: BinaryNode): boolean {
  const { left, right } = expr;
  if (!hasSeries(left)) return isSameForAll(left) && isPerHost(right);
  if (!hasSeries(right)) return isPerHost(left) && isSameForAll(right);
  // Then it is the same on both sides, so a label that is copied changes nothing either.
  return comparesHosts(expr) && isPerHost(left) && isPerHost(right);
}

/** Whether series of different hosts never match each other. */
export function comparesHosts({ matching }: BinaryNode): boolean {
  if (matching === undefined) return true;
  return matching.isOn === matching.labels.includes(HOST_LABEL);
}

/** Whether the name of a label that is written is a text, and another one than that of hosts. */
function isOtherLabel(name: Expr | undefined): boolean {
  const bare = name && unwrapParens(name);
  return bare?.kind === 'string' && bare.value !== HOST_LABEL;
}

function hasSeries(expr: Expr): boolean {
  const type = typeOf(expr);
  return type === 'vector' || type === 'matrix';
}

/** Numbers and texts that no series has a part in. */
function isSameForAll(expr: Expr): boolean {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return true;
    case 'unary':
    case 'paren':
      return isSameForAll(expr.inner);
    case 'binary':
      return isSameForAll(expr.left) && isSameForAll(expr.right);
    case 'call':
      return !hasSeries(expr) && expr.args.every(isSameForAll);
    case 'selector':
    case 'range':
    case 'subquery':
    case 'aggregate':
      return false;
  }
}
