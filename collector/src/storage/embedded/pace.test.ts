import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pace, sortInTurns } from './pace.ts';

/** A pace whose turn is over at each look. */
function restless(signal = new AbortController().signal) {
  const turns = { count: 0 };
  const yieldToLoop = (): Promise<void> => {
    turns.count++;
    return Promise.resolve();
  };
  return { pace: new Pace({ clock: new FakeClock(), turnMs: 0, yieldToLoop, signal }), turns };
}

test('a turn is due when it has lasted long enough, and starts anew after a rest', async () => {
  const clock = new FakeClock();
  const signal = new AbortController().signal;
  const pace = new Pace({ clock, turnMs: 10, yieldToLoop: () => Promise.resolve(), signal });
  await clock.advance(9);
  expect(pace.isDue).toBe(false);
  await clock.advance(1);
  expect(pace.isDue).toBe(true);
  await pace.rest();
  expect(pace.isDue).toBe(false);
});

test('work that was aborted ends at its next rest, or does not begin', async () => {
  const controller = new AbortController();
  const { pace } = restless(controller.signal);
  await pace.rest();
  controller.abort();
  await expect(pace.rest()).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
  expect(() => restless(controller.signal)).toThrow(expect.objectContaining({ code: 'QUERY_CANCELED' }));
});

test.each([0, 1, 1_024, 1_025, 5_000, 8_192])(
  'sorting %d items in turns is the stable sort',
  async (length) => {
    const [seed] = fc.sample(fc.array(fc.nat(300), { minLength: length, maxLength: length }), 1);
    const list = (seed ?? []).map((key, at) => ({ key, at }));
    const { pace, turns } = restless();
    const sorted = await sortInTurns([...list], (left, right) => left.key - right.key, pace);
    expect(sorted).toEqual(list.toSorted((left, right) => left.key - right.key));
    expect(turns.count > 0).toBe(length > 1_024);
  },
);

test('what is in order is only looked through', async () => {
  const list = Array.from({ length: 5_000 }, (_, at) => at);
  const { pace, turns } = restless();
  let compared = 0;
  const compare = (left: number, right: number): number => {
    compared++;
    return left - right;
  };
  expect(await sortInTurns([...list], compare, pace)).toEqual(list);
  expect(compared).toBe(4_999);
  expect(turns.count).toBeGreaterThan(3);
  const last = [...list, -1];
  expect(await sortInTurns([...last], compare, pace)).toEqual([-1, ...list]);
});
