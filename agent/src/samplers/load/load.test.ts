import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { loadSampler } from './load.linux.ts';

describe('load sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(loadSampler, host)).toEqual(expected);
  });
});
