/** Query results as JSON, in the exact forms of Prometheus (`web/api/v1/json_codec.go`). */
import { formatDecimal, formatSample } from './format.ts';
import type { MatrixSeries, QueryValue } from './results.ts';

/** So many points are formatted before they are handed on. */
const POINTS_PER_PIECE = 1_000;

/** The `data` of a query answer, in pieces. */
export function* encodeQueryValue(value: QueryValue): Generator<string> {
  switch (value.kind) {
    case 'scalar':
      // Scalars never use an exponent.
      yield `{"resultType":"scalar","result":[${value.timeMs / 1000},"${formatDecimal(value.value)}"]}`;
      return;
    case 'string':
      yield `{"resultType":"string","result":[${value.timeMs / 1000},${JSON.stringify(value.text)}]}`;
      return;
    case 'vector':
      yield '{"resultType":"vector","result":[';
      for (const [i, { labels, timeMs, value: sample }] of value.samples.entries()) {
        const pair = `[${formatTime(timeMs)},"${formatSample(sample)}"]`;
        yield `${i === 0 ? '' : ','}{"metric":${JSON.stringify(labels)},"value":${pair}}`;
      }
      yield ']}';
      return;
    case 'matrix': {
      const times = new TimeTexts();
      yield '{"resultType":"matrix","result":[';
      for (const [i, series] of value.series.entries()) {
        yield `${i === 0 ? '' : ','}{"metric":${JSON.stringify(series.labels)},"values":[`;
        yield* encodePoints(series, times);
        yield ']}';
      }
      yield ']}';
    }
  }
}

function* encodePoints({ timestamps, values }: MatrixSeries, times: TimeTexts): Generator<string> {
  // Every head begins with the comma that parts two points.
  const heads = times.headsOf(timestamps);
  for (let start = 0; start < values.length; start += POINTS_PER_PIECE) {
    const end = Math.min(values.length, start + POINTS_PER_PIECE);
    const texts = formatAll(values.subarray(start, end));
    let piece = '';
    for (let i = start; i < end; i++) piece += `${heads[i] ?? ''}${texts[i - start] ?? ''}"]`;
    yield start === 0 ? piece.slice(1) : piece;
  }
}

/** Every value as by `formatSample`. One call of the platform for all of them takes half the time of one for each. */
function formatAll(values: Float64Array): readonly string[] {
  // Much of what is measured never changes.
  const [first] = values;
  if (first !== undefined && values.every((value) => Object.is(value, first))) {
    const text = formatSample(first);
    return Array.from(values, () => text);
  }
  const texts = JSON.stringify(Array.from(values)).slice(1, -1).split(',');
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    const size = Math.abs(value);
    // JSON knows neither infinities nor NaN nor -0, and writes short exponents.
    if (!(size >= 1e-6 && size < 1e21)) texts[i] = formatSample(value);
  }
  return texts;
}

/** Times as text: all series of a matrix have theirs on one grid, so each is formatted once. */
class TimeTexts {
  readonly #heads = new Map<number, string>();
  #newest: { readonly timestamps: Float64Array; readonly heads: readonly string[] } | undefined;

  /** What stands before each value: comma, bracket, time, comma, quote. Series without gaps share their array of times. */
  headsOf(timestamps: Float64Array): readonly string[] {
    if (this.#newest?.timestamps === timestamps) return this.#newest.heads;
    const heads = Array.from(timestamps, (timeMs) => this.#headOf(timeMs));
    this.#newest = { timestamps, heads };
    return heads;
  }

  #headOf(timeMs: number): string {
    let head = this.#heads.get(timeMs);
    if (head === undefined) {
      head = `,[${formatTime(timeMs)},"`;
      if (this.#heads.size < TIME_TEXTS_MAX) this.#heads.set(timeMs, head);
    }
    return head;
  }
}

/** Steps of a range query; a matrix of raw samples may have more times. */
const TIME_TEXTS_MAX = 12_000;

/** Seconds, with three decimals unless they are all zero. */
function formatTime(timeMs: number): string {
  const fraction = Math.abs(timeMs % 1000);
  return fraction === 0 ? String(timeMs / 1000) : (timeMs / 1000).toFixed(3);
}
