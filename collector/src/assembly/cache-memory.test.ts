import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dividedCache, THREADS_FOR_PEOPLE } from './cache-memory.ts';

const MIB = 1024 * 1024;

describe('memory for samples', () => {
  it('is never divided into more than there is, nor is much of it left over', () => {
    fc.assert(
      fc.property(fc.integer({ min: 128 * MIB, max: 1024 * 1024 * MIB }), (bytes) => {
        const { ownWindow, rulesWindow, peopleWindow, peopleBlocks } = dividedCache(bytes);
        const all = ownWindow + rulesWindow + THREADS_FOR_PEOPLE * (peopleWindow + peopleBlocks);
        expect(all).toBeLessThanOrEqual(bytes);
        expect(all).toBeGreaterThan(bytes - 10);
      }),
    );
  });

  it('is by default what docs/operations.md tells', () => {
    expect(dividedCache(1_024 * MIB)).toEqual({
      ownWindow: 64 * MIB,
      rulesWindow: 384 * MIB,
      peopleWindow: 192 * MIB,
      peopleBlocks: 96 * MIB,
    });
  });
});
