/**
 * Numbers and texts as Go's packages `fmt` and `strconv` print them, because the templates of rule files expect it
 * (https://pkg.go.dev/fmt, https://pkg.go.dev/strconv#FormatFloat).
 */
import { goTypeOf, NIL, type Value } from './values.ts';

/** A float with the verb `e`, `f` or `g` and a number of digits; `-1` for as many as it takes. */
export function formatFloat(value: number, verb: string, precision: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const size = Math.abs(value);
  switch (verb) {
    case 'e':
      return sign + exponential(size, precision);
    case 'f':
      return sign + fixed(size, precision);
    default:
      return sign + general(size, precision);
  }
}

/** `d.ddde±dd`: the exponent has two digits at least. */
function exponential(size: number, precision: number): string {
  const text = precision < 0 ? size.toExponential() : roundedExponential(size, Math.min(precision, 100));
  const [digits = '', exponent = '0'] = text.split('e');
  const amount = exponent.replace(/^[+-]/, '').padStart(2, '0');
  return `${digits}e${exponent.startsWith('-') ? '-' : '+'}${amount}`;
}

function fixed(size: number, precision: number): string {
  if (precision < 0) return plainDigits(size);
  // toFixed gives up at 1e21; integers of that size are exact as BigInt.
  if (size < 1e21) {
    const digits = Math.min(precision, 100);
    return isTie(size, digits + exponentOf(size)) ? evenNeighbour(size, digits) : size.toFixed(digits);
  }
  return BigInt(size).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '');
}

function exponentOf(size: number): number {
  return Number(size.toExponential().split('e')[1]);
}

/** Whether `size` lies exactly between two numbers with so many digits behind the first one. */
function isTie(size: number, digits: number): boolean {
  const shortest = size.toExponential().split('e')[0]?.replace('.', '') ?? '';
  if (digits < -1 || shortest.length !== digits + 2 || !shortest.endsWith('5')) return false;
  // The shortest digits may stand for a number that is only close to them.
  // oxlint-disable-next-line oxc/number-arg-out-of-range -- ECMAScript allows 100 digits
  const exact = size.toExponential(100).split('e')[0]?.replace('.', '') ?? '';
  return exact.replace(/0+$/, '') === shortest;
}

/** A tie without its last digit, rounded to the even neighbour as Go does; JavaScript rounds it up. */
function evenNeighbour(size: number, fractionDigits: number): string {
  const scaled = BigInt(plainDigits(size).replace('.', ''));
  const down = scaled / 10n;
  const even = (down % 2n === 0n ? down : down + 1n).toString().padStart(fractionDigits + 1, '0');
  if (fractionDigits === 0) return even;
  return `${even.slice(0, -fractionDigits)}.${even.slice(-fractionDigits)}`;
}

function roundedExponential(size: number, digits: number): string {
  if (!isTie(size, digits)) return size.toExponential(digits);
  const rounded = evenNeighbour(size, Math.max(digits - exponentOf(size), 0));
  return digits - exponentOf(size) >= 0 ? Number(rounded).toExponential(digits) : size.toExponential(digits);
}

