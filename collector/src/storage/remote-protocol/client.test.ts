import {
  array,
  assert,
  boolean,
  constantFrom,
  double,
  integer,
  property,
  record,
  uint8Array,
} from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { Labels } from '../labels.ts';
import type { Series } from '../storage.ts';
import { decodeReadResponse, encodeReadRequest, WriteRequestEncoder } from './client.ts';
import { decodeReadRequest, decodeLabels, putSeries } from './messages.ts';
import { putMessage } from './protobuf.ts';
import { seriesIn } from './testing/write-request.ts';

const SERIES: Series = {
  labels: Labels.of({ __name__: 'm', a: 'é"\n', z: '😀' }),
  timestamps: Float64Array.of(1, 2, 3),
  values: Float64Array.of(1.5, Number.NaN, -Infinity),
  stale: Uint8Array.of(0, 1, 0),
};

function response(all: readonly Series[]): Buffer {
  const writer = new ByteWriter();
  putMessage(writer, 1, () => {
    for (const series of all) putSeries(writer, series);
  });
  return writer.copy();
}

test('a write request carries labels, samples and stale markers', () => {
  const [written] = seriesIn(new WriteRequestEncoder().encode([SERIES]));
  expect(decodeLabels(written?.labelBytes ?? Buffer.alloc(0))?.toObject()).toEqual(SERIES.labels.toObject());
  expect(written?.samples).toEqual([
    { timeMs: 1, value: 1.5 },
    { timeMs: 2, value: Number.NaN, isStale: true },
    { timeMs: 3, value: -Infinity },
  ]);
});

test('a write request has the bytes of the general encoder, also when labels come again', () => {
  const encoder = new WriteRequestEncoder();
  const times = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const series = record({
    name: constantFrom('m', 'é"\n', 'x'.repeat(200)),
    samples: array(record({ timeMs: times, value: double(), isStale: boolean() }), { maxLength: 20 }),
  });
  const labels = new Map<string, Labels>();
  assert(
    property(array(series, { maxLength: 5 }), (all) => {
      const batch = all.map(({ name, samples }): Series => {
        const known = labels.get(name) ?? Labels.of({ __name__: name, instance: '😀' });
        labels.set(name, known);
        return {
          labels: known,
          timestamps: Float64Array.from(samples, ({ timeMs }) => timeMs),
          values: Float64Array.from(samples, ({ value }) => value),
          stale: Uint8Array.from(samples, ({ isStale }) => (isStale ? 1 : 0)),
        };
      });
      const writer = new ByteWriter();
      for (const one of batch) putSeries(writer, one);
      expect(encoder.encode(batch).equals(writer.view())).toBe(true);
    }),
  );
});

test('labels without a name or Unicode form cannot be written', () => {
  const encoder = new WriteRequestEncoder();
  expect(encoder.labelBytes(Labels.of({ a: 'b' }))).toHaveLength(0);
  expect(encoder.labelBytes(Labels.of({ __name__: 'm', a: '\ud800' }))).toHaveLength(0);
});

test('a read request is understood by the side that answers', () => {
  const queries = [
    { fromMs: 5, toMs: 2 ** 41, matchers: [{ name: 'a', operator: '!~' as const, value: 'x|"' }] },
  ];
  expect(decodeReadRequest(encodeReadRequest(queries))).toEqual({ queries, acceptsSamples: true });
});

test('an answer gives back the series of the other side', () => {
  expect([...decodeReadResponse(response([SERIES, { ...SERIES, stale: undefined }]))]).toEqual([
    SERIES,
    { ...SERIES, stale: undefined },
  ]);
});

test('an answer that is cut or garbled is an error or fewer series, never a crash', () => {
  const whole = response([SERIES]);
  for (let end = 1; end < whole.length; end++) {
    expect(() => [...decodeReadResponse(whole.subarray(0, end))]).toThrow('body is not a protobuf message');
  }
  const readable = (bytes: Uint8Array): boolean => {
    try {
      return [...decodeReadResponse(Buffer.from(bytes))].length < 60;
    } catch (error) {
      return error instanceof AppError && error.code === 'BAD_REQUEST';
    }
  };
  assert(property(uint8Array({ maxLength: 60 }), readable));
});
