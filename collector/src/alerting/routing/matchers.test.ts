import { AppError } from '@rollcall/shared/lib/errors.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, matcherText, parseMatcher, type LabelMatcher } from './matchers.ts';

const fits = (text: string, labels: Record<string, string>): boolean => compile([parseMatcher(text)])(labels);

function refusal(text: string): string {
  try {
    parseMatcher(text);
  } catch (error) {
    if (error instanceof AppError && error.code === 'BAD_REQUEST') return error.message;
    throw error;
  }
  return 'accepted';
}

describe('a matcher', () => {
  const cases: readonly (readonly [text: string, parsed: LabelMatcher])[] = [
    ['team="db"', { name: 'team', operator: '=', value: 'db' }],
    ['team=db', { name: 'team', operator: '=', value: 'db' }],
    [' team != "a b" ', { name: 'team', operator: '!=', value: 'a b' }],
    ['instance=~"web-.*"', { name: 'instance', operator: '=~', value: 'web-.*' }],
    ['instance!~web.+', { name: 'instance', operator: '!~', value: 'web.+' }],
    ['a=""', { name: 'a', operator: '=', value: '' }],
    ['a=', { name: 'a', operator: '=', value: '' }],
    [String.raw`a="x\"y\\z\n"`, { name: 'a', operator: '=', value: 'x"y\\z\n' }],
    ['"ein name"="=~"', { name: 'ein name', operator: '=', value: '=~' }],
  ];
  it.each(cases)('%s is read', (text, parsed) => {
    expect(parseMatcher(text)).toEqual(parsed);
  });

  it.each(['', 'team', '="x"', 'a"="b', 'a="b', 'a="b"c', 'a={}', `a=~"("`, `a="${'x'.repeat(2_000)}"`])(
    '%j is refused with a text that shows it',
    (text) => {
      expect(refusal(text)).toMatch(/matcher|regexp/);
    },
  );

  it('is written so that it is read back the same, whatever it holds', () => {
    fc.assert(
      fc.property(
        fc.record({
          name: fc.string({ minLength: 1, maxLength: 20 }),
          operator: fc.constantFrom('=' as const, '!=' as const),
          value: fc.string({ maxLength: 40 }).map((text) => text.toWellFormed()),
        }),
        (matcher) => {
          // JSON writes controls as \u escapes, which matchers do not know.
          fc.pre(!/[\p{Cc}]/u.test(matcher.name + matcher.value));
          expect(parseMatcher(matcherText(matcher))).toEqual(matcher);
        },
      ),
    );
  });

  it('takes no longer for thousands of blanks', () => {
    const startMs = performance.now();
    expect(refusal(`a=${' '.repeat(100_000)}"`)).toMatch(/matcher/);
    expect(refusal(`a=b${' '.repeat(100_000)}"`)).toMatch(/matcher/);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  it('takes an absent label for an empty one, and never what an object inherits', () => {
    expect(fits('gone=""', { team: 'db' })).toBe(true);
    expect(fits('toString=""', {})).toBe(true);
    expect(fits('constructor!=""', {})).toBe(false);
  });

  it('is anchored at both ends, and quick on a hostile pattern', () => {
    expect(fits('a=~"b"', { a: 'abc' })).toBe(false);
    expect(fits('a=~"(x+x+)+y"', { a: 'x'.repeat(10_000) })).toBe(false);
  });
});
