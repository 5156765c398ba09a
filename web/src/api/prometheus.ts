/** Reader for answers of the Prometheus query API (prometheus.io/docs/prometheus/latest/querying/api). */
import { Malformed, fieldsOf, listOf, oneOf, recordOf, text } from './read.ts';
import type { Read } from './read.ts';

/** One series of a range query: its labels and its points in the order of time. */
export interface MatrixSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970 and value; values may be NaN or infinite, as the API allows. */
  readonly points: readonly (readonly [timeS: number, value: number])[];
}

/** `/api/v1/query_range` with `status: success`. */
export const readMatrix: Read<readonly MatrixSeries[]> = (value, path) => {
  const field = fieldsOf(value, path);
  field('status', oneOf(['success']));
  const data = field('data', fieldsOf);
  data('resultType', oneOf(['matrix']));
  return data('result', listOf(readSeries));
};

/** The body of a refusal of the Prometheus API: a type such as `bad_data`, and a message. */
export const readPrometheusError: Read<{ readonly type: string; readonly message: string }> = (
  value,
  path,
) => {
  const field = fieldsOf(value, path);
  field('status', oneOf(['error']));
  return { type: field('errorType', text), message: field('error', text) };
};

const readSeries: Read<MatrixSeries> = (value, path) => {
  const field = fieldsOf(value, path);
  return { labels: field('metric', recordOf(text)), points: field('values', listOf(readPoint)) };
};

const readPoint: Read<readonly [timeS: number, value: number]> = (value, path) => {
  if (!Array.isArray(value) || value.length !== 2) throw new Malformed(path, 'a pair of time and value');
  const [time, number]: readonly unknown[] = value;
  if (typeof time !== 'number' || !Number.isFinite(time)) throw new Malformed(path, 'a time in seconds');
  return [time, readSampleValue(number, path)];
};

const SPECIAL_VALUES: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['+Inf', Number.POSITIVE_INFINITY],
  ['Inf', Number.POSITIVE_INFINITY],
  ['-Inf', Number.NEGATIVE_INFINITY],
]);

function readSampleValue(value: unknown, path: string): number {
  if (typeof value !== 'string') throw new Malformed(path, 'a value as a string');
  const special = SPECIAL_VALUES.get(value);
  if (special !== undefined) return special;
  const number = Number(value);
  if (value.trim() === '' || Number.isNaN(number)) throw new Malformed(path, 'a number as a string');
  return number;
}
