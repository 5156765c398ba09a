/**
 * Series as text: OpenMetrics, comma-separated values, and JSON lines as other stores import them. Stale markers are left
 * out, because none of the three can hold them.
 */
import { escapedValue, METRIC_NAME, type Labels } from '../storage/labels.ts';
import type { Series } from '../storage/storage.ts';

export const EXPORT_FORMATS = ['openmetrics', 'csv', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Writes series as text; one for each export. */
export interface SeriesWriter {
  /** What stands before everything. */
  readonly head: string;
  /** What stands behind everything. */
  readonly tail: string;
  /** The text of a series in pieces of bounded length. The series of a metric come one after another. */
  write(series: Series): Iterable<string>;
}

/** Samples in one piece of text. */
const PIECE_SAMPLES = 5_000;

export function seriesWriter(format: ExportFormat): SeriesWriter {
  switch (format) {
    case 'openmetrics':
      return openMetricsWriter();
    case 'csv':
      return { head: 'time,metric,labels,value\n', tail: '', write: writeCsv };
    case 'jsonl':
      return { head: '', tail: '', write: writeJsonLines };
  }
}

/** Source: OpenMetrics 1.0, https://prometheus.io/docs/specs/om/open_metrics_spec/ */
function openMetricsWriter(): SeriesWriter {
  let family: string | undefined;
  return {
    head: '',
    tail: '# EOF\n',
    *write(series) {
      const name = series.labels.metricName;
      if (name !== family) yield `# TYPE ${nameText(name)} unknown\n`;
      family = name;
      const prefix = `${seriesText(series.labels)} `;
      yield* pieces(series, (value, timeMs) => `${prefix}${numberText(value)} ${timeMs / 1000}\n`);
    },
  };
}

function writeCsv(series: Series): Iterable<string> {
  const middle = `,${csvCell(series.labels.metricName)},${csvCell(labelsText(series.labels))},`;
  return pieces(
    series,
    (value, timeMs) => `${new Date(timeMs).toISOString()}${middle}${numberText(value)}\n`,
  );
}

/** A line per piece of a series: its labels, values, and times in milliseconds. */
function* writeJsonLines({ labels, timestamps, values, stale }: Series): Iterable<string> {
  const metric = JSON.stringify(labels.toObject());
  for (let from = 0; from < values.length; from += PIECE_SAMPLES) {
    const rows = rowsOf(from, values.length, stale);
    if (rows.length === 0) continue;
    const valueTexts = rows.map((row) => jsonNumber(values[row] ?? Number.NaN));
    const timeTexts = rows.map((row) => timestamps[row]);
    yield `{"metric":${metric},"values":[${valueTexts.join()}],"timestamps":[${timeTexts.join()}]}\n`;
  }
}

function* pieces(
  { timestamps, values, stale }: Series,
  line: (value: number, timeMs: number) => string,
): Iterable<string> {
  for (let from = 0; from < values.length; from += PIECE_SAMPLES) {
    let text = '';
    for (const row of rowsOf(from, values.length, stale))
      text += line(values[row] ?? 0, timestamps[row] ?? 0);
    if (text !== '') yield text;
  }
}

/** Rows of the piece that begins at `from`, without stale markers. */
function rowsOf(from: number, length: number, stale: Uint8Array | undefined): readonly number[] {
  const rows: number[] = [];
  for (let row = from; row < Math.min(length, from + PIECE_SAMPLES); row++) {
    if (stale?.[row] !== 1) rows.push(row);
  }
  return rows;
}

/** A name that the text format does not know stands in quotes among the labels. */
function seriesText(labels: Labels): string {
  const { metricName } = labels;
  if (METRIC.test(metricName)) return `${metricName}${labelsText(labels)}`;
  return `{${[nameText(metricName), ...labelPairs(labels)].join()}}`;
}

function labelsText(labels: Labels): string {
  const pairs = labelPairs(labels);
  return pairs.length === 0 ? '' : `{${pairs.join()}}`;
}

function labelPairs(labels: Labels): readonly string[] {
  const pairs: string[] = [];
  for (const [name, value] of labels.entries()) {
    if (name !== METRIC_NAME) pairs.push(`${nameText(name, LABEL)}="${escapedValue(value)}"`);
  }
  return pairs;
}

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** A name, in quotes unless it is classic. Source: https://prometheus.io/docs/specs/om/open_metrics_spec_2_0/ */
function nameText(name: string, classic = METRIC): string {
  return classic.test(name) ? name : `"${escapedValue(name)}"`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

/** JSON has no name for what is not finite. */
function jsonNumber(value: number): string {
  return Number.isFinite(value) ? numberText(value) : `"${numberText(value)}"`;
}

/** RFC 4180. */
function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
