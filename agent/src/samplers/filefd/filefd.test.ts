import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { filefdSampler } from './filefd.linux.ts';

describe('filefd sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(filefdSampler, host)).toEqual(expected);
  });
});
