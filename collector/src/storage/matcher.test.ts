import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMatcher, createQueryMatcher, isPlainPattern, patternOf, patternWeightOf } from './matcher.ts';

const fits = (pattern: string, text: string): boolean => createMatcher('a', '=~', pattern).matches(text);

describe('a pattern', () => {
  it.each<[string, string, boolean]>([
    ['a', 'a', true],
    ['a', 'ab', false],
    ['', '', true],
    ['.*', 'a\nb', true],
    ['.+', '', false],
    ['a|b', 'b', true],
    ['a|b', 'ab', false],
    ['pre.*', 'pre', true],
    ['pre.+', 'pre', false],
    ['.*post', 'x post', true],
    ['.+post', 'post', false],
    ['a.c', 'a\nc', true],
    ['(?i)ab', 'AB', true],
    ['^a$', 'a', true],
    ['a|bc+', 'bcc', true],
    ['a|bc+', 'abc', false],
    ['\\d{2}', '12', true],
    ['web\\.1|db\\|2', 'web.1', true],
    ['web\\.1|db\\|2', 'webx1', false],
    ['web\\.1|db\\|2', 'db|2', true],
    ['a|', '', true],
    ['ä\\.|b', 'ä.', true],
    ['(a|b\\.c)', 'b.c', true],
    ['(?:a|b)', 'ab', false],
    ['(a|b)', '(a', false],
    ['(a)|(b)', 'b', true],
    ['()', '', true],
    ['\\(a|b\\)', '(a', true],
  ])('%j matches the whole of %j: %s', (pattern, text, expected) => {
    expect(fits(pattern, text)).toBe(expected);
    // A kept pattern gives the same verdict again.
    expect(fits(pattern, text)).toBe(expected);
    expect(createMatcher('a', '!~', pattern).matches(text)).toBe(!expected);
  });

  it('is plain when it is a list, in parentheses or not, and weighs as much as it is unrolled otherwise', () => {
    for (const plain of [
      'a|b',
      '(a|b)',
      '(?:a\\.b|c)',
      'pre.*',
      '(größe|名|\u{1f600})',
      '(Intel\\(R\\)|AMD)',
    ])
      expect(isPlainPattern(plain)).toBe(true);
    for (const other of ['a|b.', '(a|b)|c', '(a|(b))', '(a|b\\)', '(?i:ä)', 'a{2}'])
      expect(isPlainPattern(other)).toBe(false);
    expect(patternWeightOf('ab[0-9]')).toBe(3);
    expect(patternWeightOf('\\pL{10}')).toBe(300);
    expect(patternWeightOf('[a\\PN]b')).toBe(31);
  });

  it('of texts matches these and no others', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('a', '.', '|', '\\', '(', '*', '\n') }),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), text, (texts, other) => {
        const pattern = patternOf(texts);
        for (const each of texts) expect(fits(pattern, each)).toBe(true);
        expect(fits(pattern, other)).toBe(texts.includes(other));
      }),
    );
  });

  it('that is not RE2 is refused with one explanation', () => {
    expect(thrownCode(() => fits('(', ''))).toBe('BAD_REQUEST');
    expect(() => fits('(', '')).toThrow(/^error parsing regexp: missing closing \): `\(`$/);
    expect(thrownCode(() => fits('a(?=b)', ''))).toBe('BAD_REQUEST');
    expect(thrownCode(() => fits('a'.repeat(64 * 1024 + 1), ''))).toBe('BAD_REQUEST');
  });

  it('keeps its meaning however many others came in between, and however many values it saw', () => {
    for (let i = 0; i < 200; i++) expect(fits(`x${i}[0-9]`, `x${i}7`)).toBe(true);
    for (let i = 0; i < 5_000; i++) createMatcher('a', '=~', 'v\\d*[13579]').matches(`v${i}`);
    expect(fits('v\\d*[13579]', 'v7')).toBe(true);
    expect(fits('v\\d*[13579]', 'v8')).toBe(false);
    expect(fits('x1[0-9]', 'x2')).toBe(false);
    expect(fits('b[a]*', `b${'a'.repeat(1_000)}`)).toBe(true);
  });

  it('of a query is broken off when it has taken two seconds for all values in one go', () => {
    let nowMs = 0;
    const clock = { monoMs: () => (nowMs += 100) };
    const { matches } = createQueryMatcher('a', '=~', 'h[0-9]', clock);
    const ask = (from: number, to: number): void => {
      for (let i = from; i < to; i++) expect(matches(`x${i}`)).toBe(false);
    };
    ask(0, 20);
    expect(thrownCode(() => matches('x20'))).toBe('QUERY_LIMIT');
    // What is known takes no time, and the next query begins anew.
    ask(0, 20);
    ask(30, 50);
    nowMs += 1_000;
    ask(60, 80);
    expect(thrownCode(() => matches('x80'))).toBe('QUERY_LIMIT');
    expect(createQueryMatcher('a', '!=', 'x', clock).matches('x')).toBe(false);
    expect(createQueryMatcher('a', '!~', 'h[0-9]', clock).matches('h7')).toBe(false);
  });

  it('that would take other engines for ever takes no time', () => {
    expect(fits('(a+)+b', 'a'.repeat(5_000))).toBe(false);
  });
});
