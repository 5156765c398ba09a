import { expect, test } from 'vitest';
import { Labels } from '../labels.ts';
import { SeriesCollector } from './collect.ts';

const LABELS = Labels.of({ __name__: 'm' });

test('a series that grew out of order comes back in order, with one sample for each time', () => {
  const collector = new SeriesCollector(100);
  const series = collector.series(LABELS);
  for (const [timeMs, value] of [
    [10, 1],
    [30, 3],
    [20, 2],
    [30, 9],
  ] as const)
    series.push(timeMs, value, false);
  series.push(40, 0, true);
  series.push(40, 4, false);
  series.push(50, 0, true);
  expect(series.finish()).toEqual({
    labels: LABELS,
    timestamps: Float64Array.of(10, 20, 30, 40, 50),
    values: Float64Array.of(1, 2, 3, 4, Number.NaN),
    stale: Uint8Array.of(0, 0, 0, 0, 1),
  });
});

test('equal labels are one series, and series without samples do not appear', () => {
  const collector = new SeriesCollector(100);
  expect(collector.series(LABELS)).toBe(collector.series(Labels.of({ __name__: 'm' })));
  collector.series(Labels.of({ __name__: 'n' })).push(1, 1, false);
  expect([...collector.grown()].map(({ labels }) => labels.metricName)).toEqual(['n']);
});

test('the sample over the limit is refused', () => {
  const collector = new SeriesCollector(2);
  collector.count();
  collector.count();
  expect(() => collector.count()).toThrow(expect.objectContaining({ code: 'QUERY_LIMIT' }));
});
