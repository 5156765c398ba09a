import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thrownCode } from '../testing/thrown.ts';
import { decodeGap, encodeGap, GAP_REASON, GAP_REASON_NAMES } from './gap.ts';

const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const arbitraryGap = fc.record({
  to: u48,
  reason: fc.nat({ max: 255 }),
  isEstimated: fc.boolean(),
  ticksThrough: u48,
  samplesThrough: u48,
  firstWallMs: u48,
  lastWallMs: u48,
});

describe('gap', () => {
  it('comes back as it was, in 32 bytes', () => {
    fc.assert(
      fc.property(arbitraryGap, (gap) => {
        const body = encodeGap(gap);
        expect(body).toHaveLength(32);
        expect(decodeGap(body)).toEqual(gap);
      }),
    );
  });

  it('is refused when it is cut, too long, or has unknown flags', () => {
    const [gap] = fc.sample(arbitraryGap, 1);
    if (gap === undefined) throw new Error('no sample');
    const body = encodeGap(gap);
    for (let end = 0; end < body.length; end++) {
      expect(thrownCode(() => decodeGap(body.subarray(0, end)))).toBe('RECORD_UNDECODABLE');
    }
    expect(thrownCode(() => decodeGap(Buffer.concat([body, Buffer.of(0)])))).toBe('RECORD_UNDECODABLE');
    expect(thrownCode(() => decodeGap(Buffer.from(body).fill(2, 7, 8)))).toBe('RECORD_UNDECODABLE');
  });

  it('has a name for every reason', () => {
    const expected = Object.entries(GAP_REASON).map(([key, reason]) => [String(reason), key.toLowerCase()]);
    expect(Object.entries(GAP_REASON_NAMES)).toEqual(expected);
  });
});
