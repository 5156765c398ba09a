import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { raidSampler } from './raid.linux.ts';

describe('raid sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(raidSampler, host)).toEqual(expected);
  });
});
