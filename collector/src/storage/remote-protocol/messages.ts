/**
 * The messages of remote write and read 1.0, as far as Rollcall has a use for them. Source: prompb/remote.proto and
 * prompb/types.proto of github.com/prometheus/prometheus.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import type { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { Labels } from '../labels.ts';
import type { MatchOperator } from '../matcher.ts';
import type { AppendSample, Series } from '../storage.ts';
import { MessageReader, putDouble, putKey, putMessage, putText, WIRE } from './protobuf.ts';

/** A series of a write request. */
export interface WrittenSeries {
  /** The labels as they came, for `decodeLabels`: equal bytes are equal labels. A view into the request. */
  readonly labelBytes: Buffer;
  readonly samples: readonly AppendSample[];
  /** Native histograms, which Rollcall does not store. */
  readonly histogramCount: number;
  /** Exemplars, which it does not store either. */
  readonly exemplarCount: number;
}

/** What a sender knows about a metric. */
export interface WrittenMetadata {
  readonly metric: string;
  /** As the metadata API names it. */
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

/** A part of a write request; `other` is what nobody has a use for. */
export type WrittenPart =
  | ({ readonly kind: 'series' } & WrittenSeries)
  | ({ readonly kind: 'metadata' } & WrittenMetadata)
  | { readonly kind: 'other' };

/** Fields of a series in one part, samples among them: a request of one series may be millions of them. */
const FIELDS_PER_PART = 1_000;

/**
 * The parts of a WriteRequest, one by one, each quickly; a long series comes in several.
 * @throws AppError BAD_REQUEST on malformed bytes, also after some parts
 */
export function* decodeWriteRequest(bytes: Buffer): Generator<WrittenPart> {
  const request = new MessageReader(bytes);
  while (request.next()) {
    if (request.field === 1) {
      for (const part of decodeSeries(request.message())) yield { kind: 'series', ...part };
    } else if (request.field === 3) {
      yield { kind: 'metadata', ...decodeMetadata(request.message()) };
    } else {
      request.skip();
      yield { kind: 'other' };
    }
  }
}

/** MetricMetadata.MetricType of the protocol. */
const METRIC_TYPES = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
] as const;

function decodeMetadata(message: MessageReader): WrittenMetadata {
  let [metric, type, help, unit] = ['', 0, '', ''];
  while (message.next()) {
    if (message.field === 1) type = message.integer();
    else if (message.field === 2) metric = message.text() ?? '';
    else if (message.field === 4) help = message.text() ?? '';
    else if (message.field === 5) unit = message.text() ?? '';
    else message.skip();
  }
  return { metric, type: METRIC_TYPES[type] ?? 'unknown', help, unit };
}

function* decodeSeries(message: MessageReader): Generator<WrittenSeries> {
  const labelsStart = message.position;
  let labelsEnd = labelsStart;
  let isPastLabels = false;
  let samples: AppendSample[] = [];
  let [exemplarCount, histogramCount] = [0, 0];
  const part = (): WrittenSeries => ({
    labelBytes: message.bytes.subarray(labelsStart, labelsEnd),
    samples,
    histogramCount,
    exemplarCount,
  });
  for (let fields = 1; message.next(); fields++) {
    // Among the labels the part has no samples, and nobody has a use for it.
    if (fields % FIELDS_PER_PART === 0) {
      yield part();
      samples = [];
      [exemplarCount, histogramCount] = [0, 0];
    }
    if (message.field === 1) {
      // Every sender writes the labels first; so the bytes that stand for them lie in one place.
      if (isPastLabels) throw new AppError('BAD_REQUEST', 'a series has labels behind its samples');
      message.skip();
      labelsEnd = message.position;
      continue;
    }
    isPastLabels = true;
    if (message.field === 2) {
      samples.push(decodeSample(message.message()));
    } else {
      if (message.field === 3) exemplarCount++;
      else if (message.field === 4) histogramCount++;
      message.skip();
    }
  }
  yield part();
}

function decodeSample(message: MessageReader): AppendSample {
  let timeMs = 0;
  let value = 0;
  let isStale = false;
  while (message.next()) {
    if (message.field === 1) ({ value, isStale } = message.double());
    else if (message.field === 2) timeMs = message.integer();
    else message.skip();
  }
  return isStale ? { timeMs, value, isStale } : { timeMs, value };
}

