import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { powerSampler } from './power.linux.ts';

describe('power sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(powerSampler, host)).toEqual(expected);
  });
});
