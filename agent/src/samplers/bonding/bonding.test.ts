import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { bondingSampler } from './bonding.linux.ts';

describe('bonding sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(bondingSampler, host)).toEqual(expected);
  });
});
