import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  clip,
  formatAgo,
  formatBytes,
  formatBytesPerSecond,
  formatDateTime,
  formatIso,
  formatNumber,
  formatRatio,
  formatSpan,
  plural,
} from './format.ts';

const NaNs = [null, Number.NaN, Number.POSITIVE_INFINITY] as const;

describe('numbers', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [16_768_000_000, '15.6 GiB'],
    [1024 ** 5 * 4096, '4096 PiB'],
    [-2048, '-2.0 KiB'],
    [1024 * 1024 - 1, '1.0 MiB'],
  ])('shows %d bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [999, '999 B/s'],
    [999.6, '1.0 kB/s'],
    [1_234_567, '1.2 MB/s'],
    [125_000_000, '125 MB/s'],
  ])('shows %d bytes per second as %s', (rate, text) => expect(formatBytesPerSecond(rate)).toBe(text));

  test.each([
    [0, '0%'],
    [0.0001, '<0.1%'],
    [0.034, '3.4%'],
    [0.0996, '10%'],
    [0.816, '82%'],
    [1, '100%'],
  ])('shows the ratio %d as %s', (ratio, text) => expect(formatRatio(ratio)).toBe(text));

  test.each([
    [0.081, '0.08'],
    [12.44, '12.4'],
    [8, '8'],
    [1204.4, '1,204'],
  ])('shows %d as %s', (value, text) => expect(formatNumber(value)).toBe(text));

  test.each(NaNs)('shows %s as not known, never as zero', (value) => {
    expect([
      formatBytes(value),
      formatBytesPerSecond(value),
      formatRatio(value),
      formatNumber(value),
    ]).toEqual(['–', '–', '–', '–']);
  });

  test('shows a size in at most four digits and its unit', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 52), (bytes) => {
        expect(formatBytes(bytes)).toMatch(/^\d{1,4}(?:\.\d)? (?:[KMGTP]i)?B$/);
      }),
    );
  });
});

describe('times', () => {
  const minute = 60_000;
  const hour = 60 * minute;
  const day = 24 * hour;
  test.each([
    [-5, '0 s'],
    [59_999, '59 s'],
    [5 * minute + 59_000, '5 min'],
    [3 * hour, '3 h'],
    [3 * hour + 12 * minute, '3 h 12 min'],
    [4 * day + 3 * hour, '4 d 3 h'],
    [1204 * day, '1,204 d'],
  ])('shows a span of %d ms as %s', (span, text) => expect(formatSpan(span)).toBe(text));

  test.each([
    [null, 'never'],
    [10_000, 'now'],
    [10_500, 'now'],
    [6_000, '4 s ago'],
    [10_000 - 192 * 60_000, '3 h ago'],
    [10_000 - 50 * 3_600_000, '2 d ago'],
  ])('says when %s was', (time, text) => expect(formatAgo(time, 10_000)).toBe(text));

  test('shows local dates and refuses what no calendar holds', () => {
    expect(formatDateTime(new Date(2026, 2, 1, 4, 2, 11).getTime())).toBe('2026-03-01 04:02:11');
    expect(formatDateTime(1e300)).toBe('–');
    expect(formatIso(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(formatIso(Number.NaN)).toBeNull();
  });
});

describe('text', () => {
  test('clips without splitting a character', () => {
    expect(clip('short', 5)).toBe('short');
    expect(clip('longer', 5)).toBe('long…');
    expect(clip('abc😀def', 5)).toBe('abc…');
    expect(clip('ab😀def', 5)).toBe('ab😀…');
  });

  test('counts with the noun', () => {
    expect([plural(0, 'host'), plural(1, 'host'), plural(1200, 'host')]).toEqual([
      '0 hosts',
      '1 host',
      '1,200 hosts',
    ]);
  });
});
