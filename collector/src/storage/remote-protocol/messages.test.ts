import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../labels.ts';
import type { Series } from '../storage.ts';
import { decodeLabels, decodeReadRequest, decodeWriteRequest, putSeries } from './messages.ts';
import { seriesIn } from './testing/write-request.ts';

/** Bytes of hexadecimal text; blanks are for the reader. */
function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function encode(all: readonly Series[]): Buffer {
  const writer = new ByteWriter();
  for (const series of all) putSeries(writer, series);
  return writer.copy();
}

function isRefused(work: () => unknown): boolean {
  return thrownCode(work) === 'BAD_REQUEST';
}

const LABEL_UP = '0a0e 0a085f5f6e616d655f5f 12027570';

describe('a write request', () => {
  const UP_AT_ONE_SECOND = hex(`0a1e ${LABEL_UP} 120c 09 000000000000f03f 10 e807`);

  it('gives labels and samples', () => {
    const [series, ...others] = seriesIn(UP_AT_ONE_SECOND);
    expect(others).toEqual([]);
    expect(series?.samples).toEqual([{ timeMs: 1_000, value: 1 }]);
    expect(decodeLabels(series?.labelBytes ?? Buffer.alloc(0))?.toObject()).toEqual({ __name__: 'up' });
  });

  it('gives a long series in several parts with the same labels, each of a thousand fields at most', () => {
    const timestamps = Float64Array.from({ length: 2_500 }, (_, i) => i);
    const labels = Labels.of({ __name__: 'up', a: 'b' });
    const parts = seriesIn(encode([{ labels, timestamps, values: timestamps, stale: undefined }]));
    expect(parts.length).toBe(3);
    expect(Math.max(...parts.map(({ samples }) => samples.length))).toBeLessThanOrEqual(1_000);
    expect(parts.flatMap(({ samples }) => samples.map(({ timeMs }) => timeMs))).toEqual([...timestamps]);
    for (const { labelBytes } of parts) expect(decodeLabels(labelBytes)?.equals(labels)).toBe(true);
  });

  it('is refused wherever it is cut', () => {
    for (let length = 1; length < UP_AT_ONE_SECOND.length; length++) {
      expect(isRefused(() => seriesIn(UP_AT_ONE_SECOND.subarray(0, length)))).toBe(true);
    }
  });

  it('tells stale markers from other NaN by their bits', () => {
    const valueOf = (bits: string) => {
      const [series] = seriesIn(hex(`0a1e ${LABEL_UP} 120c 09 ${bits} 10 e807`));
      return series?.samples[0];
    };
    expect(valueOf('020000000000f07f')).toEqual({ timeMs: 1_000, value: NaN, isStale: true });
    expect(valueOf('010000000000f87f')).toEqual({ timeMs: 1_000, value: NaN });
    expect(valueOf('000000000000f07f')).toEqual({ timeMs: 1_000, value: Infinity });
  });

  it('may hold negative times, which are ten bytes long', () => {
    const [series] = seriesIn(hex(`0a26 ${LABEL_UP} 1214 09 000000000000f03f 10 ffffffffffffffffff01`));
    expect(series?.samples).toEqual([{ timeMs: -1, value: 1 }]);
    const least = hex(`0a26 ${LABEL_UP} 1214 09 000000000000f03f 10 80808080808080808001`);
    expect(isRefused(() => seriesIn(least))).toBe(true);
  });

  it('is read back as it was written', () => {
    const value = fc.oneof(fc.double(), fc.constantFrom(-0, NaN, Infinity, -Infinity));
    const point = fc.tuple(fc.integer({ min: 0, max: 2 ** 48 - 1 }), value, fc.boolean());
    const label = fc.tuple(
      fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }),
      fc.string({ minLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(label), fc.array(point)), { maxLength: 5 }), (all) => {
        const given = all.map(([pairs, points]): Series => ({
          labels: Labels.from([...pairs.filter(([name]) => name.isWellFormed()), ['__name__', 'm']]),
          timestamps: Float64Array.from(points, ([timeMs]) => timeMs),
          values: Float64Array.from(points, ([, one]) => one),
          stale: Uint8Array.from(points, ([, , isStale]) => Number(isStale)),
        }));
        const read = seriesIn(encode(given));
        expect(read.map(({ labelBytes }) => decodeLabels(labelBytes)?.key)).toEqual(
          given.map(({ labels }) => labels.key),
        );
        expect(read.map(({ samples }) => samples)).toEqual(
          all.map(([, points]) =>
            points.map(([timeMs, one, isStale]) =>
              isStale ? { timeMs, value: NaN, isStale } : { timeMs, value: one },
            ),
          ),
        );
      }),
      { numRuns: 30 },
    );
  });

  it.each<[string, string]>([
    ['no metric name', '0a06 0a0161 120162'],
    ['a label twice', `${LABEL_UP} 0a06 0a0161 120162 0a06 0a0161 120163`],
    ['labels out of order', `${LABEL_UP} 0a06 0a0162 120162 0a06 0a0161 120163`],
    ['an empty label name', `0a03 120162 ${LABEL_UP}`],
    ['a value that is not UTF-8', `${LABEL_UP} 0a06 0a0161 1201ff`],
    ['an empty metric name', '0a0a 0a085f5f6e616d655f5f'],
  ])('has a series that is left out: %s', (_, labels) => {
    expect(decodeLabels(hex(labels))).toBeUndefined();
  });

  it.each<[string, string]>([
    ['a field number 0', '0200'],
    ['an unknown wire type', '0b'],
    ['a series with the wrong wire type', '0801'],
    ['a length beyond the end', '0aff01'],
    ['a length that is endless', '0affffffffffffffffff'],
    ['a sample in the wrong wire type', '0a04 1202 0801'],
    ['labels behind samples', `0a12 1200 ${LABEL_UP}`],
  ])('is refused as a whole: %s', (_, text) => {
    expect(isRefused(() => seriesIn(hex(text)))).toBe(true);
  });

  it('of random bytes ends in an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        for (const read of [decodeReadRequest, decodeLabels, (all: Buffer) => seriesIn(all)]) {
          expect([undefined, 'BAD_REQUEST']).toContain(thrownCode(() => read(buffer)));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a read request', () => {
  it('gives queries, matchers and what the client takes', () => {
    const matcher = '1a07 0802 120161 1a00';
    const request = hex(`0a0f 08e807 10d00f ${matcher} 1201 01`);
    expect(decodeReadRequest(request)).toEqual({
      queries: [{ fromMs: 1_000, toMs: 2_000, matchers: [{ name: 'a', operator: '=~', value: '' }] }],
      acceptsSamples: false,
    });
    expect(decodeReadRequest(hex('1000')).acceptsSamples).toBe(true);
    expect(decodeReadRequest(hex('1202 0100')).acceptsSamples).toBe(true);
    expect(decodeReadRequest(hex('')).acceptsSamples).toBe(true);
  });

  it('is refused with a matcher of an unknown type', () => {
    expect(isRefused(() => decodeReadRequest(hex('0a04 1a02 0804')))).toBe(true);
  });
});

it('reads what a sender says about its metrics', () => {
  // counter, "up_total", "Help.", "s"; then a type that does not exist yet, without anything else.
  const bytes = hex('1a16 0801 1208 75705f746f74616c 2205 48656c702e 2a01 73 1a02 0863');
  expect([...decodeWriteRequest(bytes)]).toEqual([
    { kind: 'metadata', metric: 'up_total', type: 'counter', help: 'Help.', unit: 's' },
    { kind: 'metadata', metric: '', type: 'unknown', help: '', unit: '' },
  ]);
});
