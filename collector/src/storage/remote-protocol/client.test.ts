import { assert, property, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { Labels } from '../labels.ts';
import type { Series } from '../storage.ts';
import { decodeReadResponse, encodeReadRequest, encodeWriteRequest } from './client.ts';
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
  const [written] = seriesIn(encodeWriteRequest([SERIES]));
  expect(decodeLabels(written?.labelBytes ?? Buffer.alloc(0))?.toObject()).toEqual(SERIES.labels.toObject());
  expect(written?.samples).toEqual([
    { timeMs: 1, value: 1.5 },
    { timeMs: 2, value: Number.NaN, isStale: true },
    { timeMs: 3, value: -Infinity },
  ]);
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
