import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { edacSampler } from './edac.linux.ts';

describe('edac sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(edacSampler, host)).toEqual(expected);
  });
});
