import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, test } from 'vitest';
import { SLICE_LIMITS, Slices } from './slices.ts';

/** Slices with a clock that work moves on. */
function start() {
  const clock = new FakeClock();
  let workedMs = 0;
  const done: string[] = [];
  const deferred = { count: 0 };
  const moving = {
    monoMs: () => clock.monoMs() + workedMs,
    setTimer: (delayMs: number, callback: () => void) => clock.setTimer(delayMs, callback),
  };
  const slices = new Slices<string>(moving, () => deferred.count++);
  const work = (key: string, name: string, takesMs: number) =>
    slices.run(key, () => {
      done.push(name);
      workedMs += takesMs;
    });
  const turn = () => clock.advance(0);
  return { slices, done, work, turn, deferred };
}

const LONG_MS = SLICE_LIMITS.sliceMs;

test('work is done at once while there is time', async () => {
  const { deferred, done, work, turn } = start();
  work('a', 'a1', LONG_MS - 1);
  work('b', 'b1', 0);
  expect(done).toEqual(['a1', 'b1']);
  await turn();
  work('a', 'a2', 0);
  expect(done).toEqual(['a1', 'b1', 'a2']);
  expect(deferred.count).toBe(0);
});

test('what does not fit waits, and the keys take turns', async () => {
  const { slices, deferred, done, work, turn } = start();
  work('a', 'a1', LONG_MS);
  for (const name of ['a2', 'a3', 'b1', 'c1']) work(name.slice(0, 1), name, LONG_MS / 2);
  expect(done).toEqual(['a1']);
  expect(slices.waitingOf('a')).toBe(2);
  await turn();
  expect(done.slice(0, 4)).toEqual(['a1', 'a2', 'b1', 'c1']);
  await turn();
  expect(done).toEqual(['a1', 'a2', 'b1', 'c1', 'a3']);
  expect(deferred.count).toBe(4);
});

test('nothing overtakes what came before it of the same key, not even when it is brought about by it', async () => {
  const { slices, done, turn, work } = start();
  work('a', 'first', LONG_MS);
  slices.run('a', () => {
    done.push('a1');
    work('a', 'brought about', 0);
  });
  work('a', 'a2', 0);
  await turn();
  await turn();
  expect(done).toEqual(['first', 'a1', 'a2', 'brought about']);
});

test('a turn in which all time is used up is followed by one that begins with what waits', async () => {
  const { done, work, turn } = start();
  work('a', 'a1', LONG_MS);
  work('b', 'b1', LONG_MS);
  work('c', 'c1', LONG_MS);
  await turn();
  await turn();
  await turn();
  expect(done).toEqual(['a1', 'b1', 'c1']);
});
