import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { softnetSampler } from './softnet.linux.ts';

describe('softnet sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(softnetSampler, host)).toEqual(expected);
  });
});
