import { describe, expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { bootClock, sleep, systemClock, withDeadline } from './clock.ts';

describe('bootClock', () => {
  it('asks again only when its reading is 5 ms old', () => {
    let monoMs = 0;
    let asked = 0;
    const bootMs = bootClock({ monoMs: () => monoMs, readMs: () => 1_000 * ++asked });
    const seen = [0, 4.9, 5, 9.9, 10].map((nowMs) => {
      monoMs = nowMs;
      return bootMs();
    });
    expect(seen).toEqual([1_000, 1_000, 2_000, 2_000, 3_000]);
  });
});

describe('systemClock', () => {
  it('fires once, in its time, unless it is cancelled', async () => {
    const fired: string[] = [];
    const startMs = systemClock.monoMs();
    systemClock.setTimer(1, () => fired.push('cancelled')).cancel();
    await new Promise<void>((resolve) => {
      systemClock.setTimer(2, () => resolve());
    });
    // The platform counts whole milliseconds.
    expect(systemClock.monoMs() - startMs).toBeGreaterThanOrEqual(1);
    expect(fired).toEqual([]);
  });

  it('does not fire a delay at once that the platform cannot hold', async () => {
    let hasFired = false;
    const timer = systemClock.setTimer(2 ** 31, () => (hasFired = true), { isBackground: true });
    await sleep(systemClock, 5);
    timer.cancel();
    timer.cancel();
    expect(hasFired).toBe(false);
  });

  it('tells three different times', () => {
    expect(systemClock.wallMs()).toBeGreaterThan(Date.UTC(2024, 0, 1));
    expect(systemClock.bootMs()).toBeGreaterThan(0);
    expect(Number.isInteger(systemClock.bootMs())).toBe(true);
    expect(systemClock.monoMs()).toBeLessThanOrEqual(systemClock.monoMs());
  });
});

describe('sleep', () => {
  it('ends in time and leaves nothing behind', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    let isDone = false;
    const sleeping = sleep(clock, 1_000, controller.signal).then(() => (isDone = true));
    await clock.advance(999);
    expect(isDone).toBe(false);
    await clock.advance(1);
    expect(isDone).toBe(true);
    await sleeping;
    controller.abort(new Error('too late to matter'));
    expect(clock.timerCount).toBe(0);
  });

  it.each([
    ['an error', new Error('stopping'), 'stopping'],
    ['any value', 'stopping', 'stopping'],
  ])('is ended by a signal with %s', async (_name, reason, message) => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const sleeping = sleep(clock, 1_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toThrow(message);
    await expect(sleep(clock, 1_000, controller.signal)).rejects.toThrow(message);
    expect(clock.timerCount).toBe(0);
  });
});

describe('withDeadline', () => {
  const onTimeout = (): Error => new Error('too late');

  it('gives the result of work that is in time', async () => {
    const clock = new FakeClock();
    const work = withDeadline(clock, { timeoutMs: 10, onTimeout }, async (signal) => {
      await sleep(clock, 9, signal);
      return 'done';
    });
    await clock.advance(9);
    await expect(work).resolves.toBe('done');
    expect(clock.timerCount).toBe(0);
  });

  it('gives up on work that is late, and tells it', async () => {
    const clock = new FakeClock();
    let reason: unknown;
    const work = withDeadline(clock, { timeoutMs: 10, onTimeout }, (signal) => {
      signal.addEventListener('abort', () => (reason = signal.reason));
      return new Promise<never>(() => {});
    });
    const outcome = work.catch((error: unknown) => error);
    await clock.advance(10);
    expect(await outcome).toMatchObject({ message: 'too late' });
    expect(reason).toMatchObject({ message: 'too late' });
  });

  it('passes on the failure of the work', async () => {
    const clock = new FakeClock();
    const work = withDeadline(clock, { timeoutMs: 10, onTimeout }, async () => {
      await Promise.resolve();
      throw new Error('broken');
    });
    await expect(work).rejects.toThrow('broken');
    expect(clock.timerCount).toBe(0);
  });
});
