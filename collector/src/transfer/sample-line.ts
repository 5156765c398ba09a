/**
 * Lines of the OpenMetrics text format, as hostile as they may be.
 * Source: OpenMetrics 1.0, https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { Labels, METRIC_NAME } from '../storage/labels.ts';

/** A sample; its series is still text, because the same one stands on line after line. */
export interface SampleLine {
  /** Name and labels as they are written. */
  readonly series: string;
  readonly value: number;
  readonly timeMs: number;
}

/** Times that the store can carry. */
const TIME_MS_MAX = 2 ** 48 - 1;
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
/** A label, or the name of the metric in quotes, with what follows; names that are not classic stand in quotes. */
const ENTRY = /(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\\n]|\\.)+)")(?:="((?:[^"\\\n]|\\.)*)")?(,?)/y;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const SPECIAL: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '+infinity': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
};
const SHOWN_LENGTH_MAX = 60;

/**
 * Reads `name{labels} value time`; an exemplar behind it is left out.
 * @throws AppError IMPORT_FAILED without the number of the line
 */
export function parseSampleLine(line: string): SampleLine {
  const end = endOfSeries(line);
  const [value = '', time, hash] = line.slice(end + 1).split(' ', 3);
  if (time === undefined || time === '')
    throw wrong('a sample to import needs a time, in seconds since 1970');
  if (hash !== undefined && hash !== '#') throw wrong(`${show(hash)} behind the time`);
  const timeMs = Math.round(numberOf(time, 'time') * 1000);
  if (!(timeMs >= 0 && timeMs <= TIME_MS_MAX))
    throw wrong(`time ${show(time)} is no time in seconds since 1970`);
  return { series: line.slice(0, end), value: numberOf(value, 'value'), timeMs };
}

/**
 * The labels of a series as it is written, the metric name among them.
 * @throws AppError IMPORT_FAILED without the number of the line
 */
export function parseSeries(text: string): Labels {
  const name = NAME.exec(text)?.[0] ?? '';
  if (name === '' && !text.startsWith('{"')) throw wrong(`${show(text)} does not begin with a metric name`);
  const labels = new Map<string, string>();
  if (name !== '') labels.set(METRIC_NAME, name);
  let at = name.length;
  if (at === text.length) return Labels.from(labels);
  if (text[at] !== '{') throw wrong(`${show(text.slice(at))} behind the metric name`);
  at++;
  while (text[at] !== '}') {
    ENTRY.lastIndex = at;
    const match = ENTRY.exec(text);
    const [whole = '', plain = '', quoted = '', value, comma = ''] = match ?? [];
    const isName = value === undefined && quoted !== '';
    if (whole === '' || (value === undefined && !isName)) {
      throw wrong(`${show(text.slice(at))} is no label such as name="value"`);
    }
    const label = isName ? METRIC_NAME : plain || unescape(quoted);
    const shown = isName || plain !== '' ? label : show(label);
    if (labels.has(label)) throw wrong(`label ${shown} stands twice`);
    labels.set(label, unescape(value ?? quoted));
    at += whole.length;
    if (comma === '' && text[at] !== '}') throw wrong(`${show(text.slice(at))} behind label ${shown}`);
  }
  if (at + 1 !== text.length) throw wrong(`${show(text.slice(at + 1))} behind the labels`);
  if (!labels.has(METRIC_NAME)) throw wrong(`${show(text)} has no metric name`);
  return Labels.from(labels);
}

/** Where the space behind name and labels is; a label value may hold braces and spaces. */
function endOfSeries(line: string): number {
  const space = line.indexOf(' ');
  const brace = line.indexOf('{');
  if (space > 0 && (brace < 0 || space < brace)) return space;
  let isQuoted = false;
  for (let at = brace < 0 ? line.length : brace + 1; at < line.length; at++) {
    const letter = line[at];
    if (letter === '\\' && isQuoted) at++;
    else if (letter === '"') isQuoted = !isQuoted;
    else if (letter === '}' && !isQuoted && line[at + 1] === ' ') return at + 1;
  }
  throw wrong(`${show(line)} is no sample such as name{label="value"} 1.5 1767225600`);
}

function numberOf(text: string, what: string): number {
  if (NUMBER.test(text)) return Number(text);
  const special = SPECIAL[text.toLowerCase()];
  if (special === undefined) throw wrong(`${what} ${show(text)} is not a number`);
  return special;
}

function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
}

/** Input in a message: bounded, and without anything that could control a terminal. */
function show(text: string): string {
  return JSON.stringify(text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text);
}

function wrong(message: string): AppError {
  return new AppError('IMPORT_FAILED', message);
}
