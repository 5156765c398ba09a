import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { hwmonSampler } from './hwmon.linux.ts';

describe('hwmon sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(hwmonSampler(new FakeClock()), host)).toEqual(expected);
  });
});
