import { expect, test } from 'vitest';
import { Pieces } from './pieces.ts';

test('gives room that nobody else has', () => {
  const pieces = new Pieces();
  const rooms = Array.from({ length: 400 }, (_, at) => ({
    count: 1 + (at % 90),
    ...pieces.take(1 + (at % 90)),
  }));
  for (const [index, { floats, at, count }] of rooms.entries()) floats.fill(index, at, at + count);
  for (const [index, { floats, bytes, at, count }] of rooms.entries()) {
    expect([...floats.subarray(at, at + count)]).toEqual(Array.from({ length: count }, () => index));
    expect(bytes.buffer).toBe(floats.buffer);
  }
  expect(new Set(rooms.map(({ floats }) => floats)).size).toBeLessThan(20);
});

test('gives what is large a piece of its own, as large as it is', () => {
  const pieces = new Pieces();
  const { floats } = pieces.take(10);
  const large = pieces.take(600);
  expect(large).toMatchObject({ at: 0 });
  expect(large.floats).toHaveLength(600);
  expect(large.bytes).toHaveLength(4_800);
  expect(pieces.take(10).floats).toBe(floats);
});
