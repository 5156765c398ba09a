import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import { bitsLength, packBits, unpackBits } from './bits.ts';

describe('packed integers', () => {
  it('come back at every width', () => {
    const input = fc
      .integer({ min: 0, max: 48 })
      .chain((width) => fc.tuple(fc.constant(width), fc.array(fc.maxSafeNat().map((n) => n % 2 ** width))));
    fc.assert(
      fc.property(input, ([width, list]) => {
        const integers = Float64Array.from(list);
        const packed = Buffer.alloc(bitsLength(list.length, width), 0xff);
        packBits(integers, width, packed);
        expect(unpackBits(packed, list.length, width)).toEqual(integers);
      }),
    );
  });

  it.each([
    [3, 8, 2],
    [3, 8, 4],
    [1, 0, 1],
  ])('%i of %i bits are refused in %i bytes', (count, width, length) => {
    expect(thrownCode(() => unpackBits(Buffer.alloc(length), count, width))).toBe('BLOCK_DAMAGED');
  });
});
