import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import { fromIntegers, toIntegers } from './decimals.ts';

function formOf(values: readonly number[]): number | undefined {
  return toIntegers(Float64Array.from(values), new Float64Array(values.length));
}

describe('the integers behind numbers', () => {
  it.each([
    ['whole numbers', [1, 2, 1e15], 0],
    ['decimals, as many as any value needs', [0.5, 0.25, 3], 2],
    ['many decimals', [0.000_025_843, 0.000_1], 9],
    ['multiples of a written fraction', [3 * 0.001, 36.096_000_000_000_004], 16 + 3],
    [
      'microseconds divided by a thousand twice',
      [159_402_688, 14_953_895, 7].map((n) => n / 1000 / 1000),
      32,
    ],
    ['seconds with all their digits', [1_795_284_275.728_298_7, 1_795_284_276.749_290_2], 64 + 22],
    ['random numbers of one magnitude', [0.712_345_678_912_345_6, 0.912_345_678_912_345_7], 64 + 53],
  ])('of %s are found', (_, values, form) => {
    expect(formOf(values)).toBe(form);
  });

  it.each([
    ['negative zero', [0, -0]],
    ['NaN', [1, Number.NaN]],
    ['infinity', [Number.POSITIVE_INFINITY]],
    ['what integers cannot reach', [2 ** 60, 1]],
    ['very different magnitudes', [1e300, 1e-300]],
  ])('do not exist for %s', (_, values) => {
    expect(formOf(values)).toBeUndefined();
  });

  it('give back the same bits, or do not exist', () => {
    const value = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.tuple(fc.integer(), fc.nat(15)).map(([n, s]) => n / 10 ** s),
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), (list) => {
        const values = Float64Array.from(list);
        const integers = new Float64Array(list.length);
        const form = toIntegers(values, integers);
        if (form === undefined) return;
        fromIntegers(integers, form);
        expect([...integers]).toEqual(list);
      }),
    );
  });

  it.each([16 + 32, 33, 128, 255])('are not made by form %i', (form) => {
    expect(thrownCode(() => fromIntegers(Float64Array.of(1), form))).toBe('BLOCK_DAMAGED');
  });
});
