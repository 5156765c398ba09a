import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { osSampler } from './os.linux.ts';

describe('os sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(osSampler, host)).toEqual(expected);
  });
});
