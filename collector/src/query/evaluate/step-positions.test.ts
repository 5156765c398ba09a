import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { StepMemory, StepPositions } from './step-positions.ts';

it('gives the samples of every window, as looking at each sample does', () => {
  const times = fc.uniqueArray(fc.integer({ min: 0, max: 60 })).map((list) => list.toSorted((a, b) => a - b));
  const ends = fc
    .record({ count: fc.nat(20), startMs: fc.integer({ min: -5, max: 30 }), stepMs: fc.nat(9) })
    .map(({ count, startMs, stepMs }) => Array.from({ length: count }, (_, i) => startMs + i * stepMs));
  fc.assert(
    fc.property(times, ends, fc.integer({ min: 1, max: 20 }), (timesMs, endsMs, widthMs) => {
      const timestamps = Float64Array.from(timesMs);
      const windows = new StepPositions(Float64Array.from(endsMs), widthMs, new StepMemory()).of(timestamps);
      const { from, to } = windows;
      const found = endsMs.map((_, i) => Array.from(timestamps.subarray(from[i], to[i])));
      const expected = endsMs.map((endMs) => timesMs.filter((ms) => ms > endMs - widthMs && ms <= endMs));
      expect(found).toEqual(expected);
      for (const samplesMin of [1, 2, 4, 1]) {
        const present = expected.map(({ length }) => (length >= samplesMin ? 1 : 0));
        expect([...windows.present(samplesMin)]).toEqual(present);
      }
    }),
  );
});

it('tells arrays of times apart', () => {
  const positions = new StepPositions(Float64Array.of(10, 20), 10, new StepMemory());
  const first = positions.of(Float64Array.of(5, 15));
  expect([...first.to]).toEqual([1, 2]);
  expect([...positions.of(Float64Array.of(1, 2, 3)).to]).toEqual([3, 3]);
  expect([...first.to]).toEqual([1, 2]);
});

const grid = (startMs: number, stepMs: number, count = 50): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => startMs + i * stepMs);

it('finds the same windows again, and no others', () => {
  const memory = new StepMemory();
  const times = grid(3, 7, 50);
  const found = memory.windows(times, grid(100, 10), 20);
  expect(memory.windows(times, grid(100, 10), 20)).toBe(found);
  for (const [endsMs, widthMs] of [
    [grid(100, 10), 21],
    [grid(101, 10), 20],
    [grid(100, 11), 20],
    [grid(100, 10, 51), 20],
    [grid(100, 0), 20],
  ] as const) {
    const other = memory.windows(times, endsMs, widthMs);
    expect(other).not.toBe(found);
    expect(memory.windows(times, endsMs.slice(), widthMs)).toBe(other);
  }
  expect(memory.windows(times, grid(100, 10), 20)).toBe(found);
  expect(memory.windows(times.slice(), grid(100, 10), 20)).not.toBe(found);
});

it('forgets what was not used while others filled half of its memory', () => {
  const memory = new StepMemory();
  const ends = grid(0, 1, 100_000);
  const [used, unused] = [grid(0, 1), grid(0, 1)];
  const [first, second] = [used, unused].map((times) => memory.windows(times, ends, 5));
  for (let i = 0; i < 20; i++) {
    memory.windows(grid(i, 1), ends, 5);
    expect(memory.windows(used, ends, 5)).toBe(first);
  }
  expect(memory.windows(unused, ends, 5)).not.toBe(second);
});
