import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { nvmeSampler } from './nvme.linux.ts';

describe('nvme sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(nvmeSampler, host)).toEqual(expected);
  });
});
