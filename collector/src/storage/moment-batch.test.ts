import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Labels } from './labels.ts';
import { MomentBatch, type SeriesSamples } from './moment-batch.ts';

it('gives each part as a list of the same series would', () => {
  const place = fc.option(fc.nat(60), { nil: undefined });
  const property = fc.property(
    fc.array(fc.double(), { maxLength: 50 }),
    fc.nat(5),
    place,
    place,
    (values, ends, start, end) => {
      const batch = new MomentBatch(7);
      const list: SeriesSamples[] = [];
      for (const [i, value] of values.entries()) {
        const labels = Labels.of({ i: String(i) });
        batch.add(labels, value);
        list.push({ labels, samples: [{ timeMs: 7, value }] });
      }
      for (let i = 0; i < ends; i++) {
        const labels = Labels.of({ gone: String(i) });
        batch.addEnd(labels);
        list.push({ labels, samples: [{ timeMs: 7, value: Number.NaN, isStale: true }] });
      }
      expect(batch.length).toBe(list.length);
      expect(batch.slice(start, end)).toEqual(list.slice(start, end));
    },
  );
  expect(() => fc.assert(property)).not.toThrow();
});
