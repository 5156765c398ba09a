import { describe, expect, it } from 'vitest';
import { ParseError, parseNumber, words } from './parse.ts';

describe('parseNumber', () => {
  it.each([
    ['0', 0],
    ['-1', -1],
    ['18446744073709551615', 18_446_744_073_709_552_000],
    ['0.06', 0.06],
  ])('reads %s', (text, value) => {
    expect(parseNumber(text, 'test')).toBe(value);
  });

  it.each([undefined, '', ' 1', '1e3', '0x10', '1,5', 'NaN', 'Infinity', '1.', '.5', '١'])(
    'refuses %j',
    (text) => {
      expect(() => parseNumber(text, 'test')).toThrow(ParseError);
    },
  );

  it('shows only the start of a long text', () => {
    expect(() => parseNumber('x'.repeat(10_000), 'test')).toThrow(/^.{0,120}$/);
  });
});

describe('words', () => {
  it.each([
    ['', []],
    ['  \t ', []],
    [' a  b\tc ', ['a', 'b', 'c']],
  ])('%j', (line, result) => {
    expect(words(line)).toEqual(result);
  });
});
