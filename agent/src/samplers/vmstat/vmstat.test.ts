import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { vmstatSampler } from './vmstat.linux.ts';

describe('vmstat sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(vmstatSampler, host)).toEqual(expected);
  });
});
