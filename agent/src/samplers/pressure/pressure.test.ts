import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { pressureSampler } from './pressure.linux.ts';

describe('pressure sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(pressureSampler, host)).toEqual(expected);
  });
});
