import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantile, quantileOfSorted } from '../numeric.ts';
import { movingExtreme, SortedWindow } from './moving.ts';
import type { Window } from './window.ts';

/** Windows that move forward over some values, odd ones among them. */
const walks = fc
  .tuple(
    fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(NaN, Infinity, -Infinity, -0, 0.5)), {
      minLength: 1,
      maxLength: 60,
    }),
    fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { maxLength: 30 }),
  )
  .map(([values, steps]) => {
    const windows: Window[] = [];
    let [from, to] = [0, 0];
    for (const [ahead, behind] of steps) {
      to = Math.min(values.length, to + ahead);
      from = Math.min(to, from + behind);
      if (to === from) continue;
      const all = Float64Array.from(values);
      windows.push({ timestamps: all, values: all, from, to, endMs: 0, rangeMs: 0, timeMs: 0, params: all });
    }
    return windows;
  });

describe('a window that moves', () => {
  it('has the same extremes as if it were looked at anew', () => {
    fc.assert(
      fc.property(walks, (windows) => {
        const [least, most] = [movingExtreme((a, b) => a < b), movingExtreme((a, b) => a > b)];
        for (const window of windows) {
          const inside = [...window.values.subarray(window.from, window.to)].filter((v) => !Number.isNaN(v));
          expect(least(window) + 0).toBe(inside.length === 0 ? NaN : Math.min(...inside) + 0);
          expect(most(window) + 0).toBe(inside.length === 0 ? NaN : Math.max(...inside) + 0);
        }
      }),
    );
  });

  it('has the same quantiles as if it were sorted anew', () => {
    fc.assert(
      fc.property(walks, fc.double({ min: 0, max: 1, noNaN: true }), (windows, phi) => {
        const sorted = new SortedWindow();
        for (const window of windows) {
          const fresh = window.values.slice(window.from, window.to);
          expect(quantileOfSorted(phi, sorted.move(window))).toBe(quantile(phi, fresh));
        }
      }),
    );
  });
});
