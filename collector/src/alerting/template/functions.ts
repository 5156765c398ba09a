/**
 * The functions of templates: those of Go's `text/template` and those that Prometheus adds
 * (https://prometheus.io/docs/prometheus/latest/configuration/template_reference/).
 */
import { RE2JS } from 're2js';
import { parseDuration } from '../../query/parse/literals.ts';
import { TemplateError, type TemplateFunction } from './execute.ts';
import { formatFloat, formatValue, print, printf } from './go-format.ts';
import {
  boolValue,
  floatValue,
  intValue,
  isTruthy,
  NIL,
  sampleValue,
  stringValue,
  textMap,
  type Value,
} from './values.ts';

/** A sample as templates see it. */
export interface TemplateSample {
  readonly labels: Iterable<readonly [string, string]>;
  readonly value: number;
}

export interface FunctionPorts {
  /** The result of a query at the time of the evaluation; may throw to be called again later. */
  readonly query: (expression: string) => readonly TemplateSample[];
  readonly externalUrl: string;
}

/** All functions by name. */
export function templateFunctions(ports: FunctionPorts): ReadonlyMap<string, TemplateFunction> {
  return new Map<string, TemplateFunction>([...Object.entries(GO), ...Object.entries(prometheus(ports))]);
}

const numberArg = (args: readonly Value[], at = 0): number => toFloat(arg(args, at));
const textArg = (args: readonly Value[], at = 0): string => {
  const value = arg(args, at);
  if (value.kind === 'string') return value.text;
  throw new TemplateError(`wrong type for value; expected string; got ${value.kind}`);
};

function arg(args: readonly Value[], at: number): Value {
  const value = args[at];
  if (value === undefined)
    throw new TemplateError(`wrong number of args: want at least ${at + 1} got ${args.length}`);
  return value;
}

/** Checks the number of arguments, then calls. */
function takes(count: number, call: TemplateFunction): TemplateFunction {
  return (args) => {
    if (args.length !== count)
      throw new TemplateError(`wrong number of args: want ${count} got ${args.length}`);
    return call(args);
  };
}

const GO: Readonly<Record<string, TemplateFunction>> = {
  // Evaluated in execute.ts, since they may leave out arguments.
  and: () => NIL,
  or: () => NIL,
  not: takes(1, (args) => boolValue(!isTruthy(arg(args, 0)))),
  len: takes(1, (args) => intValue(lengthOf(arg(args, 0)))),
  index: (args) => args.slice(1).reduce(indexed, arg(args, 0)),
  print: (args) => stringValue(print(args)),
  println: (args) => stringValue(`${args.map(formatValue).join(' ')}\n`),
  printf: (args) => stringValue(printf(textArg(args), args.slice(1))),
  html: (args) => stringValue(escapeHtml(print(args))),
  urlquery: (args) => stringValue(new URLSearchParams([['', print(args)]]).toString().slice(1)),
  eq: (args) => {
    if (args.length < 2) throw new TemplateError('missing argument for comparison');
    return boolValue(args.slice(1).some((other) => isEqual(arg(args, 0), other)));
  },
  ne: takes(2, (args) => boolValue(!isEqual(arg(args, 0), arg(args, 1)))),
  lt: takes(2, (args) => boolValue(isLess(arg(args, 0), arg(args, 1)))),
  le: takes(2, (args) =>
    boolValue(isLess(arg(args, 0), arg(args, 1)) || isEqual(arg(args, 0), arg(args, 1))),
  ),
  gt: takes(2, (args) =>
    boolValue(!isLess(arg(args, 0), arg(args, 1)) && !isEqual(arg(args, 0), arg(args, 1))),
  ),
  ge: takes(2, (args) => boolValue(!isLess(arg(args, 0), arg(args, 1)))),
};

