import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { tcpSampler } from './tcp.linux.ts';

describe('tcp sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(tcpSampler(new FakeClock()), host)).toEqual(expected);
  });
});
