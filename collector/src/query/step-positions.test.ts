import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { StepPositions } from './step-positions.ts';

it('gives the samples of every window, as looking at each sample does', () => {
  const times = fc.uniqueArray(fc.integer({ min: 0, max: 60 })).map((list) => list.toSorted((a, b) => a - b));
  const ends = fc
    .array(fc.integer({ min: -5, max: 65 }), { maxLength: 20 })
    .map((list) => list.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(times, ends, fc.integer({ min: 1, max: 20 }), (timesMs, endsMs, widthMs) => {
      const timestamps = Float64Array.from(timesMs);
      const windows = new StepPositions(Float64Array.from(endsMs), widthMs).of(timestamps);
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
  const positions = new StepPositions(Float64Array.of(10, 20), 10);
  const first = positions.of(Float64Array.of(5, 15));
  expect([...first.to]).toEqual([1, 2]);
  expect([...positions.of(Float64Array.of(1, 2, 3)).to]).toEqual([3, 3]);
  expect([...first.to]).toEqual([1, 2]);
});
