import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { writeDecimal, writeThousandths } from './decimals.ts';

/** What stands after `at`; undefined when the number is left to others. */
function written(value: number): string | undefined {
  const bytes = new Uint8Array(36).fill(120);
  const end = writeDecimal(value, bytes, 4);
  return end < 0 ? undefined : new TextDecoder().decode(bytes.subarray(4, end));
}

it('writes fractions of all digits as the engine does', () => {
  const sizes = fc.double({ min: 1e-6, max: 1e16, noNaN: true });
  fc.assert(
    fc.property(sizes, (size) => {
      expect([undefined, String(size)]).toContain(written(size));
      expect([undefined, String(-size)]).toContain(written(-size));
    }),
    { numRuns: 2_000 },
  );
});

it('writes decimals of few digits as they were read', () => {
  const decimals = fc
    .tuple(fc.bigInt({ min: 1n, max: 10n ** 17n }), fc.integer({ min: 1, max: 22 }))
    .map(([digits, places]) => Number(`${digits}e-${places}`));
  fc.assert(
    fc.property(decimals, (value) => {
      expect([undefined, String(value)]).toContain(written(value));
    }),
    { numRuns: 2_000 },
  );
});

it('leaves hardly any rate to others', () => {
  let left = 0;
  for (let rise = 1; rise < 10_000; rise += 3) {
    const text = written(rise / 49.987);
    if (text === undefined) left++;
    expect(text ?? String(rise / 49.987)).toBe(String(rise / 49.987));
  }
  expect(left).toBeLessThan(10);
});

it('writes the neighbours of powers of two and ten, or leaves them', () => {
  const bits = new DataView(new ArrayBuffer(8));
  const neighbour = (value: number, distance: number): number => {
    bits.setFloat64(0, value);
    bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(distance));
    return bits.getFloat64(0);
  };
  const powers = [
    ...Array.from({ length: 76 }, (_, i) => 2 ** (i - 21)),
    ...Array.from({ length: 24 }, (_, i) => Number(`1e${i - 7}`)),
  ];
  for (const power of powers) {
    for (let distance = -30; distance <= 30; distance++) {
      const value = neighbour(power, distance);
      expect([undefined, String(value)]).toContain(written(value));
      expect([undefined, String(-value)]).toContain(written(-value));
    }
  }
});

it('leaves what it has no digits for to others', () => {
  for (const value of [0, -0, 7, 123_456_789_012, NaN, Infinity, -Infinity, 9e-7, 1e16, 1e300, 5e-324])
    expect(written(value)).toBeUndefined();
  expect(written(-0.5)).toBe('-0.5');
  expect(written(0.000_001)).toBe('0.000001');
  expect(written(0.1 + 0.2)).toBe('0.30000000000000004');
});

it('writes whole numbers of thousandths as the engine does, and only those', () => {
  const thousandths = (value: number): string | undefined => {
    const bytes = new Uint8Array(16).fill(120);
    const end = writeThousandths(value, bytes, 4);
    return end < 0 ? undefined : new TextDecoder().decode(bytes.subarray(4, end));
  };
  fc.assert(
    fc.property(fc.integer({ min: -1_999_999_999, max: 1_999_999_999 }), (count) => {
      const value = count / 1_000;
      expect(thousandths(value)).toBe(count % 1_000 === 0 ? undefined : String(value));
    }),
    { numRuns: 2_000 },
  );
  const others = fc.oneof(fc.double(), fc.double({ min: -3e6, max: 3e6, noNaN: true }));
  fc.assert(
    fc.property(others, (value) => {
      expect([undefined, String(value)]).toContain(thousandths(value));
    }),
  );
  for (const value of [0, -0, 7, 0.0004, 0.0005, 1 / 3, 0.1 + 0.2, 2e6 + 0.5, NaN, Infinity])
    expect(thousandths(value)).toBeUndefined();
});
