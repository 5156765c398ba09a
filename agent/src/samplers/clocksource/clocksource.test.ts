import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { clocksourceSampler } from './clocksource.linux.ts';

describe('clocksource sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(clocksourceSampler(new FakeClock()), host)).toEqual(expected);
  });
});
