import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { unameSampler } from './uname.linux.ts';

describe('uname sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(unameSampler(new FakeClock()), host)).toEqual(expected);
  });
});
