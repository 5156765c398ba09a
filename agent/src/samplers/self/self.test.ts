import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { selfSampler } from './self.linux.ts';

describe('self sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(
      await readLines(
        selfSampler({ version: '1.2.3', arch: 'x64', os: 'linux' }, new FakeClock(), () => 1.25),
        host,
      ),
    ).toEqual(expected);
  });
});
