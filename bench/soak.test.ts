import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isFlat, runTicks } from './soak.ts';

const FIGURES = {
  ticks: 12,
  samples: 1,
  msPerTick: 1,
  heapBytes: [],
  heapGrowthBytes: 0,
  openFiles: { before: 30, after: 30 },
  rssBytes: 0,
};

describe('isFlat', () => {
  it.each([
    [{}, true],
    [{ heapGrowthBytes: -1 }, true],
    [{ heapGrowthBytes: 2 ** 20 + 1 }, false],
    [{ openFiles: { before: 30, after: 31 } }, false],
  ])('judges %o', (change, expected) => {
    expect(isFlat({ ...FIGURES, ...change })).toBe(expected);
  });
});

// `npm run bench -- soak` takes a whole day of ticks.
it.skipIf(!existsSync('/proc/self/fd'))('leaves no file open and takes every tick', async () => {
  const figures = await runTicks(60);
  expect(figures.openFiles.after).toBeLessThanOrEqual(figures.openFiles.before);
  expect(figures.samples).toBeGreaterThan(60 * 100);
});
