/** Words and precedences of PromQL as tables, and how tokens are called in error texts. */
import { isAggregator } from './ast.ts';
import type { BinaryOperator } from './ast.ts';
import { quote } from './literals.ts';
import type { Token } from './tokens.ts';

/** How strongly the binary operators bind; all but `^` group to the left. */
export const BINARY_PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};

/** The precedence of `^`, the strongest one. */
export const POWER_PRECEDENCE = BINARY_PRECEDENCE['^'];

/** Experimental parts of Prometheus 3 that Rollcall does not have, and functions of native histograms. */
const UNSUPPORTED_WORDS: ReadonlySet<string> = new Set([
  'limitk',
  'limit_ratio',
  'info',
  'start',
  'end',
  'step',
  'range',
  'min_of',
  'max_of',
  'histogram_quantiles',
  'ts_of_first_over_time',
  'ts_of_last_over_time',
  'ts_of_max_over_time',
  'ts_of_min_over_time',
  'anchored',
  'smoothed',
  'fill',
  'fill_left',
  'fill_right',
  'histogram_avg',
  'histogram_count',
  'histogram_sum',
  'histogram_stddev',
  'histogram_stdvar',
  'histogram_fraction',
]);

/** Those that stand behind an operand or an operator. */
const UNSUPPORTED_MODIFIERS: ReadonlySet<string> = new Set([
  'anchored',
  'smoothed',
  'fill',
  'fill_left',
  'fill_right',
]);

/** Whether the word, in lower case, modifies something in Prometheus 3 and we refuse it. */
export function isUnsupportedModifier(word: string): boolean {
  return UNSUPPORTED_MODIFIERS.has(word);
}

/** Whether Prometheus knows the word, in lower case, and we refuse it. As metric names they are all fine. */
export function isUnsupportedWord(word: string): boolean {
  return UNSUPPORTED_WORDS.has(word);
}

/** Words that Prometheus takes for modifiers even where a function's name would stand. */
const MODIFIERS: ReadonlySet<string> = new Set([
  'atan2',
  'bool',
  'group_left',
  'group_right',
  'ignoring',
  'on',
]);

/** Whether the word, in lower case, modifies an operator, so that no call can begin with it. */
export function isModifier(word: string): boolean {
  return MODIFIERS.has(word);
}

/** Words that name metrics where an operand stands, but no function even before a parenthesis. */
const NO_FUNCTIONS: ReadonlySet<string> = new Set(['and', 'or', 'unless', 'by', 'without', 'offset']);

/** Whether a parenthesis behind the word makes it a call; behind others the parenthesis itself is at the wrong place. */
export function mayNameFunction(word: string): boolean {
  return !word.includes(':') && !NO_FUNCTIONS.has(word.toLowerCase());
}

const KEYWORDS: ReadonlySet<string> = new Set([
  'offset',
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'bool',
  'start',
  'end',
]);

/** How Prometheus names a token in an error text. */
export function describeToken({ kind, text }: Token): string {
  switch (kind) {
    case 'end':
      return 'end of input';
    case 'error':
      return text;
    case 'number':
    case 'duration':
    case 'string':
      return `${kind} ${shortened(text)}`;
    case 'symbol':
      return /^[(){}[\],:=]$/.test(text) ? quote(text) : `<op:${text}>`;
    case 'word':
      return describeWord(text);
  }
}

/** Prometheus shows the first ten characters of what is longer than ten bytes. */
function shortened(text: string): string {
  return Buffer.byteLength(text) <= 10 ? quote(text) : `${quote(/^.{0,10}/su.exec(text)?.[0] ?? '')}...`;
}

function describeWord(text: string): string {
  const lower = text.toLowerCase();
  if (Object.hasOwn(BINARY_PRECEDENCE, lower)) return `<op:${text}>`;
  if (isAggregator(lower)) return `<aggr:${text}>`;
  if (KEYWORDS.has(lower)) return `<${text}>`;
  if (lower === 'inf' || lower === 'nan') return `number ${quote(text)}`;
  return `${text.includes(':') ? 'metric identifier' : 'identifier'} ${quote(text)}`;
}