function prometheus({ query, externalUrl }: FunctionPorts): Readonly<Record<string, TemplateFunction>> {
  return {
    query: takes(1, (args) => ({
      kind: 'list',
      items: query(textArg(args)).map(({ labels, value }) => sampleValue(labels, value)),
    })),
    first: takes(1, (args) => {
      const [first] = listOf(arg(args, 0));
      if (first === undefined) throw new TemplateError('first() called on vector with no elements');
      return first;
    }),
    label: takes(2, (args) => fieldOfLabels(arg(args, 1), textArg(args))),
    value: takes(1, (args) => memberOf(arg(args, 0), 'Value')),
    strvalue: takes(1, (args) => fieldOfLabels(arg(args, 0), '__value__')),
    args: (args) => ({
      kind: 'map',
      entries: new Map(args.map((value, i) => [`arg${i}`, value])),
      zero: NIL,
    }),
    sortByLabel: takes(2, (args) => ({
      kind: 'list',
      items: [...listOf(arg(args, 1))].sort((a, b) => {
        const [left, right] = [a, b].map((item) => formatValue(fieldOfLabels(item, textArg(args))));
        return (left ?? '') < (right ?? '') ? -1 : Number((left ?? '') > (right ?? ''));
      }),
    })),
    humanize: takes(1, (args) => stringValue(humanize(numberArg(args)))),
    humanize1024: takes(1, (args) => stringValue(humanize1024(numberArg(args)))),
    humanizeDuration: takes(1, (args) => stringValue(humanizeDuration(numberArg(args)))),
    humanizePercentage: takes(1, (args) => stringValue(`${formatFloat(numberArg(args) * 100, 'g', 4)}%`)),
    humanizeTimestamp: takes(1, (args) => stringValue(humanizeTimestamp(numberArg(args)))),
    toTime: takes(1, (args) => stringValue(humanizeTimestamp(numberArg(args)))),
    title: takes(1, (args) =>
      stringValue(
        textArg(args).replaceAll(
          /(^|[^\p{L}\p{N}'_])(\p{L})/gu,
          (_all, before: string, letter: string) => before + letter.toUpperCase(),
        ),
      ),
    ),
    toUpper: takes(1, (args) => stringValue(textArg(args).toUpperCase())),
    toLower: takes(1, (args) => stringValue(textArg(args).toLowerCase())),
    stripPort: takes(1, (args) => stringValue(splitHost(textArg(args)).host)),
    stripDomain: takes(1, (args) => stringValue(stripDomain(textArg(args)))),
    match: takes(2, (args) => boolValue(compilePattern(textArg(args)).matcher(textArg(args, 1)).find())),
    reReplaceAll: takes(3, (args) =>
      stringValue(
        compilePattern(textArg(args))
          .matcher(textArg(args, 2))
          .replaceAll(goReplacement(textArg(args, 1))),
      ),
    ),
    parseDuration: takes(1, (args) => {
      const ms = parseDuration(textArg(args));
      if (ms === undefined) throw new TemplateError(`not a valid duration string: "${textArg(args)}"`);
      return floatValue(ms / 1000);
    }),
    safeHtml: takes(1, (args) => arg(args, 0)),
    graphLink: takes(1, (args) => stringValue(queryLink(textArg(args), 0))),
    tableLink: takes(1, (args) => stringValue(queryLink(textArg(args), 1))),
    externalURL: takes(0, () => stringValue(externalUrl)),
    pathPrefix: takes(0, () =>
      stringValue(URL.canParse(externalUrl) ? new URL(externalUrl).pathname.replace(/\/$/, '') : ''),
    ),
  };
}

function toFloat(value: Value): number {
  if (value.kind === 'float' || value.kind === 'int') return value.number;
  if (value.kind === 'string') {
    const number = parseGoFloat(value.text);
    if (number !== undefined) return number;
    throw new TemplateError(`strconv.ParseFloat: parsing ${JSON.stringify(value.text)}: invalid syntax`);
  }
  throw new TemplateError(`can't convert ${value.kind} to float`);
}

function parseGoFloat(text: string): number | undefined {
  if (/^[+-]?(inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return NaN;
  return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

function lengthOf(value: Value): number {
  switch (value.kind) {
    case 'string':
      return Buffer.byteLength(value.text);
    case 'list':
      return value.items.length;
    case 'map':
      return value.entries.size;
    case 'int':
    case 'float':
    case 'bool':
    case 'nil':
      throw new TemplateError(`len of type ${value.kind}`);
  }
}

function indexed(from: Value, key: Value): Value {
  if (from.kind === 'map' && key.kind === 'string') return from.entries.get(key.text) ?? from.zero ?? NIL;
  if (from.kind === 'list' && key.kind === 'int') {
    const item = from.items[key.number];
    if (item !== undefined) return item;
    throw new TemplateError(`index out of range: ${key.number}`);
  }
  throw new TemplateError(`can't index ${from.kind} with ${key.kind}`);
}

/** Go compares what has the same basic kind, and nothing else. */
function isEqual(left: Value, right: Value): boolean {
  if (left.kind !== right.kind) throw new TemplateError('incompatible types for comparison');
  if (left.kind === 'string' && right.kind === 'string') return left.text === right.text;
  if ((left.kind === 'int' || left.kind === 'float') && (right.kind === 'int' || right.kind === 'float')) {
    return left.number === right.number;
  }
  if (left.kind === 'bool' && right.kind === 'bool') return left.isTrue === right.isTrue;
  throw new TemplateError('invalid type for comparison');
}

function isLess(left: Value, right: Value): boolean {
  if (left.kind !== right.kind) throw new TemplateError('incompatible types for comparison');
  if (left.kind === 'string' && right.kind === 'string') return left.text < right.text;
  if ((left.kind === 'int' || left.kind === 'float') && (right.kind === 'int' || right.kind === 'float')) {
    return left.number < right.number;
  }
  throw new TemplateError('invalid type for comparison');
}

function listOf(value: Value): readonly Value[] {
  if (value.kind === 'list') return value.items;
  throw new TemplateError(`wrong type for value; expected a query result; got ${value.kind}`);
}

function memberOf(value: Value, name: string): Value {
  const found = value.kind === 'map' ? value.entries.get(name) : undefined;
  if (found !== undefined) return found;
  throw new TemplateError(`wrong type for value; expected a sample; got ${value.kind}`);
}

function fieldOfLabels(sample: Value, name: string): Value {
  const labels = memberOf(sample, 'Labels');
  return labels.kind === 'map' ? (labels.entries.get(name) ?? stringValue('')) : textMap([]);
}

const LARGE = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const SMALL = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'];
const BINARY = ['ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];

function isPlain(value: number): boolean {
  return value === 0 || !Number.isFinite(value);
}

function humanize(value: number): string {
  if (isPlain(value)) return formatFloat(value, 'g', 4);
  let rest = value;
  let prefix = '';
  if (Math.abs(value) >= 1) {
    for (const next of LARGE) {
      if (Math.abs(rest) < 1000) break;
      prefix = next;
      rest /= 1000;
    }
  } else {
    for (const next of SMALL) {
      if (Math.abs(rest) >= 1) break;
      prefix = next;
      rest *= 1000;
    }
  }
  return formatFloat(rest, 'g', 4) + prefix;
}

function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return formatFloat(value, 'g', 4);
  let rest = value;
  let prefix = '';
  for (const next of BINARY) {
    if (Math.abs(rest) < 1024) break;
    prefix = next;
    rest /= 1024;
  }
  return formatFloat(rest, 'g', 4) + prefix;
}

function humanizeDuration(value: number): string {
  if (!Number.isFinite(value)) return formatFloat(value, 'g', 4);
  if (value === 0) return '0s';
  if (Math.abs(value) >= 1) {
    const sign = value < 0 ? '-' : '';
    const whole = Math.trunc(Math.abs(value));
    const [seconds, minutes] = [whole % 60, Math.trunc(whole / 60) % 60];
    const [hours, days] = [Math.trunc(whole / 3600) % 24, Math.trunc(whole / 86_400)];
    if (days !== 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
    if (hours !== 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
    if (minutes !== 0) return `${sign}${minutes}m ${seconds}s`;
    // Fractions only where they say something.
    return `${formatFloat(value, 'g', 4)}s`;
  }
  let rest = value;
  let prefix = '';
  for (const next of SMALL) {
    if (Math.abs(rest) >= 1) break;
    prefix = next;
    rest *= 1000;
  }
  return `${formatFloat(rest, 'g', 4)}${prefix}s`;
}

/** Seconds since 1970 as Go prints a time in UTC, to the millisecond. */
function humanizeTimestamp(seconds: number): string {
  if (!Number.isFinite(seconds)) return formatFloat(seconds, 'g', 4);
  const ms = Math.trunc(seconds * 1000);
  if (Math.abs(ms) > 8.64e15) throw new TemplateError(`time out of range: ${seconds}`);
  const [day = '', time = ''] = new Date(ms).toISOString().split('T');
  return `${day} ${time.replace(/\.?0*Z$/, '')} +0000 UTC`;
}

/** Host and port of an address; all of it is the host when there is no port. */
function splitHost(address: string): { readonly host: string; readonly port: string } {
  const found = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(address);
  if (found === null) return { host: address, port: '' };
  return { host: found[1] ?? found[2] ?? '', port: found[3] ?? '' };
}

function stripDomain(address: string): string {
  const { host, port } = splitHost(address);
  const isNumeric = /^[\d.]+$/.test(host) || host.includes(':');
  const short = isNumeric ? host : (host.split('.', 1)[0] ?? '');
  return port === '' ? short : `${short}:${port}`;
}

/** Longest regular expression in characters. */
const PATTERN_LENGTH_MAX = 4096;

function compilePattern(text: string): RE2JS {
  if (text.length > PATTERN_LENGTH_MAX)
    throw new TemplateError(`the pattern is longer than ${PATTERN_LENGTH_MAX} characters`);
  try {
    return RE2JS.compile(text);
  } catch (error) {
    throw new TemplateError(
      `error parsing regexp: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** `$1x` means the group named `1x` in Go; the library wants `${…}` for names. */
function goReplacement(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll(/\$(\w+)/g, (_all, name: string) => (/^\d+$/.test(name) ? `$${name}` : `\${${name}}`));
}

function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '<': '&lt;',
    '>': '&gt;',
    '&': '&amp;',
    '"': '&#34;',
    "'": '&#39;',
  };
  return text.replaceAll(/[<>&"']/g, (char) => names[char] ?? char);
}

/** Address of Prometheus' own page for an expression; ours understands it as well. */
function queryLink(expression: string, tab: number): string {
  return `/graph?g0.expr=${encodeURIComponent(expression).replaceAll('%20', '+')}&g0.tab=${tab}`;
}
