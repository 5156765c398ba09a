import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDecimal, formatExponent, formatGeneral, formatSample } from '../encode/format.ts';
import { decodeString, formatDuration, parseDuration, parseNumber, quote } from './literals.ts';

describe('parseDuration', () => {
  it.each([
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1y2w3d4h5m6s7ms', 33_019_506_007],
    ['0s', 0],
    ['0', 0],
    ['', undefined],
    ['5', undefined],
    ['m', undefined],
    ['5m5m', undefined],
    ['5s5m', undefined],
    ['5M', undefined],
    ['1000y', undefined],
    ['9'.repeat(400) + 's', undefined],
  ])('%s', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it('reads what formatDuration writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_000_000_000_000 }), (durationMs) => {
        expect(parseDuration(formatDuration(durationMs))).toBe(durationMs);
      }),
    );
  });

  it.each([
    [0, '0s'],
    [90_000, '1m30s'],
    [14 * 86_400_000, '2w'],
    [15 * 86_400_000, '15d'],
    [365 * 86_400_000, '1y'],
    [-1_500, '-1s500ms'],
  ])('formats %d ms', (durationMs, expected) => {
    expect(formatDuration(durationMs)).toBe(expected);
  });
});

describe('parseNumber', () => {
  it.each([
    ['1', 1],
    ['1.', 1],
    ['.5', 0.5],
    ['1e3', 1000],
    ['1E-3', 0.001],
    ['0x1f', 31],
    ['0X1F', 31],
    ['017', 15],
    ['08', 8],
    ['1_000.5', 1000.5],
    ['Inf', Infinity],
    ['NAN', NaN],
    ['1e999', Infinity],
    ['', undefined],
    ['0x', undefined],
    ['1_', undefined],
    ['_1', undefined],
    ['1e', undefined],
    ['1.2.3', undefined],
    ['-1', undefined],
    ['infinity', undefined],
  ])('%s', (text, expected) => {
    expect(parseNumber(text)).toBe(expected);
  });

  it('takes no longer for a long text that is no number', () => {
    const startMs = performance.now();
    expect(parseNumber(`${'1'.repeat(100_000)}e5.5`)).toBeUndefined();
    expect(parseNumber(`.${'1'.repeat(100_000)}e5.5`)).toBeUndefined();
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});

describe('decodeString', () => {
  it.each([
    [String.raw`"a\tb\n\\\""`, 'a\tb\n\\"'],
    [String.raw`'it\'s'`, "it's"],
    [String.raw`"\x41\101\u00e4\U0001F600"`, 'AAä😀'],
    [String.raw`"\xc3\xa4"`, 'ä'],
    [String.raw`"\xff"`, '\ufffd'],
    ['`raw\\n`', 'raw\\n'],
    ['""', ''],
    [String.raw`"\q"`, undefined],
    [String.raw`"\'"`, undefined],
    [String.raw`"\x4"`, undefined],
    [String.raw`"\400"`, undefined],
    [String.raw`"\ud800"`, undefined],
    [String.raw`"\U00110000"`, undefined],
  ])('%s', (literal, expected) => {
    expect(decodeString(literal)).toBe(expected);
  });

  it('reads what quote writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeString(quote(text))).toBe(text);
      }),
    );
  });

  it('writes no control or bidi characters', () => {
    expect(quote('a\u0000\u202eb\u2028')).toBe(String.raw`"a\x00\u202eb\u2028"`);
    expect(quote('\ud800')).toBe(String.raw`"\ufffd"`);
  });
});

describe('values as text', () => {
  it.each([
    [0, '0', '0', '0e+00'],
    [-0, '-0', '-0', '-0e+00'],
    [1, '1', '1', '1e+00'],
    [12.5, '12.5', '12.5', '1.25e+01'],
    [1e-7, '0.0000001', '1e-07', '1e-07'],
    [1.5e-7, '0.00000015', '1.5e-07', '1.5e-07'],
    [0.000001, '0.000001', '0.000001', '1e-06'],
    [1e20, '100000000000000000000', '100000000000000000000', '1e+20'],
    [1e21, '1000000000000000000000', '1e+21', '1e+21'],
    [-1.25e22, '-12500000000000000000000', '-1.25e+22', '-1.25e+22'],
    [5e-324, `0.${'0'.repeat(323)}5`, '5e-324', '5e-324'],
    [NaN, 'NaN', 'NaN', 'NaN'],
    [Infinity, '+Inf', '+Inf', '+Inf'],
    [-Infinity, '-Inf', '-Inf', '-Inf'],
  ])('%d', (value, decimal, sample, exponent) => {
    expect(formatDecimal(value)).toBe(decimal);
    expect(formatSample(value)).toBe(sample);
    expect(formatExponent(value)).toBe(exponent);
  });

  it.each([
    [0.0001, '0.0001'],
    [0.00012345, '0.00012345'],
    [0.00001, '1e-05'],
    [999_999.5, '999999.5'],
    [-1e6, '-1e+06'],
    [1_234_567.5, '1.2345675e+06'],
    [1e300, '1e+300'],
    [-0, '-0'],
    [-Infinity, '-Inf'],
    [NaN, 'NaN'],
  ])('%d is %s at its shortest', (value, text) => {
    expect(formatGeneral(value)).toBe(text);
  });

  it('gives decimals that read back as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(formatDecimal(value))).toBe(value);
        expect(formatDecimal(value)).not.toContain('e');
      }),
    );
  });
});
