import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { cpufreqSampler } from './cpufreq.linux.ts';

describe('cpufreq sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(cpufreqSampler(new FakeClock()), host)).toEqual(expected);
  });
});
