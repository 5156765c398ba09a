import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { clocksourceSampler } from './clocksource.linux.ts';

describe('clocksource sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(clocksourceSampler, host)).toEqual(expected);
  });
});
