import { expect, test } from 'vitest';
import {
  POINTS_MAX,
  RANGES,
  alignToGrid,
  gridOf,
  rangeOf,
  rateWindowS,
  stepOf,
  timelineOf,
} from './timeline.ts';

const NOW_MS = 1_772_000_003_000;

test.each(RANGES.map((range) => [range.id, range] as const))(
  'draws %s with few enough points',
  (_id, range) => {
    const timeline = timelineOf(range, NOW_MS);
    const grid = gridOf(timeline);
    expect(grid.length).toBeLessThanOrEqual(POINTS_MAX);
    expect(grid.length).toBeGreaterThan(100);
    expect(timeline.startS % timeline.stepS).toBe(0);
    expect(grid.at(-1)).toBe(timeline.endS);
    expect(timeline.endS * 1000).toBeLessThanOrEqual(NOW_MS);
    expect(timeline.endS - timeline.startS).toBeGreaterThanOrEqual(range.seconds);
  },
);

test('keeps the grid in place while time passes within a step', () => {
  const range = rangeOf('6h');
  expect(timelineOf(range, 600_000)).toEqual(timelineOf(range, 600_000 + stepOf(range) * 1000 - 1));
});

test('takes an hour for a word that names no range', () => {
  for (const word of [undefined, '', '2h', '__proto__']) expect(rangeOf(word).id).toBe('1h');
  expect(rangeOf('7d').seconds).toBe(604_800);
});

test('rates over four steps, and at least a minute', () => {
  expect([rateWindowS(5), rateWindowS(15), rateWindowS(60)]).toEqual([60, 60, 240]);
});

const timeline = { startS: 100, endS: 150, stepS: 10 };

test('leaves gaps where there are no points', () => {
  expect(
    alignToGrid(
      [
        [100, 1],
        [110, 2],
        [140, 5],
      ],
      timeline,
    ),
  ).toEqual([1, 2, null, null, 5, null]);
  expect(alignToGrid([], timeline)).toEqual([null, null, null, null, null, null]);
});

test('leaves a gap for what cannot be drawn, and keeps a true zero', () => {
  expect(
    alignToGrid(
      [
        [100, 0],
        [110, Number.NaN],
        [120, Number.POSITIVE_INFINITY],
      ],
      timeline,
    ),
  ).toEqual([0, null, null, null, null, null]);
});

test('takes points beside the grid, doubled, out of order and outside', () => {
  expect(
    alignToGrid(
      [
        [131, 3],
        [100.4, 1],
        [100, 9],
        [90, 7],
        [160, 7],
        [1e20, 7],
      ],
      timeline,
    ),
  ).toEqual([9, null, null, 3, null, null]);
});
