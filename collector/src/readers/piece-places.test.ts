import { expect, it } from 'vitest';
import { PIECE_BYTES, PiecePlaces, sharedPieces } from './piece-places.ts';

it('gives each place to one at a time, until it is free again', () => {
  const memory = sharedPieces();
  const [thread, collector] = [new PiecePlaces(memory), new PiecePlaces(memory)];
  const taken: number[] = [];
  for (let place = thread.take(); place !== undefined; place = thread.take()) taken.push(place);
  expect(new Set(taken).size).toBe(taken.length);
  expect(taken.length).toBeGreaterThan(1);
  collector.free(taken[1] ?? 0);
  expect([thread.take(), thread.take()]).toEqual([taken[1], undefined]);
});

it('shows one end what the other end wrote, and places do not overlap', () => {
  const memory = sharedPieces();
  const [thread, collector] = [new PiecePlaces(memory), new PiecePlaces(memory)];
  const [first = -1, second = -1] = [thread.take(), thread.take()];
  thread.at(first, PIECE_BYTES).fill(1);
  thread.at(second, PIECE_BYTES).fill(2);
  expect(collector.at(first, PIECE_BYTES).every((byte) => byte === 1)).toBe(true);
  expect(collector.at(second, 3)).toEqual(Uint8Array.of(2, 2, 2));
});
