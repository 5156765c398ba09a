import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { schedstatSampler } from './schedstat.linux.ts';

describe('schedstat sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(schedstatSampler, host)).toEqual(expected);
  });
});
