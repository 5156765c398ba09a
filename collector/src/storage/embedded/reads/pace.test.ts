import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, test } from 'vitest';
import { Pace } from './pace.ts';

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
