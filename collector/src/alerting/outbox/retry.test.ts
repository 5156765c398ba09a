import { describe, expect, it } from 'vitest';
import { retryDelayMs, waitMsMax } from './retry.ts';

describe('retryDelayMs', () => {
  it.each([
    [1, 0, 0],
    [2, 1_000, 3_000],
    [3, 2_500, 7_500],
    [4, 7_500, 22_500],
    [8, 150_000, 450_000],
    [9, 150_000, 450_000],
    [1_000, 150_000, 450_000],
  ])('after failure %i is between %i and %i ms', (failures, minMs, maxMs) => {
    expect(retryDelayMs(failures, () => 0)).toBe(minMs);
    expect(retryDelayMs(failures, () => 1 - Number.EPSILON)).toBe(maxMs);
  });

  it('never exceeds the longest wait that is taken for planned', () => {
    expect(waitMsMax(0)).toBe(450_000);
    expect(waitMsMax(900_000)).toBe(900_000);
  });
});
