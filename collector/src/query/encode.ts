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
        yield `${i === 0 ? '' : ','}{"metric":${JSON.stringify(labels)},"value":${pair(timeMs, sample)}}`;
      }
      yield ']}';
      return;
    case 'matrix':
      yield '{"resultType":"matrix","result":[';
      for (const [i, series] of value.series.entries()) {
        yield `${i === 0 ? '' : ','}{"metric":${JSON.stringify(series.labels)},"values":[`;
        yield* encodePoints(series);
        yield ']}';
      }
      yield ']}';
  }
}

function* encodePoints({ timestamps, values }: MatrixSeries): Generator<string> {
  for (let start = 0; start < values.length; start += POINTS_PER_PIECE) {
    const end = Math.min(values.length, start + POINTS_PER_PIECE);
    let piece = '';
    for (let i = start; i < end; i++) {
      piece += (i === 0 ? '' : ',') + pair(timestamps[i] ?? NaN, values[i] ?? NaN);
    }
    yield piece;
  }
}

function pair(timeMs: number, value: number): string {
  return `[${formatTime(timeMs)},"${formatSample(value)}"]`;
}

/** Seconds, with three decimals unless they are all zero. */
function formatTime(timeMs: number): string {
  const fraction = Math.abs(timeMs % 1000);
  return fraction === 0 ? String(timeMs / 1000) : (timeMs / 1000).toFixed(3);
}
