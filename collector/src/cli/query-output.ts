/**
 * How `rollcall-collector query` prints a result. Label values come from anywhere: in tables and CSV they lose control
 * characters, which a terminal would obey, and CSV keeps them from being taken for formulas.
 */
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { z } from 'zod';
import { table } from './output.ts';

const point = z.tuple([z.number(), z.string()]);
const metric = z.record(z.string(), z.string());

/** `data` of the answers of the query API. */
export const queryData = z.discriminatedUnion('resultType', [
  z.object({ resultType: z.literal('scalar'), result: point }),
  z.object({ resultType: z.literal('string'), result: point }),
  z.object({ resultType: z.literal('vector'), result: z.array(z.object({ metric, value: point })) }),
  z.object({
    resultType: z.literal('matrix'),
    result: z.array(z.object({ metric, values: z.array(point) })),
  }),
]);
export type QueryData = z.infer<typeof queryData>;

type Metric = Readonly<Record<string, string>>;
/** Unix seconds and the value as the API writes it. */
type Point = readonly [seconds: number, value: string];

interface Row {
  readonly metric: Metric;
  readonly points: readonly Point[];
}

const LABEL_LENGTH_MAX = 4_096;
/** The longest text of a number is shorter. */
const VALUE_LENGTH_MAX = 330;
/** Narrower than this a series cannot be told from another. */
const SERIES_WIDTH_MIN = 20;
const CHART_WIDTH = 24;
const DIGITS = 6;

function rowsOf(data: QueryData): readonly Row[] {
  switch (data.resultType) {
    case 'scalar':
    case 'string':
      return [{ metric: {}, points: [data.result] }];
    case 'vector':
      return data.result.map(({ metric, value }) => ({ metric, points: [value] }));
    case 'matrix':
      return data.result.map(({ metric, values }) => ({ metric, points: values }));
  }
}

/**
 * For people: a value per series, or what a series did over the range.
 * @param columns width of the terminal, undefined when there is none
 */
export function toTable(data: QueryData, columns: number | undefined): string {
  if (data.resultType === 'scalar' || data.resultType === 'string') {
    return `${cleanText(data.result[1], LABEL_LENGTH_MAX)}\n`;
  }
  const rows = rowsOf(data);
  if (rows.length === 0) return 'no series\n';
  const [header, cellsOf] =
    data.resultType === 'matrix'
      ? ([['MIN', 'AVG', 'MAX', 'LAST', 'COURSE'], rangeCells] as const)
      : ([['VALUE'], instantCells] as const);
  const cells = rows.map(({ points }) => cellsOf(points));
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const taken = widths.reduce((sum, width) => sum + width + 2, 0);
  const room = columns === undefined ? undefined : Math.max(SERIES_WIDTH_MIN, columns - taken);
  return table(
    ['SERIES', ...header],
    rows.map(({ metric }, i) => [shortened(seriesText(metric), room), ...(cells[i] ?? [])]),
  );
}

function instantCells([first]: readonly Point[]): readonly string[] {
  return [cleanText(first?.[1] ?? '', VALUE_LENGTH_MAX)];
}

function rangeCells(points: readonly Point[]): readonly string[] {
  const values = points.map(([, text]) => toNumber(text));
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  const figures = [least(values), average, greatest(values), values.at(-1) ?? Number.NaN];
  return [...figures.map(shortNumber), chart(values)];
}

function toNumber(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

function least(values: readonly number[]): number {
  return values.reduce((low, value) => (value < low || Number.isNaN(low) ? value : low), Number.NaN);
}

function greatest(values: readonly number[]): number {
  return values.reduce((high, value) => (value > high || Number.isNaN(high) ? value : high), Number.NaN);
}

function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(DIGITS)));
}

const BARS = '▁▂▃▄▅▆▇█';

/** One bar per part of the range, its highest value; a blank where there is none. */
function chart(values: readonly number[]): string {
  const width = Math.min(CHART_WIDTH, values.length);
  const peaks = Array.from({ length: width }, (_, i) => {
    const from = Math.floor((i * values.length) / width);
    const to = Math.floor(((i + 1) * values.length) / width);
    return greatest(values.slice(from, to).filter(Number.isFinite));
  });
  const [low, high] = [least(peaks), greatest(peaks)];
  return peaks
    .map((peak) => {
      if (Number.isNaN(peak)) return ' ';
      const level = high === low ? 0 : Math.round(((peak - low) / (high - low)) * (BARS.length - 1));
      return BARS[level] ?? ' ';
    })
    .join('');
}

function seriesText(metric: Metric): string {
  const { __name__: name = '', ...labels } = metric;
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  const text = pairs.length === 0 && name !== '' ? name : `${name}{${pairs.join(', ')}}`;
  return cleanText(text, LABEL_LENGTH_MAX);
}

function shortened(text: string, room: number | undefined): string {
  return room === undefined || text.length <= room ? text : `${text.slice(0, room - 1).toWellFormed()}…`;
}

/** For programs: the `data` of the API in one line, safe to show. */
export function toJson(data: QueryData): string {
  const text = JSON.stringify(data);
  return `${text.replaceAll(/[\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu, escapeCharacter)}\n`;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** For spreadsheets: one line per sample, one column per label. Source: RFC 4180. */
export function toCsv(data: QueryData): string {
  const rows = rowsOf(data);
  const names = [...new Set(rows.flatMap(({ metric }) => Object.keys(metric)))].toSorted(byText);
  const lines = [[...names.map(csvCell), 'time', 'value'].join(',')];
  for (const { metric, points } of rows) {
    const labels = names.map((name) => csvCell(metric[name] ?? ''));
    for (const [seconds, value] of points) {
      const isText = data.resultType === 'string';
      lines.push([...labels, timeCell(seconds), isText ? csvCell(value) : String(toNumber(value))].join(','));
    }
  }
  return `${lines.join('\r\n')}\r\n`;
}

function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function timeCell(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString();
}

/** Spreadsheets take text that begins like this for a formula; an apostrophe in front keeps it text. */
const FORMULA = /^[\s]*[=+\-@]/;

function csvCell(text: string): string {
  const clean = cleanText(text, LABEL_LENGTH_MAX);
  const safe = FORMULA.test(clean) ? `'${clean}` : clean;
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
