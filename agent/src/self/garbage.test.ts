import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, it } from 'vitest';
import { giveBackMemory } from './garbage.ts';

it('collects all garbage after five minutes and each half hour, until it is ended', async () => {
  const clock = new FakeClock();
  const minutes: number[] = [];
  const startedMs = clock.monoMs();
  const end = giveBackMemory(clock, ({ flavor }) => {
    expect(flavor).toBe('last-resort');
    minutes.push((clock.monoMs() - startedMs) / 60_000);
  });
  await clock.advance(70 * 60_000);
  expect(minutes).toEqual([5, 35, 65]);
  end();
  expect(clock.timerCount).toBe(0);
});

it('does nothing where the engine does not let it', () => {
  const clock = new FakeClock();
  giveBackMemory(clock, undefined)();
  expect(clock.timerCount).toBe(0);
});
