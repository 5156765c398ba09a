import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thrownCode } from '../testing/thrown.ts';
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES, MESSAGE } from './frame.ts';
import { LIMITS } from './limits.ts';

const types = Object.values(MESSAGE);
const arbitraryFrame = fc.record({
  type: fc.constantFrom(...types),
  flags: fc.nat({ max: 3 }),
  parts: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 4 }),
});

describe('frame', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(arbitraryFrame, fc.nat({ max: 65_535 }), ({ type, flags, parts }, records) => {
        const count = type === MESSAGE.BATCH ? records : 0;
        const frame = decodeFrame(encodeFrame({ type, flags, count, body: parts }));
        expect(frame).toEqual({ type, flags, count, body: Buffer.concat(parts) });
      }),
    );
  });

  it('shows every change of a single bit but in type, flags and count, which have no checksum', () => {
    const bytes = encodeFrame({ type: MESSAGE.BYE, body: [Buffer.from('{"reason":"stop"}')] });
    for (let bit = 4 * 8; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(thrownCode(() => decodeFrame(flipped))).toBe('FRAME_CRC');
    }
  });

  it('shows every cut', () => {
    const bytes = encodeFrame({ type: MESSAGE.BYE, body: [Buffer.from('{}')] });
    for (let end = 0; end < bytes.length; end++) {
      const expected = end < FRAME_HEADER_BYTES ? 'PROTOCOL_ERROR' : 'FRAME_CRC';
      expect(thrownCode(() => decodeFrame(bytes.subarray(0, end)))).toBe(expected);
    }
  });

  it('may be as long as allowed and no longer', () => {
    const body = Buffer.alloc(LIMITS.messageBytes - FRAME_HEADER_BYTES);
    expect(decodeFrame(encodeFrame({ type: MESSAGE.BYE, body: [body] })).body).toHaveLength(body.length);
    const tooLong = encodeFrame({ type: MESSAGE.BYE, body: [body, Buffer.of(0)] });
    expect(thrownCode(() => decodeFrame(tooLong))).toBe('LIMIT_EXCEEDED');
  });

  it('is refused with an unknown type or flag, or a count of records without records', () => {
    const header = (bytes: readonly number[]) => () => decodeFrame(Buffer.from([...bytes, 0, 0, 0, 0]));
    expect(thrownCode(header([MESSAGE.BYE, 0, 0, 0]))).toBeUndefined();
    const known = new Set<number>(types);
    for (let type = 0; type < 256; type++) {
      const expected = known.has(type) ? undefined : 'PROTOCOL_ERROR';
      expect(thrownCode(header([type, 0, 0, 0]))).toBe(expected);
    }
    expect(thrownCode(header([MESSAGE.BYE, 4, 0, 0]))).toBe('PROTOCOL_ERROR');
    expect(thrownCode(header([MESSAGE.BYE, 12, 0, 0]))).toBe('PROTOCOL_ERROR');
    expect(thrownCode(header([MESSAGE.BYE, 0, 1, 0]))).toBe('PROTOCOL_ERROR');
    const ofBatch = (flags: number) => thrownCode(header([MESSAGE.BATCH, flags, 1, 0]));
    expect([0, 4, 12, 8, 16].map(ofBatch)).toEqual([
      undefined,
      undefined,
      undefined,
      'PROTOCOL_ERROR',
      'PROTOCOL_ERROR',
    ]);
  });
});
