import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanLabel } from './label.ts';

describe('cleanLabel', () => {
  it.each([
    ['/', '/'],
    ['', ''],
    ['a\nb\u202e', 'ab'],
    ['\ud800x', '\ufffdx'],
    ['x'.repeat(300), 'x'.repeat(256)],
    ['é'.repeat(200), 'é'.repeat(128)],
    [`${'é'.repeat(127)}x€`, `${'é'.repeat(127)}x`],
    ['😀'.repeat(100), '😀'.repeat(64)],
  ])('%j', (raw, clean) => {
    expect(cleanLabel(raw)).toBe(clean);
  });

  it('yields at most 256 bytes of valid UTF-8, and cleaning twice changes nothing', () => {
    const unit = fc.constantFrom('a', 'é', '€', '😀', '\u0000', '\ud800', '\udc00', '\u202e');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 200 }), (raw) => {
        const clean = cleanLabel(raw);
        expect(Buffer.byteLength(clean)).toBeLessThanOrEqual(256);
        expect(Buffer.from(clean).toString()).toBe(clean);
        expect(cleanLabel(clean)).toBe(clean);
      }),
    );
  });
});
