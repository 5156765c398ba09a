import { expect, it } from 'vitest';
import { ColumnRoom } from './columns.ts';

it.each([1, 240, 20_000])('makes arrays of %d zeros that do not touch each other', (count) => {
  const room = new ColumnRoom(count);
  const arrays = Array.from({ length: 100 }, (_, i) => {
    const values = room.values();
    expect(values).toHaveLength(count);
    expect(values.every((value) => value === 0)).toBe(true);
    return values.fill(i + 1);
  });
  for (const [i, values] of arrays.entries()) expect(values.every((value) => value === i + 1)).toBe(true);
});
