import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Parameters } from './parameters.ts';

describe('parameters', () => {
  const piece = fc.constantFrom(
    'x',
    'y',
    '%',
    '4',
    '+',
    '&',
    '=',
    'é',
    '\ud83d',
    '😀',
    '%C3%A9',
    '%20',
    '#',
    '\0',
  );
  const text = fc.string({ unit: piece, maxLength: 30 });

  it('are what a form and a URL say together, as the URL standard reads them', () => {
    fc.assert(
      fc.property(text, text, (form, query) => {
        fc.pre(!/%(?![0-9a-f]{2})/i.test(`${form}&${query}`));
        const expected = new URLSearchParams(`&${form}`);
        for (const [name, value] of new URLSearchParams(`&${query}`)) expected.append(name, value);
        const parameters = Parameters.of({ form, url: `/path?${query}` });
        for (const name of expected.keys()) {
          expect(parameters.list(name)).toEqual(expected.getAll(name));
          expect(parameters.text(name)).toBe(expected.get(name));
        }
      }),
    );
  });

  it('are left out when they are not escaped properly, and whoever minds is told the first', () => {
    for (const pair of ['a=%', 'a=%4', 'a=%zz', '%g1=b', 'a=%ff%', '%zz=%yy']) {
      const parameters = Parameters.of({ form: `a=1&${pair}&b=%32`, url: '/?a=3&a=%xx' });
      expect([parameters.list('a'), parameters.list('b')]).toEqual([['1', '3'], ['2']]);
      expect(thrownCode(() => parameters.refuseFaults())).toBe('BAD_REQUEST');
    }
    const twice = Parameters.of({ form: 'a=%zz', url: '/?b=%yy' });
    expect(() => twice.refuseFaults()).toThrow('error parsing form values: invalid URL escape "%zz"');
    expect(() => Parameters.of({ form: 'a=%ff', url: '/?b=%20' }).refuseFaults()).not.toThrow();
    expect(Parameters.of({ form: 'a=é%ff', url: '/' }).text('a')).toBe('é\ufffd');
    expect(Parameters.of({ form: '', url: '/' }).text('a')).toBe('');
  });

  it('are a thousand at most, in a form and a URL together, and a form of a million takes no time', () => {
    const many = (count: number): string => 'a&'.repeat(count);
    expect(Parameters.of({ form: many(600), url: `/?${many(400)}` }).list('a')).toHaveLength(1_000);
    expect(thrownCode(() => Parameters.of({ form: many(600), url: `/?${many(401)}` }))).toBe('BAD_REQUEST');
    const startMs = performance.now();
    expect(thrownCode(() => Parameters.of({ form: many(1_000_000), url: '/' }))).toBe('BAD_REQUEST');
    expect(thrownCode(() => Parameters.of({ form: '&'.repeat(2_000_000), url: '/' }))).toBe('BAD_REQUEST');
    expect(Parameters.of({ form: `a=${'+'.repeat(2_000_000)}`, url: '/' }).text('a')).toHaveLength(2_000_000);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});