/** The shortest digits without an exponent. */
function plainDigits(size: number): string {
  const [digits = '', exponentText = '0'] = size.toExponential().split('e');
  const exponent = Number(exponentText);
  const all = digits.replace('.', '');
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${all}`;
  if (all.length <= exponent + 1) return all.padEnd(exponent + 1, '0');
  return `${all.slice(0, exponent + 1)}.${all.slice(exponent + 1)}`;
}

/** Go takes the exponent form from this many digits before the point on when it chooses the digits itself. */
const SHORTEST_EXPONENT_MIN = 6;

/** Digits or an exponent, by the size of the number; no zeros at the end. */
function general(size: number, precision: number): string {
  if (size === 0) return '0';
  const isShortest = precision < 0;
  const significant = Math.min(Math.max(precision, 1), 101);
  const scientific = isShortest ? size.toExponential() : roundedExponential(size, significant - 1);
  const exponent = Number(scientific.split('e')[1]);
  const rounded = Number(scientific);
  const limit = isShortest ? SHORTEST_EXPONENT_MIN : significant;
  return exponent < -4 || exponent >= limit ? exponential(rounded, -1) : plainDigits(rounded);
}

/** What `print` and `{{ }}` make of a value. */
export function formatValue(value: Value): string {
  switch (value.kind) {
    case 'string':
      return value.text;
    case 'int':
      return String(value.number);
    case 'float':
      return formatFloat(value.number, 'g', -1);
    case 'bool':
      return String(value.isTrue);
    case 'map': {
      const names = [...value.entries.keys()].sort();
      return `map[${names.map((name) => `${name}:${formatValue(value.entries.get(name) ?? NIL)}`).join(' ')}]`;
    }
    case 'list':
      return `[${value.items.map(formatValue).join(' ')}]`;
    case 'nil':
      return '<nil>';
  }
}

/** Go's `print`: a space between two operands when neither is a text. */
export function print(values: readonly Value[]): string {
  let text = '';
  for (const [i, value] of values.entries()) {
    if (i > 0 && value.kind !== 'string' && values[i - 1]?.kind !== 'string') text += ' ';
    text += formatValue(value);
  }
  return text;
}

const VERB = /%([-+# 0]*)(\d+)?(?:\.(\d*))?(.)?/gsu;
/** Bounds of width and precision; Go refuses more than a million, and so much is nobody's intention. */
const WIDTH_MAX = 1000;

/** Go's `printf`. What does not fit is marked in the text as Go does it, for example `%!d(float64=12.5)`. */
export function printf(format: string, values: readonly Value[]): string {
  let used = 0;
  const text = format.replaceAll(VERB, (_match, ...groups: unknown[]) => {
    const [flags, width, precision, verb] = groups
      .slice(0, 4)
      .map((group) => (typeof group === 'string' ? group : undefined));
    if (verb === undefined) return '%!(NOVERB)';
    if (verb === '%') return '%';
    const value = values[used++];
    if (value === undefined) return `%!${verb}(MISSING)`;
    const digits = precision === undefined ? undefined : Math.min(Number(precision), WIDTH_MAX);
    return pad(formatVerb(value, { verb, flags: flags ?? '', precision: digits }), {
      flags: flags ?? '',
      width: Math.min(Number(width ?? 0), WIDTH_MAX),
      isNumber: value.kind === 'int' || value.kind === 'float',
    });
  });
  const extra = values.slice(used).map((value) => `${goTypeOf(value)}=${formatValue(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(', ')})`;
}

interface Verb {
  readonly verb: string;
  readonly flags: string;
  readonly precision: number | undefined;
}

function formatVerb(value: Value, { verb, flags, precision }: Verb): string {
  const bad = `%!${verb}(${goTypeOf(value)}=${formatValue(value)})`;
  const signed = (text: string): string =>
    flags.includes('+') && !/^[+-]/.test(text)
      ? `+${text}`
      : flags.includes(' ') && !/^[+-]/.test(text)
        ? ` ${text}`
        : text;
  if (verb === 'v')
    return value.kind === 'float' || value.kind === 'int' ? signed(formatValue(value)) : formatValue(value);
  switch (value.kind) {
    case 'float': {
      if (!/^[eEfFgG]$/.test(verb)) return bad;
      const lower = verb.toLowerCase();
      const text = signed(formatFloat(value.number, lower, precision ?? (lower === 'g' ? -1 : 6)));
      return verb === 'E' || verb === 'G' ? text.toUpperCase() : text;
    }
    case 'int':
      switch (verb) {
        case 'd':
          return signed(String(value.number));
        case 'x':
          return value.number.toString(16);
        case 'X':
          return value.number.toString(16).toUpperCase();
        case 'o':
          return value.number.toString(8);
        case 'b':
          return value.number.toString(2);
        case 'c':
          return String.fromCodePoint(Math.max(0, Math.min(value.number, 0x10ffff)));
        default:
          return bad;
      }
    case 'string': {
      const cut = precision === undefined ? value.text : Array.from(value.text).slice(0, precision).join('');
      if (verb === 's') return cut;
      if (verb === 'q') return quoteGo(cut);
      if (verb === 'x') return Buffer.from(cut).toString('hex');
      return bad;
    }
    case 'bool':
      return verb === 't' ? String(value.isTrue) : bad;
    case 'map':
    case 'list':
      return verb === 's' ? formatValue(value) : bad;
    case 'nil':
      return `%!${verb}(<nil>)`;
  }
}

/** A text in double quotes, as `%q` writes it. */
function quoteGo(text: string): string {
  return JSON.stringify(text)
    .replaceAll(/\\u00([0-9a-f]{2})/g, '\\x$1')
    .replaceAll('\\b', '\\b');
}

function pad(
  text: string,
  { flags, width, isNumber }: { flags: string; width: number; isNumber: boolean },
): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0') || !isNumber) return ' '.repeat(missing) + text;
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}
