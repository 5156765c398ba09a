import { expect, test } from 'vitest';
import { allocateValues } from './values.ts';

test('gives zeroed memory that nobody else has', () => {
  const all = Array.from({ length: 500 }, (_, index) => ({ index, values: allocateValues(203) }));
  for (const { values } of all) expect(values.every((value) => value === 0)).toBe(true);
  for (const { index, values } of all) values.fill(index);
  for (const { index, values } of all) {
    expect(values).toHaveLength(203);
    expect(values.every((value) => value === index)).toBe(true);
  }
});

test('gives what is large memory of its own', () => {
  const large = allocateValues(10_000);
  expect(large).toHaveLength(10_000);
  expect(large.buffer.byteLength).toBe(80_000);
  expect(allocateValues(0)).toHaveLength(0);
});
