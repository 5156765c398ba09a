import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LastSample } from './own-series.ts';
import { OwnSeriesTable, type OwnPlace } from './own-table.ts';

const samples: fc.Arbitrary<LastSample> = fc.record({
  timeMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  value: fc.double(),
  isStale: fc.boolean(),
});
const places: fc.Arbitrary<OwnPlace> = fc.record({
  number: fc.integer({ min: 1, max: 65_535 }),
  index: fc.integer({ min: 0, max: 65_535 }),
});

const placeOf = (table: OwnSeriesTable, row: number): OwnPlace | undefined =>
  table.hasPlace(row) ? { number: table.numberOf(row), index: table.indexOf(row) } : undefined;

it('keeps the newest sample and the place of each of very many series', () => {
  const series = fc.record({
    last: fc.option(samples, { nil: undefined }),
    next: fc.option(samples, { nil: undefined }),
    place: fc.option(places, { nil: undefined }),
  });
  fc.assert(
    // Enough to make it grow.
    fc.property(fc.array(series, { minLength: 1_000, maxLength: 3_000 }), (list) => {
      const table = new OwnSeriesTable();
      for (const [i, { last }] of list.entries()) table.add(`series ${i}`, last);
      for (const [i, { next, place }] of list.entries()) {
        const row = table.row(`series ${i}`) ?? -1;
        if (next !== undefined) table.setLast(row, next);
        if (place !== undefined) table.setPlace(row, place);
      }
      const found = list.map((_, i) => {
        const row = table.row(`series ${i}`) ?? -1;
        return { last: table.last(row), place: placeOf(table, row) };
      });
      expect(found).toEqual(list.map(({ last, next, place }) => ({ last: next ?? last, place })));
      expect(table.size).toBe(list.length);
      expect(table.newestMs()).toBe(Math.max(0, ...found.map(({ last }) => last?.timeMs ?? 0)));
    }),
    { numRuns: 5 },
  );
});

it('knows nothing of a series that was not added', () => {
  const table = new OwnSeriesTable();
  table.add('known', undefined);
  expect(table.row('unknown')).toBeUndefined();
  expect([table.last(0), placeOf(table, 0), table.newestMs()]).toEqual([undefined, undefined, 0]);
  expect(() => table.numberOf(0)).toThrow('no place');
});

it('knows whether a sample is newer than all of its series', () => {
  const table = new OwnSeriesTable();
  table.add('a', undefined);
  table.add('b', { timeMs: 5_000, value: 1, isStale: true });
  expect([0, 4_999, 5_000, 5_001].map((timeMs) => table.isBehind(0, timeMs))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect([4_999, 5_000, 5_001].map((timeMs) => table.isBehind(1, timeMs))).toEqual([false, false, true]);
});
