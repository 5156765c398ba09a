import { expect, it } from 'vitest';
import { GridTimes } from './grid-times.ts';

const GRID = { startMs: 1_000, stepMs: 15, count: 20 };

it('gives the same array for the same times', () => {
  const times = new GridTimes();
  const first = times.of(GRID);
  expect(first).toStrictEqual(Float64Array.from({ length: 20 }, (_, i) => 1_000 + 15 * i));
  expect(times.of({ ...GRID })).toBe(first);
  expect(times.of({ ...GRID, startMs: 1_700 }, 700)).toBe(first);
});

it('tells grids apart by start, step, number of times and offset', () => {
  const times = new GridTimes();
  times.of(GRID);
  expect(times.of({ ...GRID, startMs: 1_001 })[0]).toBe(1_001);
  expect(times.of({ ...GRID, stepMs: 16 })[1]).toBe(1_016);
  expect(times.of({ ...GRID, count: 21 })).toHaveLength(21);
  expect(times.of(GRID, 5)[0]).toBe(995);
  expect(times.of(GRID, -5)[0]).toBe(1_005);
});

it('keeps the eight grids that were asked for last', () => {
  const times = new GridTimes();
  const first = times.of(GRID);
  for (let startMs = 1; startMs <= 7; startMs++) times.of({ ...GRID, startMs });
  expect(times.of(GRID)).toBe(first);
  const second = times.of({ ...GRID, startMs: 2 });
  for (let startMs = 11; startMs <= 17; startMs++) times.of({ ...GRID, startMs });
  expect(times.of({ ...GRID, startMs: 2 })).toBe(second);
  expect(times.of(GRID)).not.toBe(first);
});

it.each([1, 15, 12_001])('does not keep %i times', (count) => {
  const times = new GridTimes();
  const grid = { ...GRID, count };
  expect(times.of(grid)).not.toBe(times.of(grid));
  expect(times.of(grid)).toHaveLength(count);
});
