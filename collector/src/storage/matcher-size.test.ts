import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { compilePattern, patternSizeOf } from './matcher.ts';

/** Beginning and end of any program of RE2JS. */
const FRAME_STEPS = 2;

describe('the size of a pattern', () => {
  it.each([
    'abc',
    'a{3}',
    'a{3,}',
    'a{1000,}',
    '(?:ab){2,5}',
    '.{0,1000}',
    '(?:(?:abc){10}){10}',
    '(?P<x>a{2}){3}',
    '(?<x>a{2}){3}',
    '(?i)x{3}',
    '(?i:x){3}',
    '((b){3}a){4}',
    '[]a]{2}',
    '[^]a{7}]{2}',
    '[[:alpha:]{]{3}',
    String.raw`\{3}`,
    String.raw`\x{41}{5}`,
    String.raw`\p{Greek}{4}`,
    String.raw`\Qa{5}`,
    String.raw`\Qab\E{5}`,
    String.raw`[\]]{3}`,
  ])('is that of the compiled one for %s', (pattern) => {
    expect(patternSizeOf(pattern).steps).toBeGreaterThanOrEqual(
      RE2JS.compile(pattern).programSize() - FRAME_STEPS,
    );
    expect(patternSizeOf(pattern).steps).toBeLessThanOrEqual(RE2JS.compile(pattern).programSize() + 6);
  });

  it('is about that of the compiled one whatever is nested', () => {
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom('a', '.', '[ab]', String.raw`\d`, 'bc', '[^]x]', String.raw`\Qq\E`),
        fc.tuple(tie('pattern'), tie('pattern')).map(([left, right]) => `${left}${right}`),
        fc.tuple(tie('pattern'), tie('pattern')).map(([left, right]) => `(?:${left}|${right})`),
        fc
          .tuple(
            tie('pattern'),
            fc.constantFrom('{3}', '{2,}', '{0,5}', '*', '+?'),
            fc.constantFrom('', '?:', '?P<n>'),
          )
          .map(
            ([inner, times, kind]) =>
              `(${kind === '?P<n>' && inner.includes('?P<n>') ? '' : kind}${inner})${times}`,
          ),
      ),
    }));
    fc.assert(
      fc.property(pattern, (text) => {
        let size: number;
        try {
          size = RE2JS.compile(text).programSize() - FRAME_STEPS;
        } catch {
          return;
        }
        // A loop around what may be empty takes two steps, and is counted as one.
        expect(2 * patternSizeOf(text).steps).toBeGreaterThanOrEqual(size);
      }),
    );
  });

  it('is told in one pass of what is never closed', () => {
    const startMs = performance.now();
    for (const piece of ['[', String.raw`\x{`, String.raw`\Q`, '(', '[[:a', '{1', '(?<a', '[\\'])
      patternSizeOf(piece.repeat(64_000 / piece.length));
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});

it('lets a list of hosts through whose numbers have three digits', () => {
  const pattern = Array.from({ length: 200 }, (_, i) => String.raw`web${i}-[0-9]{3}\.ex`).join('|');
  expect(compilePattern(pattern)('web7-123.ex')).toBe(true);
});

it.each(['.{0,1000}'.repeat(16), `(?:${'(?:.{0,10}){10}'.repeat(10)}){10}${'a{900}'.repeat(30)}`])(
  'refuses %s',
  (pattern) => {
    expect(() => compilePattern(pattern)).toThrow('expression too large');
  },
);
