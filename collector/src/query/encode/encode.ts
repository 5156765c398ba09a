/** Query results as JSON, in the exact forms of Prometheus (`web/api/v1/json_codec.go`). */
import type { Labels } from '../../storage/labels.ts';
import { formatDecimal, formatSample } from './format.ts';
import { JsonBytes } from './json-bytes.ts';
import type { MatrixSeries, QueryValue } from '../results.ts';
import { TimeHeads } from './time-heads.ts';

/** Bytes that are worth a piece. */
const PIECE_BYTES = 64 * 1024;
/** So many points are formatted before somebody looks how long the piece is. */
const POINTS_PER_LOOK = 1_000;

/** A buffer that had to grow for a very long label set is not kept. */
const SPARE_BYTES_MAX = 512 * 1024;

/** What is kept from answer to answer: times as text, and a buffer. */
export class EncoderMemory {
  readonly times = new TimeHeads();
  #spare: JsonBytes | undefined;

  /** An empty buffer, which is the caller's until it is given back. */
  take(): JsonBytes {
    const json = this.#spare ?? new JsonBytes();
    this.#spare = undefined;
    return json;
  }

  give(json: JsonBytes): void {
    json.take();
    if (json.capacity <= SPARE_BYTES_MAX) this.#spare = json;
  }
}

/**
 * The `data` of a query answer, in pieces; each is good until the next one is asked for.
 * @param memory what is known from earlier answers; several answers may be under way with the same one
 * @param more what stands behind the result: `,"name":value`
 */
export function* encodeQueryValue(
  value: QueryValue,
  memory = new EncoderMemory(),
  more = '',
): Generator<Uint8Array<ArrayBuffer>> {
  const json = memory.take();
  try {
    yield* encodeInto(json, value, memory.times);
    json.text(`${more}}`);
    yield json.take();
  } finally {
    memory.give(json);
  }
}

/** All but the end of the object. Yields whenever there is enough for a piece; what is left at the end stays in `json`. */
function* encodeInto(
  json: JsonBytes,
  value: QueryValue,
  times: TimeHeads,
): Generator<Uint8Array<ArrayBuffer>> {
  switch (value.kind) {
    case 'scalar':
      // Scalars never use an exponent.
      json.text(`{"resultType":"scalar","result":[${value.timeMs / 1000},"${formatDecimal(value.value)}"]`);
      break;
    case 'string':
      json.text(`{"resultType":"string","result":[${value.timeMs / 1000},${JSON.stringify(value.text)}]`);
      break;
    case 'vector':
      json.text('{"resultType":"vector","result":[');
      for (const [i, { labels, timeMs, value: sample }] of value.samples.entries()) {
        const head = times.headOf(timeMs).slice(1);
        json.text(
          `${i === 0 ? '' : ','}{"metric":${metricOf(labels)},"value":${head}${formatSample(sample)}"]}`,
        );
        if (json.length >= PIECE_BYTES) yield json.take();
      }
      json.text(']');
      break;
    case 'matrix':
      json.text('{"resultType":"matrix","result":[');
      for (const [i, series] of value.series.entries()) {
        json.text(`${i === 0 ? '' : ','}{"metric":${metricOf(series.labels)},"values":[`);
        yield* encodePoints(series, times, json);
        json.text(']}');
        if (json.length >= PIECE_BYTES) yield json.take();
      }
      json.text(']');
  }
}

/** Label sets as `JSON.stringify` writes them, in label order. */
function metricOf({ flat }: Labels): string {
  let text = '{';
  for (let i = 0; i < flat.length; i += 2)
    text += `${i === 0 ? '' : ','}${JSON.stringify(flat[i])}:${JSON.stringify(flat[i + 1])}`;
  return `${text}}`;
}

function* encodePoints(
  { timestamps, values }: MatrixSeries,
  times: TimeHeads,
  json: JsonBytes,
): Generator<Uint8Array<ArrayBuffer>> {
  const heads = times.headsOf(timestamps);
  // Series that never change are most of a chart of errors, or of what is up: all of them read alike.
  const constant = constantOf(values);
  const known = constant === undefined ? undefined : heads.constantText(constant);
  if (known !== undefined) {
    json.bytes(known);
    return;
  }
  const start = json.length;
  let isWhole = true;
  for (let from = 0; from < values.length; from += POINTS_PER_LOOK) {
    json.points(heads, values, from, Math.min(values.length, from + POINTS_PER_LOOK));
    if (json.length < PIECE_BYTES) continue;
    yield json.take();
    isWhole = false;
  }
  if (constant !== undefined && isWhole) heads.keepConstantText(constant, json.copyFrom(start));
}

/** The value of all points, undefined when they differ. */
function constantOf(values: Float64Array): number | undefined {
  const first = values[0];
  // 0 and -0 read differently.
  for (let i = 0; i < values.length; i++) if (!Object.is(values[i], first)) return undefined;
  return first;
}
