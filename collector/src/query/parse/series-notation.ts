/**
 * Series as test scripts and rule tests write them: `name{a="1"} 0+10x5 _ stale 7`. Source: Prometheus,
 * `promql/promqltest/README.md`.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { Labels, METRIC_NAME } from '../../storage/labels.ts';
import { parseNumber } from './literals.ts';
import { parseSyntax } from './parse.ts';

/** One place of a series: a number, a gap, a stale marker, or a native histogram, which we only recognise. */
export type NotedValue = number | 'gap' | 'stale' | 'native';

/** A series with its values from the first step on. */
export interface NotedSeries {
  readonly labels: Labels;
  /** One per step, from the first step on. */
  readonly values: readonly NotedValue[];
}

/** Most values that one line may expand to. */
const VALUES_MAX = 1_000_000;

const HEAD = /^([A-Za-z_:][\w:]*)?\s*(\{(?:[^"'`}{]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\})?/;
const SERIES = new RegExp(`${HEAD.source}(?=\\s|$)`);
const STARTED = new RegExp(`${HEAD.source}(?=@st(?:\\s|$))`);

/** @throws AppError BAD_REQUEST */
export function parseSeriesLine(line: string): NotedSeries {
  const text = line.trim();
  const head = SERIES.exec(text)?.[0] ?? '';
  if (head === '') throw new AppError('BAD_REQUEST', `no series at the start of ${JSON.stringify(line)}`);
  return { labels: parseSeries(head), values: parseValues(text.slice(head.length)) };
}

/**
 * The series of a line that tells when samples began to count, `name{a="1"}@st -1m _`; undefined for any other line.
 * @throws AppError BAD_QUERY when it names no series
 */
export function startedSeriesOf(line: string): Labels | undefined {
  const head = STARTED.exec(line.trim())?.[0];
  return head === undefined ? undefined : parseSeries(head);
}

/**
 * The labels of `name{a="1"}`.
 * @throws AppError BAD_REQUEST or BAD_QUERY
 */
export function parseSeries(text: string): Labels {
  const expr = parseSyntax(text);
  if (expr.kind !== 'selector' || expr.matchers.some(({ operator }) => operator !== '=')) {
    throw new AppError('BAD_REQUEST', `${text} is not a series`);
  }
  const pairs = expr.matchers.map(({ name, value }) => [name, value] as const);
  return Labels.from([...pairs, [METRIC_NAME, expr.name] as const].filter(([, value]) => value !== ''));
}

// No hexadecimal numbers: `0x10` is zero, eleven times.
const NUMBER = String.raw`[+-]?(?:inf|nan|(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)`;
const REPEATED = new RegExp(String.raw`^(${NUMBER})(?:([+-])(${NUMBER}))?x(\d+)$`, 'i');
const PLAIN = new RegExp(`^${NUMBER}$`, 'i');
// Native histograms hold blanks between their braces.
const VALUE = /(?:\{\{.*?\}\}|\S)+/g;

/**
 * Values with blanks between: `a`, `a+bxn` and `a-bxn` and `axn` (each n+1 values), `_` and `_xn` (n gaps), `stale`.
 * @throws AppError BAD_REQUEST
 */
export function parseValues(text: string): readonly NotedValue[] {
  const values: NotedValue[] = [];
  for (const [word] of text.matchAll(VALUE)) {
    values.push(...expand(word));
    if (values.length > VALUES_MAX)
      throw new AppError('BAD_REQUEST', `more than ${VALUES_MAX} values in a series`);
  }
  return values;
}

function expand(word: string): readonly NotedValue[] {
  if (word.startsWith('{{')) return repeat('native', Number(/x(\d+)$/.exec(word)?.[1] ?? 0) + 1);
  if (word === 'stale') return ['stale'];
  const gaps = /^_(?:x(\d+))?$/.exec(word);
  if (gaps !== null) return repeat('gap', Number(gaps[1] ?? 1));
  if (PLAIN.test(word)) return [signedNumber(word)];
  const [, start = '', sign = '+', step = '0', times] = REPEATED.exec(word) ?? [];
  if (times === undefined) throw new AppError('BAD_REQUEST', `${JSON.stringify(word)} is not a series value`);
  const increment = signedNumber(step) * (sign === '-' ? -1 : 1);
  const values: number[] = [];
  let value = signedNumber(start);
  // Adding up, as Prometheus does, instead of multiplying: the last digits differ.
  for (const _ of repeat('gap', Number(times) + 1)) {
    values.push(value);
    value += increment;
  }
  return values;
}

function repeat(value: NotedValue, count: number): readonly NotedValue[] {
  if (count > VALUES_MAX) throw new AppError('BAD_REQUEST', `more than ${VALUES_MAX} values in a series`);
  return Array.from({ length: count }, () => value);
}

/** @throws AppError BAD_REQUEST when `text` is not a number */
export function signedNumber(text: string): number {
  const value = parseNumber(text.replace(/^[+-]/, ''));
  if (value === undefined) throw new AppError('BAD_REQUEST', `${JSON.stringify(text)} is not a number`);
  return text.startsWith('-') ? -value : value;
}
