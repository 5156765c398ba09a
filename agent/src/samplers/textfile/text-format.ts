/**
 * The text format in which programs tell their metrics, version 0.0.4, read strictly: one wrong line is a wrong file.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
import { isUtf8 } from 'node:buffer';
import { cleanText, compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import type { MetricType } from '@rollcall/shared/protocol/schema.ts';
import { ParseError } from '../parse.ts';

/** One series of a file. */
export interface TextSeries {
  readonly name: string;
  /** Parts of a histogram or summary that only rise are counters; what has no type is a gauge. */
  readonly type: MetricType;
  /** Names and values, sorted by name; an empty value is no label. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** May be NaN or infinite. */
  readonly value: number;
  /** Equal for equal names and labels. */
  readonly key: string;
}

type FamilyType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';

/** All that a series may have, with every character of a value escaped. */
export const LINE_LENGTH_MAX = 16 * 1024;
const SHOWN_LENGTH_MAX = 60;
const COMMENT = /^#[ \t]*(HELP|TYPE)[ \t]+([^ \t]+)[ \t]*(.*)$/;
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const WHOLE_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const HELP_TEXT = /^(?:[^\\]|\\[\\n])*$/;
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[\\"n])*)"[ \t]*/y;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const NOT_FINITE = /^(?:nan|([+-]?)inf(?:inity)?)$/i;

/**
 * The series of a file in the order of its lines.
 * @throws ParseError naming the line and what is wrong with it; also for a client's own times, which nobody could merge
 *   with ours, for a last line without a line break, which is a file half written, and for a series that stands twice
 */
export function parseTextFormat(bytes: Buffer): readonly TextSeries[] {
  if (!isUtf8(bytes)) throw new ParseError('is not UTF-8');
  const lines = bytes.toString().split('\n');
  if (lines.pop() !== '') throw new ParseError('ends within a line: the last one has no line break');
  const parser = new Parser();
  for (const [index, line] of lines.entries()) {
    try {
      parser.take(line.replace(/^[ \t]+/, ''));
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      throw new ParseError(`line ${index + 1}: ${error.message}`);
    }
  }
  return parser.series;
}

class Parser {
  readonly series: TextSeries[] = [];
  readonly #types = new Map<string, FamilyType>();
  readonly #helped = new Set<string>();
  /** Names, of families and of what they consist of, that had a sample. */
  readonly #sampled = new Set<string>();
  readonly #keys = new Set<string>();

  take(line: string): void {
    if (line.length > LINE_LENGTH_MAX)
      throw new ParseError(`has ${line.length} characters, at most ${LINE_LENGTH_MAX} are allowed`);
    if (line.startsWith('#')) this.#comment(line);
    else if (line !== '') this.#sample(line);
  }

  #comment(line: string): void {
    const [, keyword, name = '', rest = ''] = COMMENT.exec(line) ?? [];
    if (keyword === undefined) return;
    if (!WHOLE_NAME.test(name)) throw new ParseError(`${show(name)} is no metric name`);
    if (keyword === 'TYPE') {
      this.#type(name, rest.trim());
      return;
    }
    if (this.#helped.has(name)) throw new ParseError(`metric ${show(name)} has HELP twice`);
    if (!HELP_TEXT.test(rest)) throw new ParseError('a backslash stands before neither a backslash nor an n');
    this.#helped.add(name);
  }

  #type(name: string, text: string): void {
    const type = familyType(text);
    if (this.#types.has(name)) throw new ParseError(`metric ${show(name)} has TYPE twice`);
    if (this.#sampled.has(name)) throw new ParseError(`TYPE of metric ${show(name)} comes after its samples`);
    this.#types.set(name, type);
  }

  #sample(line: string): void {
    const name = NAME.exec(line)?.[0];
    if (name === undefined) throw new ParseError(`${show(line)} does not begin with a metric name`);
    const { labels, end } = parseLabels(line, name.length);
    const rest = line.slice(end);
    if (end === name.length && /^[^ \t]/.test(rest))
      throw new ParseError(`${show(rest)} behind the metric name`);
    const [text = '', time, more] = rest.split(/[ \t]+/).filter((word) => word !== '');
    const value = parseValue(text);
    if (more !== undefined) throw new ParseError(`${show(more)} behind the value`);
    if (time !== undefined)
      throw new ParseError(`metric ${show(name)} has a time of its own, which is not supported`);
    const key = JSON.stringify([name, labels]);
    if (this.#keys.has(key)) throw new ParseError(`a series of metric ${show(name)} stands twice`);
    this.#keys.add(key);
    this.series.push({ name, type: this.#typeOf(name, labels), labels, value, key });
    if (this.series.length > LIMITS.seriesPerSchema)
      throw new ParseError(`there are more than ${LIMITS.seriesPerSchema} series`);
  }

  /** What a sample is by the type of its family, whose name may be its own or stand before a suffix. */
  #typeOf(name: string, labels: TextSeries['labels']): MetricType {
    this.#sampled.add(name);
    const type = this.#types.get(name);
    if (type === 'histogram') throw new ParseError(`histogram ${show(name)} has a sample of its own name`);
    if (type === 'summary') {
      needNumber(name, labels, 'quantile');
      return 'gauge';
    }
    if (type !== undefined) return type === 'counter' ? 'counter' : 'gauge';
    const [, family = '', suffix] = /^(.+)_(bucket|sum|count)$/.exec(name) ?? [];
    const whole = this.#types.get(family);
    const isPart = whole === 'histogram' || (whole === 'summary' && suffix !== 'bucket');
    if (!isPart) return 'gauge';
    this.#sampled.add(family);
    if (suffix === 'bucket') needNumber(name, labels, 'le');
    return 'counter';
  }
}

/** Labels from `{` to `}`; none when there is no `{`. `end` is behind them. */
function parseLabels(
  line: string,
  from: number,
): { readonly labels: TextSeries['labels']; readonly end: number } {
  let at = from;
  while (line[at] === ' ' || line[at] === '\t') at += 1;
  if (line[at] !== '{') return { labels: [], end: from };
  at += 1;
  const found = new Map<string, string>();
  for (;;) {
    LABEL.lastIndex = at;
    const match = LABEL.exec(line);
    if (match === null) break;
    const [whole, name = '', value = ''] = match;
    if (found.has(name)) throw new ParseError(`label ${show(name)} stands twice`);
    found.set(name, unescape(value));
    at += whole.length;
    if (line[at] !== ',') break;
    at += 1;
  }
  while (line[at] === ' ' || line[at] === '\t') at += 1;
  if (line[at] !== '}') throw new ParseError(`${show(line.slice(at))} is no label such as name="value"`);
  const labels = [...found].filter(([, value]) => value !== '');
  return { labels: labels.sort(([left], [right]) => compareUtf8(left, right)), end: at + 1 };
}

function familyType(text: string): FamilyType {
  const type = text.toLowerCase();
  switch (type) {
    case 'counter':
    case 'gauge':
    case 'histogram':
    case 'summary':
    case 'untyped':
      return type;
    default:
      throw new ParseError(`type ${show(text)} is none of counter, gauge, histogram, summary and untyped`);
  }
}

function parseValue(text: string): number {
  const notFinite = NOT_FINITE.exec(text);
  if (notFinite !== null) {
    const [, sign] = notFinite;
    if (sign === undefined) return Number.NaN;
    return sign === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new ParseError(`value ${show(text)} is not a number`);
  return value;
}

function needNumber(metric: string, labels: TextSeries['labels'], label: string): void {
  const text = labels.find(([name]) => name === label)?.[1];
  if (text === undefined) throw new ParseError(`metric ${show(metric)} has no label ${label}`);
  if (!NUMBER.test(text) && !NOT_FINITE.test(text))
    throw new ParseError(`label ${label} of metric ${show(metric)} is ${show(text)}, not a number`);
}

function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
}

/** Input in a message: bounded, and without anything that could control a terminal. */
function show(text: string): string {
  const clean = cleanText(text, SHOWN_LENGTH_MAX + 1);
  return JSON.stringify(clean.length > SHOWN_LENGTH_MAX ? `${clean.slice(0, SHOWN_LENGTH_MAX)}…` : clean);
}
