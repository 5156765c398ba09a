import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText, compareUtf8, isCleanText } from './text.ts';

const anyText = fc.string({ unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)) });

describe('cleanText', () => {
  it.each([
    ['line breaks and tabs', 'a\r\n\tb', 'ab'],
    ['terminal escapes, C1 ones too', 'a\u001b[31m\u009b0mb\u007f', 'a[31m0mb'],
    ['direction overrides', 'gpj.\u202eexe\u2066\u2069\u200f\u061c', 'gpj.exe'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'abc'],
    ['NUL', 'a\0b', 'ab'],
  ])('removes %s', (_name, text, expected) => {
    expect(cleanText(text, 100)).toBe(expected);
  });

  it.each(['größe', 'ホスト', 'עברית', 'a b-c_d/e', '👩‍💻', ''])('keeps %s', (text) => {
    expect(cleanText(text, 100)).toBe(text);
  });

  it('removes what Unicode calls a control or a bidirectional control, and no other unit', () => {
    const unsafe = /[\p{Cc}\u2028\u2029\p{Bidi_Control}]/u;
    const units = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit));
    const wrong = units.filter((text) => text.isWellFormed() && isCleanText(text) === unsafe.test(text));
    expect(wrong).toEqual([]);
  });

  it('never cuts a pair of surrogates', () => {
    expect(cleanText('a🙂b', 2)).toBe('a');
    expect(cleanText('a🙂b', 3)).toBe('a🙂');
  });

  it('replaces a surrogate without its partner', () => {
    expect(cleanText('a\ud83db\ude42', 10)).toBe('a\ufffdb\ufffd');
  });

  it('is short enough, clean, and does nothing the second time', () => {
    fc.assert(
      fc.property(anyText, fc.nat({ max: 20 }), (text, maxLength) => {
        const clean = cleanText(text, maxLength);
        expect(clean.length).toBeLessThanOrEqual(maxLength);
        expect(isCleanText(clean)).toBe(true);
        expect(cleanText(clean, maxLength)).toBe(clean);
        expect(isCleanText(text)).toBe(cleanText(text, text.length) === text);
      }),
    );
  });
});

describe('compareUtf8', () => {
  const wellFormed = fc.string({ unit: 'binary' });
  // Around the places where UTF-16 and UTF-8 order differ.
  const tricky = fc.string({
    unit: fc.constantFrom('a', '\u007f', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
  });

  it('orders as the bytes do', () => {
    const anyPair = fc.tuple(fc.oneof(wellFormed, tricky), fc.oneof(wellFormed, tricky));
    fc.assert(
      fc.property(anyPair, ([left, right]) => {
        const bytes = Buffer.compare(Buffer.from(left), Buffer.from(right));
        expect(Math.sign(compareUtf8(left, right))).toBe(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('puts a prefix first', () => {
    expect(compareUtf8('ab', 'abc')).toBeLessThan(0);
    expect(compareUtf8('abc', 'abc')).toBe(0);
  });
});
