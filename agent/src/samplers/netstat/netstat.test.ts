import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { netstatSampler } from './netstat.linux.ts';

describe('netstat sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(netstatSampler(), host)).toEqual(expected);
  });
});
