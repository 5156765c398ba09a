import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { thermalSampler } from './thermal.linux.ts';

describe('thermal sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(thermalSampler(new FakeClock()), host)).toEqual(expected);
  });
});
