import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { conntrackSampler } from './conntrack.linux.ts';

describe('conntrack sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(conntrackSampler, host)).toEqual(expected);
  });
});
