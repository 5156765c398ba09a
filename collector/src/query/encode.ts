/** Query results as JSON, in the exact forms of Prometheus (`web/api/v1/json_codec.go`). */
import type { Labels } from '../storage/labels.ts';
import { formatDecimal, formatSample } from './format.ts';
import { JsonBytes } from './json-bytes.ts';
import type { MatrixSeries, QueryValue } from './results.ts';
import { TimeHeads } from './time-heads.ts';

/** Bytes that are worth a piece. */
const PIECE_BYTES = 64 * 1024;
/** So many points are formatted before somebody looks how long the piece is. */
const POINTS_PER_LOOK = 1_000;
const QUOTE = 34;
const BRACKET = 93;

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
 */
export function* encodeQueryValue(
  value: QueryValue,
  memory = new EncoderMemory(),
): Generator<Uint8Array<ArrayBuffer>> {
  const json = memory.take();
  try {
    yield* encodeInto(json, value, memory.times);
    yield json.take();
  } finally {
    memory.give(json);
  }
}

/** Yields whenever there is enough for a piece; what is left at the end stays in `json`. */
function* encodeInto(
  json: JsonBytes,
  value: QueryValue,
  times: TimeHeads,
): Generator<Uint8Array<ArrayBuffer>> {
  switch (value.kind) {
    case 'scalar':
      // Scalars never use an exponent.
      json.text(`{"resultType":"scalar","result":[${value.timeMs / 1000},"${formatDecimal(value.value)}"]}`);
      break;
    case 'string':
      json.text(`{"resultType":"string","result":[${value.timeMs / 1000},${JSON.stringify(value.text)}]}`);
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
      json.text(']}');
      break;
    case 'matrix':
      json.text('{"resultType":"matrix","result":[');
      for (const [i, series] of value.series.entries()) {
        json.text(`${i === 0 ? '' : ','}{"metric":${metricOf(series.labels)},"values":[`);
        yield* encodePoints(series, times, json);
        json.text(']}');
      }
      json.text(']}');
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
  const { bytes, ends } = times.headsOf(timestamps);
  // Every head begins with the comma that parts two points; before the first there is none.
  let start = 1;
  for (let i = 0; i < values.length; i++) {
    const end = ends[i] ?? start;
    json.bytes(bytes, start, end);
    json.sample(values[i] ?? Number.NaN);
    json.byte(QUOTE);
    json.byte(BRACKET);
    start = end;
    if (i % POINTS_PER_LOOK === 0 && json.length >= PIECE_BYTES) yield json.take();
  }
}
