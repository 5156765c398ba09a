import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { arpSampler } from './arp.linux.ts';

describe('arp sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(arpSampler, host)).toEqual(expected);
  });
});
