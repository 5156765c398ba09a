import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { udpSampler } from './udp.linux.ts';

describe('udp sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(udpSampler, host)).toEqual(expected);
  });
});
