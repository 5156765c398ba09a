import { expect, it } from 'vitest';
import { ConstantRows } from './constant-rows.ts';

it.each([0, -0, 1, Number.NaN, Infinity])('gives rows of %d, few and many', (value) => {
  const rows = new ConstantRows();
  for (const count of [3, 700, 2, 5_000]) {
    const given = rows.of(value, count);
    expect(given).toHaveLength(count);
    expect(given.every((one) => Object.is(one, value))).toBe(true);
  }
});

it('makes rows of a value once, and forgets values when they are too many', () => {
  const rows = new ConstantRows();
  const first = rows.of(1, 10);
  expect(rows.of(1, 20).buffer).toBe(first.buffer);
  for (let value = 2; value < 70; value++) rows.of(value, 10);
  expect(rows.of(1, 10).buffer).not.toBe(first.buffer);
  expect([...first]).toEqual(Array.from({ length: 10 }).fill(1));
});
