import { expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { Deadlines } from './deadlines.ts';

it('calls who is late, each at its own time, whatever order they came in', async () => {
  const clock = new FakeClock(0);
  const deadlines = new Deadlines(clock);
  const late: string[] = [];
  for (const delayMs of [30, 10, 20, 10, 0])
    deadlines.setTimer(delayMs, () => late.push(`${delayMs}@${clock.monoMs()}`));
  const startMs = clock.monoMs();
  await clock.advance(100);
  expect(late).toEqual([0, 10, 10, 20, 30].map((delayMs) => `${delayMs}@${startMs + delayMs}`));
});

it('needs one timer, and forgets what was cancelled, also by another one that is late', async () => {
  const clock = new FakeClock(0);
  const deadlines = new Deadlines(clock);
  const late: string[] = [];
  for (let i = 0; i < 100; i++) deadlines.setTimer(50 + i, () => late.push('cancelled')).cancel();
  deadlines.setTimer(60, () => {
    late.push('first');
    second.cancel();
  });
  const second = deadlines.setTimer(60, () => late.push('second'));
  expect(clock.timerCount).toBe(1);
  await clock.advance(200);
  expect(late).toEqual(['first']);
  expect(clock.timerCount).toBe(0);
});

it('takes new ones while it calls', async () => {
  const clock = new FakeClock(0);
  const deadlines = new Deadlines(clock);
  let count = 0;
  const again = (): void => {
    count++;
    if (count < 5) deadlines.setTimer(10, again);
  };
  deadlines.setTimer(10, again);
  await clock.advance(49);
  expect(count).toBe(4);
  await clock.advance(1);
  expect(count).toBe(5);
});

it('goes on when one of them throws', async () => {
  const clock = new FakeClock(0);
  const deadlines = new Deadlines(clock);
  let isCalled = false;
  deadlines.setTimer(10, () => {
    throw new Error('late');
  });
  deadlines.setTimer(20, () => (isCalled = true));
  await expect(clock.advance(10)).rejects.toThrow('late');
  await clock.advance(10);
  expect(isCalled).toBe(true);
});
