import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { cpufreqSampler } from './cpufreq.linux.ts';

describe('cpufreq sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(cpufreqSampler, host)).toEqual(expected);
  });
});