/**
 * The labels of a written series; undefined when they break the protocol: no metric name, a label twice or out of
 * order, an empty name, or text that is not UTF-8.
 * @throws AppError BAD_REQUEST on malformed bytes
 */
export function decodeLabels(labelBytes: Buffer): Labels | undefined {
  const message = new MessageReader(labelBytes);
  const pairs: (readonly [string, string])[] = [];
  let isValid = true;
  while (message.next()) {
    const { name, value } = readPair(message.message());
    const previous = pairs.at(-1)?.[0];
    if (name === undefined || name === '' || value === undefined) isValid = false;
    else if (previous !== undefined && compareUtf8(previous, name) >= 0) isValid = false;
    else pairs.push([name, value]);
  }
  if (!isValid) return undefined;
  const labels = Labels.from(pairs);
  return labels.metricName === '' ? undefined : labels;
}

/** Name and value of a label; undefined where the text is not UTF-8. */
export function readPair(message: MessageReader): {
  readonly name: string | undefined;
  readonly value: string | undefined;
} {
  let name: string | undefined = '';
  let value: string | undefined = '';
  while (message.next()) {
    if (message.field === 1) name = message.text();
    else if (message.field === 2) value = message.text();
    else message.skip();
  }
  return { name, value };
}

/** One query of a read request; both ends of the range are inclusive. */
export interface ReadQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly matchers: readonly ReadMatcher[];
}

export interface ReadMatcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

export interface ReadRequest {
  readonly queries: readonly ReadQuery[];
  /** Whether the client takes plain samples; the other kind, streamed chunks, is not offered. */
  readonly acceptsSamples: boolean;
}

const SAMPLES = 0;
/** By their number in a LabelMatcher. */
export const OPERATORS: readonly MatchOperator[] = ['=', '!=', '=~', '!~'];

/**
 * A ReadRequest; hints are left out, because every sample is wanted.
 * @throws AppError BAD_REQUEST on malformed bytes
 */
export function decodeReadRequest(bytes: Buffer): ReadRequest {
  const message = new MessageReader(bytes);
  const queries: ReadQuery[] = [];
  const accepted: number[] = [];
  while (message.next()) {
    if (message.field === 1) queries.push(decodeQuery(message.message()));
    else if (message.field === 2) accepted.push(...message.integers());
    else message.skip();
  }
  return { queries, acceptsSamples: accepted.length === 0 || accepted.includes(SAMPLES) };
}

function decodeQuery(message: MessageReader): ReadQuery {
  let fromMs = 0;
  let toMs = 0;
  const matchers: ReadMatcher[] = [];
  while (message.next()) {
    if (message.field === 1) fromMs = message.integer();
    else if (message.field === 2) toMs = message.integer();
    else if (message.field === 3) matchers.push(decodeMatcher(message.message()));
    else message.skip();
  }
  return { fromMs, toMs, matchers };
}

function decodeMatcher(message: MessageReader): ReadMatcher {
  let type = 0;
  let name: string | undefined = '';
  let value: string | undefined = '';
  while (message.next()) {
    if (message.field === 1) type = message.integer();
    else if (message.field === 2) name = message.text();
    else if (message.field === 3) value = message.text();
    else message.skip();
  }
  const operator = OPERATORS[type];
  if (operator === undefined) throw new AppError('BAD_REQUEST', `label matcher of unknown type ${type}`);
  if (name === undefined || value === undefined) {
    throw new AppError('BAD_REQUEST', 'label matcher is not valid UTF-8');
  }
  return { name, operator, value };
}

/** Writes the labels of a TimeSeries. */
export function putLabels(writer: ByteWriter, labels: Labels): void {
  for (const [name, value] of labels.entries()) {
    putMessage(writer, 1, () => {
      putText(writer, 1, name);
      putText(writer, 2, value);
    });
  }
}

/** Writes a series as a TimeSeries in field 1, as it stands both in write requests and in the results of reads. */
export function putSeries(writer: ByteWriter, { labels, timestamps, values, stale }: Series): void {
  putMessage(writer, 1, () => {
    putLabels(writer, labels);
    for (let i = 0; i < timestamps.length; i++) {
      putMessage(writer, 2, () => {
        putKey(writer, 1, WIRE.FIXED64);
        putDouble(writer, { value: values[i] ?? Number.NaN, isStale: stale?.[i] === 1 });
        putKey(writer, 2, WIRE.VARINT);
        writer.varint(timestamps[i] ?? 0);
      });
    }
  });
}
