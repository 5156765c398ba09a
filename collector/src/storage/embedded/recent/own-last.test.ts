import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Labels } from '../../labels.ts';
import { fitsAll } from '../../matcher.ts';
import { lastSampleOf, matchersOfAll, seriesPerRead } from './own-last.ts';

const values = fc.constantFrom('', 'a', 'b', 'a|b', '.*');
const labelSets = fc
  .record({ __name__: fc.constantFrom('m', 'n'), x: values, y: values })
  .map((labels) => Labels.of(labels));

test('every label set fits the matchers of all, whatever stands in it and whatever it lacks', () => {
  fc.assert(
    fc.property(fc.array(labelSets, { minLength: 1, maxLength: 6 }), (list) => {
      const matchers = matchersOfAll(list);
      for (const labels of list) expect(fitsAll(labels, matchers)).toBe(true);
    }),
  );
});

test('other names, values and labels do not fit them', () => {
  const matchers = matchersOfAll([
    Labels.of({ __name__: 'm', x: 'a.c' }),
    Labels.of({ __name__: 'n', x: 'd', y: '1' }),
  ]);
  const fits = (labels: Record<string, string>): boolean => fitsAll(Labels.of(labels), matchers);
  expect(fits({ __name__: 'm', x: 'a.c' })).toBe(true);
  expect(fits({ __name__: 'other', x: 'a.c' })).toBe(false);
  expect(fits({ __name__: 'm', x: 'abc' })).toBe(false);
  expect(fits({ __name__: 'm' })).toBe(false);
  expect(fits({ __name__: 'n', x: 'd', y: '2' })).toBe(false);
});

test.each([
  [-5_000, 1_800_000_000],
  [0, 1_800_000_000],
  [60_000, 30_000],
  [3_600_000, 500],
  [30 * 86_400_000, 1],
  [Number.POSITIVE_INFINITY, 1],
])('a read that goes back %s ms is for %s series', (spanMs, count) => {
  expect(seriesPerRead(spanMs)).toBe(count);
});

test('the last sample of a series may be a stale marker, or none', () => {
  const labels = Labels.of({ __name__: 'm' });
  const timestamps = Float64Array.of(1_000, 2_000);
  const series = { labels, timestamps, values: Float64Array.of(5, 7), stale: undefined };
  expect(lastSampleOf(series)).toEqual({ timeMs: 2_000, value: 7, isStale: false });
  expect(lastSampleOf({ ...series, stale: Uint8Array.of(0, 1) })).toMatchObject({ isStale: true });
  const none = new Float64Array(0);
  expect(lastSampleOf({ ...series, timestamps: none, values: none })).toBeUndefined();
});
