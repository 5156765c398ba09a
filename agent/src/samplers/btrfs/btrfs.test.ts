import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import { fixtures, readLines } from '../testing.ts';
import { btrfsSampler } from './btrfs.linux.ts';
import { copiesRatio } from './btrfs.ts';

describe('btrfs sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(btrfsSampler(new FakeClock()), host)).toEqual(expected);
  });
});

describe('bytes on the devices for a byte of data', () => {
  it.each<[mode: string, deviceCount: number, ratio: number | undefined]>([
    ['single', 1, 1],
    ['dup', 1, 2],
    ['raid1c4', 4, 4],
    ['raid5', 3, 1.5],
    ['raid6', 4, 2],
    ['raid6', 2, undefined],
    ['raid99', 2, undefined],
  ])('%s on %i', (mode, deviceCount, ratio) => {
    expect(copiesRatio(mode, deviceCount)).toBe(ratio);
  });
});
