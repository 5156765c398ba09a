import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { conntrackSampler } from './conntrack.linux.ts';

describe('conntrack sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(conntrackSampler(new FakeClock()), host)).toEqual(expected);
  });
});
