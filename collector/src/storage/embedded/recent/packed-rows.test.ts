import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { PackedRows } from './packed-rows.ts';

/** Columns as counters, gauges, measures with decimals, and whatever else a double can be. */
const column = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1 }),
  fc.array(fc.integer({ min: 4_000_000_000, max: 4_000_070_000 }), { minLength: 1 }),
  fc.array(fc.maxSafeInteger(), { minLength: 1 }),
  fc.array(
    fc.integer({ min: -1_000, max: 9_000_000 }).map((whole) => whole / 100),
    { minLength: 1 },
  ),
  fc.array(fc.constantFrom(-0, 0, 1), { minLength: 1 }),
  fc.array(fc.double(), { minLength: 1 }),
  fc.double().map((value) => [value]),
);

function packed(columns: readonly (readonly number[])[], rowCount: number, power: number): PackedRows {
  return new PackedRows({
    columnCount: columns.length,
    rowCount,
    powers: new Float64Array(columns.length).fill(power),
    copyColumn: (column, target, at) => target.set(rowsOf(columns[column] ?? [], rowCount), at),
  });
}

/** A column of this length, which begins anew where it ends. */
function rowsOf(values: readonly number[], rowCount: number): number[] {
  return Array.from({ length: rowCount }, (_, row) => values[row % values.length] ?? Number.NaN);
}

test('gives back every part of every column, whatever stands in it', () => {
  const property = fc.property(
    fc.array(column, { minLength: 1, maxLength: 6 }),
    fc.integer({ min: 1, max: 70 }),
    fc.constantFrom(1, 100, 1e9),
    fc.nat(69),
    fc.nat(70),
    (columns, rowCount, power, from, length) => {
      const rows = packed(columns, rowCount, power);
      const low = Math.min(from, rowCount - 1);
      const high = Math.min(low + length, rowCount);
      for (const [at, values] of columns.entries()) {
        const target = new Float64Array(high - low + 2).fill(7);
        rows.copyColumn(at, target, { low, high, at: 1 });
        expect([...target]).toEqual([7, ...rowsOf(values, rowCount).slice(low, high), 7]);
      }
    },
  );
  expect(() => fc.assert(property, { numRuns: 200 })).not.toThrow();
});

test('takes as many bytes as the values of a column differ by', () => {
  const bytesOf = (values: readonly number[], power = 1): number => packed([values], 64, power).bytes;
  const head = 2 * 8;
  expect(bytesOf([5])).toBe(head);
  expect(bytesOf([Number.NaN])).toBe(head);
  expect(bytesOf([1e12, 1e12 + 255])).toBe(head + 64);
  expect(bytesOf([1e12, 1e12 + 256])).toBe(head + 2 * 64);
  expect(bytesOf([0.01, 655.36], 100)).toBe(head + 2 * 64);
  expect(bytesOf([0, 2 ** 32 - 1])).toBe(head + 4 * 64);
  expect(bytesOf([0, 2 ** 32])).toBe(head + 8 * 64);
  expect(bytesOf([0.5, 1.25])).toBe(head + 8 * 64);
});
