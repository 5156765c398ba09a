/**
 * The messages of remote write and read 1.0 as the side that asks sends and receives them. Source: prompb/remote.proto
 * of github.com/prometheus/prometheus.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { ByteWriter, varintBytes } from '@rollcall/shared/lib/varint.ts';
import { Labels } from '../labels.ts';
import type { Series } from '../storage.ts';
import { OPERATORS, putLabels, readPair, type ReadQuery } from './messages.ts';
import { MessageReader, putDouble, putKey, putMessage, putText, WIRE } from './protobuf.ts';

/** Of a request's memory; it grows. */
const BYTES_INITIAL = 1024 * 1024;
const NO_BYTES = new Uint8Array(0);
/** Bytes of a Sample without its time: two keys and a double. */
const SAMPLE_FIXED_BYTES = 10;

/** Writes the requests of one store. Labels that come again are encoded once, as long as their caller keeps them. */
export class WriteRequestEncoder {
  readonly #known = new WeakMap<Labels, Uint8Array>();

  /** The labels as they stand in a TimeSeries; empty when they have no metric name or are not Unicode text. */
  labelBytes(labels: Labels): Uint8Array {
    let bytes = this.#known.get(labels);
    if (bytes === undefined) {
      bytes = encodeLabels(labels);
      this.#known.set(labels, bytes);
    }
    return bytes;
  }

  /**
   * The bytes of a WriteRequest, not packed. Labels are sorted, stale markers have the bits that Prometheus gives them.
   * Times must be integers from 0 to 2^53 - 1.
   */
  encode(batch: readonly Series[]): Buffer {
    const writer = new ByteWriter(BYTES_INITIAL);
    for (const { labels, timestamps, values, stale } of batch) {
      const labelBytes = this.labelBytes(labels);
      let length = labelBytes.length;
      // Behind the key and the length of the sample.
      for (const timeMs of timestamps) length += 2 + SAMPLE_FIXED_BYTES + varintBytes(timeMs);
      putKey(writer, 1, WIRE.BYTES);
      writer.varint(length);
      writer.bytes(labelBytes);
      for (let i = 0; i < timestamps.length; i++) {
        const timeMs = timestamps[i] ?? 0;
        putKey(writer, 2, WIRE.BYTES);
        writer.u8(SAMPLE_FIXED_BYTES + varintBytes(timeMs));
        putKey(writer, 1, WIRE.FIXED64);
        putDouble(writer, { value: values[i] ?? Number.NaN, isStale: stale?.[i] === 1 });
        putKey(writer, 2, WIRE.VARINT);
        writer.varint(timeMs);
      }
    }
    return writer.view();
  }
}

function encodeLabels(labels: Labels): Uint8Array {
  if (labels.metricName === '' || !labels.flat.every((text) => text.isWellFormed())) return NO_BYTES;
  const writer = new ByteWriter();
  putLabels(writer, labels);
  return writer.copy();
}

/** The bytes of a ReadRequest that wants plain samples, not packed. */
export function encodeReadRequest(queries: readonly ReadQuery[]): Buffer {
  const writer = new ByteWriter();
  for (const { fromMs, toMs, matchers } of queries) {
    putMessage(writer, 1, () => {
      putKey(writer, 1, WIRE.VARINT);
      writer.varint(fromMs);
      putKey(writer, 2, WIRE.VARINT);
      writer.varint(toMs);
      for (const { name, operator, value } of matchers) {
        putMessage(writer, 3, () => {
          putKey(writer, 1, WIRE.VARINT);
          writer.varint(OPERATORS.indexOf(operator));
          putText(writer, 2, name);
          putText(writer, 3, value);
        });
      }
    });
  }
  return writer.copy();
}

/**
 * The series of a ReadResponse to one query, one by one, in the order in which they came.
 * @throws AppError BAD_REQUEST on malformed bytes, also after some series
 */
export function* decodeReadResponse(bytes: Buffer): Generator<Series> {
  const response = new MessageReader(bytes);
  while (response.next()) {
    if (response.field !== 1) {
      response.skip();
      continue;
    }
    const result = response.message();
    while (result.next()) {
      if (result.field === 1) yield decodeTimeSeries(result.message());
      else result.skip();
    }
  }
}

function decodeTimeSeries(message: MessageReader): Series {
  const pairs: (readonly [string, string])[] = [];
  const timestamps: number[] = [];
  const values: number[] = [];
  const stale: number[] = [];
  while (message.next()) {
    if (message.field === 1) {
      pairs.push(labelOf(message.message()));
    } else if (message.field === 2) {
      const sample = message.message();
      let [timeMs, value, isStale] = [0, 0, false];
      while (sample.next()) {
        if (sample.field === 1) ({ value, isStale } = sample.double());
        else if (sample.field === 2) timeMs = sample.integer();
        else sample.skip();
      }
      timestamps.push(timeMs);
      values.push(value);
      if (isStale) stale.push(timestamps.length - 1);
    } else {
      message.skip();
    }
  }
  const marks = stale.length === 0 ? undefined : new Uint8Array(timestamps.length);
  for (const at of stale) marks?.fill(1, at, at + 1);
  return {
    labels: Labels.from(pairs),
    timestamps: Float64Array.from(timestamps),
    values: Float64Array.from(values),
    stale: marks,
  };
}

function labelOf(message: MessageReader): readonly [string, string] {
  const { name, value } = readPair(message);
  if (name === undefined || value === undefined) {
    throw new AppError('BAD_REQUEST', 'a label of a read answer is not valid UTF-8');
  }
  return [name, value];
}
