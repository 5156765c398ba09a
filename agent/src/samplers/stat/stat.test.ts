import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { statSampler } from './stat.linux.ts';

describe('stat sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(statSampler, host)).toEqual(expected);
  });
});
