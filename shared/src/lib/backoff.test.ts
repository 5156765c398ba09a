import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelayMs } from './backoff.ts';

const limits = { baseMs: 1_000, maxMs: 60_000, factor: 2 };

describe('backoffDelayMs', () => {
  it('stays between nothing and the cap, whatever the attempt', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat({ max: 1e9 }), random, (attempt, value) => {
        const delayMs = backoffDelayMs(limits, attempt, () => value);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThan(60_000);
      }),
    );
  });

  it('doubles its longest delay up to the cap', () => {
    const longest = [0, 1, 2, 5, 6, 7, 1e6].map((attempt) => backoffDelayMs(limits, attempt, () => 1));
    expect(longest).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('spreads clients that failed together: no second has more than twice the mean', () => {
    // A fixed generator (Park and Miller, 1988), so that the test is the same each time.
    let state = 1;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const perSecond = new Uint32Array(60);
    for (let client = 0; client < 10_000; client++) {
      const second = Math.floor(backoffDelayMs(limits, 20, random) / 1_000);
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    expect(Math.max(...perSecond)).toBeLessThan((2 * 10_000) / 60);
    expect(Math.min(...perSecond)).toBeGreaterThan(0);
  });
});
