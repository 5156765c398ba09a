import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { sortInTurns } from './turn.ts';

/** Turns that are over at each look. */
function restless() {
  const turns = {
    count: 0,
    isDue: true,
    rest: () => {
      turns.count++;
      return Promise.resolve();
    },
  };
  return turns;
}

test.each([0, 1, 1_024, 1_025, 5_000, 8_192])(
  'sorting %d items in turns is the stable sort',
  async (length) => {
    const [seed] = fc.sample(fc.array(fc.nat(300), { minLength: length, maxLength: length }), 1);
    const list = (seed ?? []).map((key, at) => ({ key, at }));
    const turns = restless();
    const sorted = await sortInTurns([...list], (left, right) => left.key - right.key, turns);
    expect(sorted).toEqual(list.toSorted((left, right) => left.key - right.key));
    expect(turns.count > 0).toBe(length > 1_024);
  },
);

test('what is in order is only looked through', async () => {
  const list = Array.from({ length: 5_000 }, (_, at) => at);
  const turns = restless();
  let compared = 0;
  const compare = (left: number, right: number): number => {
    compared++;
    return left - right;
  };
  expect(await sortInTurns([...list], compare, turns)).toEqual(list);
  expect(compared).toBe(4_999);
  expect(turns.count).toBeGreaterThan(3);
  const last = [...list, -1];
  expect(await sortInTurns([...last], compare, turns)).toEqual([-1, ...list]);
});
