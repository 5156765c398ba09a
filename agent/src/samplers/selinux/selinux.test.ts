import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { selinuxSampler } from './selinux.linux.ts';

describe('selinux sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(selinuxSampler, host)).toEqual(expected);
  });
});
