import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  byNumber,
  lines,
  ParseError,
  parseHexadecimal,
  parseInteger,
  parseKeyed,
  parseNumber,
  parseNumbers,
  words,
} from './parse.ts';

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

describe('parseInteger', () => {
  it.each([
    ['0\n', 0],
    ['42', 42],
    ['-125\n', -125],
    [' 7 \n', 7],
    ['999999999999999', 999_999_999_999_999],
    ['18446744073709551615\n', 18_446_744_073_709_552_000],
  ])('reads %j', (text, value) => {
    expect(parseInteger(Buffer.from(text), 'test')).toBe(value);
  });

  it.each(['', '\n', '-', '1\n2\n', '0x10', 'x', '1e3', '\0', '--1'])('refuses %j', (text) => {
    expect(() => parseInteger(Buffer.from(text), 'test')).toThrow(ParseError);
  });
});

describe('parseHexadecimal', () => {
  it.each([
    ['0', 0],
    ['0000002a', 42],
    ['ffffffff', 4_294_967_295],
    ['A0', 160],
  ])('reads %s', (text, value) => {
    expect(parseHexadecimal(text, 'test')).toBe(value);
  });

  it.each([undefined, '', '0x1', 'g', '-1', '11112222333344445'])('refuses %j', (text) => {
    expect(() => parseHexadecimal(text, 'test')).toThrow(ParseError);
  });
});

describe('parseKeyed', () => {
  const keys = new Map([
    ['a', 'A'],
    ['bb', 'B'],
  ]);
  it.each([
    ['a 1\nbb 2\n', ['A=1', 'B=2']],
    ['bb\t2\nxa 3\naa 4', ['B=2']],
    ['a 1', ['A=1']],
    ['a', []],
    ['', []],
  ])('%j', (text, found) => {
    expect(parseKeyed(text, keys, 'test').map(({ metric, value }) => `${metric}=${value}`)).toEqual(found);
  });

  it.each(['a x', 'a 1 2', 'a \n'])('refuses %j', (text) => {
    expect(() => parseKeyed(text, keys, 'test')).toThrow(ParseError);
  });
});

it('cuts lines without the empty ones and sorts names by the number at their end', () => {
  expect(lines(Buffer.from('a\n\nb'))).toEqual(['a', 'b']);
  expect(['x10', 'x9', 'b', 'a'].sort(byNumber)).toEqual(['a', 'b', 'x9', 'x10']);
});

describe('parseNumbers', () => {
  it('gives what parseNumber makes of each word, or fails like it', () => {
    const word = fc.oneof(
      { weight: 4, arbitrary: fc.nat().map(String) },
      fc.bigInt({ min: 0n, max: 2n ** 64n }).map(String),
      fc.constantFrom('-1', '0.06', '-', '1e3', '0x10', 'kB', '1.', '007', 'é', '١'),
    );
    const space = fc.constantFrom(' ', '  ', '\t', '');
    const line = fc.array(fc.tuple(space, word), { maxLength: 12 });
    fc.assert(
      fc.property(line, space, space, (pairs, before, behind) => {
        const part = pairs.flat().join('') + behind;
        const text = `12${before}${part}34`;
        const from = 2 + before.length;
        const range = { from, end: from + part.length, what: 'test' };
        const plain = outcome(() => words(part).map((each) => parseNumber(each, 'test')));
        expect(outcome(() => parseNumbers(text, range))).toEqual(plain);
      }),
    );
  });

  function outcome(read: () => number[]): unknown {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      return error.message;
    }
  }
});
