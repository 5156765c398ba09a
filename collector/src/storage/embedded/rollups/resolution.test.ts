import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlockResolution, BlockRow } from '../../../journal/blocks.ts';
import { segmentsIn, segmentsOf } from './resolution.ts';

const ALL = { fromMs: -1_000, toMs: 1_000 };
const resolution = fc.constantFrom<BlockResolution>('raw', '5m', '1h');

const row = fc
  .record({
    id: fc.nat(),
    resolution,
    fromMs: fc.integer({ min: 0, max: 40 }),
    lengthMs: fc.integer({ min: 1, max: 20 }),
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only what is used of a row
  .map(({ lengthMs, ...rest }) => ({ ...rest, toMs: rest.fromMs + lengthMs }) as BlockRow);

test('the segments of all time, cut to a range, are those of the range', () => {
  const time = fc.integer({ min: -5, max: 65 });
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 12 }),
      time,
      time,
      resolution,
      fc.boolean(),
      (rows, fromMs, toMs, coarsest, isAllowed) => {
        const cut = segmentsIn(segmentsOf(rows, ALL, coarsest, { isAllowed }), { fromMs, toMs });
        expect(cut).toEqual(segmentsOf(rows, { fromMs, toMs }, coarsest, { isAllowed }));
      },
    ),
  );
});
