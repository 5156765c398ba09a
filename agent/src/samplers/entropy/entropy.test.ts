import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { entropySampler } from './entropy.linux.ts';

describe('entropy sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(entropySampler(new FakeClock()), host)).toEqual(expected);
  });
});
