import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { memorySampler } from './memory.linux.ts';

describe('memory sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(memorySampler, host)).toEqual(expected);
  });
});
