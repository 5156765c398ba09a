import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, test } from 'vitest';
import { ClockGuard } from './clock-guard.ts';

test('trusts a clock that runs steadily, and follows small corrections', async () => {
  const clock = new FakeClock();
  const guard = new ClockGuard(clock, clock.wallMs() - 1_000);
  for (let i = 0; i < 100; i++) {
    clock.stepWall(500);
    await clock.advance(1_000);
    expect(guard.read()).toEqual({ nowMs: clock.wallMs(), isTrusted: true });
  }
});

test('does not judge while the clock is behind the newest row', async () => {
  const clock = new FakeClock();
  const guard = new ClockGuard(clock, clock.wallMs() + 60_000);
  expect(guard.read().isTrusted).toBe(false);
  await clock.advance(59_000);
  expect(guard.read().isTrusted).toBe(true);
});

test.each([86_400_000, -86_400_000])('does not judge for ten minutes after a jump by %d ms', async (byMs) => {
  const clock = new FakeClock();
  const guard = new ClockGuard(clock, 0);
  expect(guard.read().isTrusted).toBe(true);
  clock.stepWall(byMs);
  expect(guard.read().isTrusted).toBe(false);
  await clock.advance(599_000);
  expect(guard.read().isTrusted).toBe(false);
  await clock.advance(1_000);
  // After a jump back the clock is also behind what it stamped before.
  expect(guard.read().isTrusted).toBe(byMs > 0);
});

test('a collector that starts again with the clock still behind does not judge either', async () => {
  const clock = new FakeClock();
  const before = new ClockGuard(clock, 0);
  before.read();
  clock.stepWall(-3_600_000);
  await clock.advance(600_000);
  // The newest row carries the stamp of the last read.
  const after = new ClockGuard(clock, before.read().nowMs);
  expect(after.read().isTrusted).toBe(false);
});
