import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { sockstatSampler } from './sockstat.linux.ts';

describe('sockstat sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(sockstatSampler(), host)).toEqual(expected);
  });
});
