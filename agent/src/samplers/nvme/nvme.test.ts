import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { nvmeSampler } from './nvme.linux.ts';

describe('nvme sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(nvmeSampler(new FakeClock()), host)).toEqual(expected);
  });
});
