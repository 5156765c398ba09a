import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packSnappy, unpackSnappy } from './snappy.ts';

const MAX = 1024 * 1024;

/** The code of the error that unpacking gives. */
function codeOf(packed: readonly number[], bytesMax = MAX): string | undefined {
  return thrownCode(() => unpackSnappy(Uint8Array.from(packed), bytesMax));
}

describe('snappy blocks', () => {
  it('give back what was packed', () => {
    const repetitive = fc
      .array(fc.tuple(fc.uint8Array({ maxLength: 90 }), fc.integer({ min: 1, max: 40 })), { maxLength: 12 })
      .map((parts) =>
        Buffer.concat(parts.flatMap(([part, times]) => Array.from({ length: times }, () => part))),
      );
    fc.assert(
      fc.property(repetitive, (content) => {
        expect(unpackSnappy(packSnappy(content), MAX).equals(content)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('give back content of several pieces, and pack it', () => {
    const content = Buffer.alloc(200_000, 'some text that repeats ');
    const packed = packSnappy(content);
    expect(packed.length).toBeLessThan(12_000);
    expect(unpackSnappy(packed, MAX).equals(content)).toBe(true);
  });

  it('of other writers are understood, with every form of literal and copy', () => {
    const short = [0x04, 0x0c, 97, 98, 99, 100];
    expect(unpackSnappy(Uint8Array.from(short), MAX).toString()).toBe('abcd');
    // "ab", then a copy of 4 from 2 back that reaches into itself.
    expect(unpackSnappy(Uint8Array.from([6, 0x04, 97, 98, 0x01, 2]), MAX).toString()).toBe('ababab');
    // A literal with one length byte, and a copy with a four-byte offset.
    expect(
      unpackSnappy(Uint8Array.from([5, 60 << 2, 2, 97, 98, 99, (1 << 2) | 3, 3, 0, 0, 0]), MAX).toString(),
    ).toBe('abcab');
    expect(unpackSnappy(Uint8Array.from([0]), MAX)).toHaveLength(0);
  });

  it.each<[string, number[]]>([
    ['nothing at all', []],
    ['a length without end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['more content than claimed', [1, 0x04, 97, 98]],
    ['less content than claimed', [3, 0x04, 97, 98]],
    ['a literal that ends early', [10, 36, 97]],
    ['a literal whose length ends early', [70, 63 << 2, 1]],
    [
      'a literal with a negative length for those who take it as signed',
      [20, 63 << 2, 0xfa, 0xff, 0xff, 0xff],
    ],
    ['a copy of what is before the start', [8, 0x04, 97, 98, 0x01, 3]],
    ['a copy from nowhere', [8, 0x04, 97, 98, 0x01, 0]],
    ['a copy beyond the end', [3, 0x04, 97, 98, 0x01, 2]],
    ['a copy whose offset is missing', [6, 0x04, 97, 98, 0x02, 2]],
  ])('are refused: %s', (_, packed) => {
    expect(codeOf(packed)).toBe('BAD_REQUEST');
  });

  it('that claim more than allowed, or more than they could hold, take no memory', () => {
    expect(codeOf([0x80, 0x80, 0x80, 0x80, 0x0f, 0])).toBe('LIMIT_EXCEEDED');
    expect(codeOf([0x80, 0x80, 0x40, 0x00, 97])).toBe('BAD_REQUEST');
    expect(codeOf([5, 16, 97, 97, 97, 97, 97], 4)).toBe('LIMIT_EXCEEDED');
  });

  it('of random bytes end in an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect([undefined, 'BAD_REQUEST', 'LIMIT_EXCEEDED']).toContain(codeOf([...bytes], 4_096));
      }),
      { numRuns: 500 },
    );
  });
});
