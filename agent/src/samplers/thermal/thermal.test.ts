import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { thermalSampler } from './thermal.linux.ts';

describe('thermal sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(thermalSampler, host)).toEqual(expected);
  });
});
