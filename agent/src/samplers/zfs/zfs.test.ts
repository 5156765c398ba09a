import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { zfsSampler } from './zfs.linux.ts';

describe('zfs sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(zfsSampler, host)).toEqual(expected);
  });
});
