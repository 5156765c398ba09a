import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { bootClock, sleep, systemClock, withDeadline } from './clock.ts';

describe('bootClock', () => {
  /** A machine whose boot clock ran for an hour before, read in steps of 10 ms. */
  function machine() {
    const now = { wallMs: 1_000_000, monoMs: 5, trueBootMs: 3_600_007, asked: 0 };
    const bootMs = bootClock({
      wallMs: () => now.wallMs,
      monoMs: () => now.monoMs,
      readMs: () => {
        now.asked++;
        return Math.floor(now.trueBootMs / 10) * 10;
      },
    });
    const pass = (ms: number): void => {
      now.wallMs += ms;
      now.monoMs += ms;
      now.trueBootMs += ms;
    };
    return { now, bootMs, pass };
  }

  it('asks the system once in ten seconds and goes on by itself', () => {
    const { now, bootMs, pass } = machine();
    const seen: number[] = [];
    for (let i = 0; i < 25; i++) {
      seen.push(bootMs() - now.trueBootMs);
      pass(1_000);
    }
    expect(now.asked).toBe(3);
    expect(Math.min(...seen)).toBeGreaterThan(-10);
    expect(Math.max(...seen)).toBeLessThanOrEqual(0);
  });

  it('knows at once that the machine was suspended', () => {
    const { now, bootMs, pass } = machine();
    bootMs();
    pass(100);
    now.wallMs += 3_600_000;
    now.trueBootMs += 3_600_000;
    expect(now.trueBootMs - bootMs()).toBeLessThan(10);
    expect(now.asked).toBe(2);
  });

  it('does not follow a wall clock that is set', () => {
    const { now, bootMs, pass } = machine();
    bootMs();
    for (const stepMs of [-86_400_000, 86_400_000, 49]) {
      pass(100);
      now.wallMs += stepMs;
      expect(Math.abs(now.trueBootMs - bootMs())).toBeLessThan(10);
    }
  });

  it('never runs backwards, in whole milliseconds', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.double({ min: 0, max: 20_000, noNaN: true }), fc.integer({ min: -60, max: 60 })),
        ),
        (spans) => {
          const { now, bootMs, pass } = machine();
          let before = 0;
          for (const [ms, stepMs] of spans) {
            pass(ms);
            now.wallMs += stepMs;
            const value = bootMs();
            expect(Number.isInteger(value)).toBe(true);
            expect(value).toBeGreaterThanOrEqual(before);
            expect(Math.abs(now.trueBootMs - value)).toBeLessThan(11);
            before = value;
          }
        },
      ),
    );
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

  it('hands on what another signal says, before and during the work, and forgets it afterwards', async () => {
    const clock = new FakeClock();
    const left = new AbortController();
    const options = { timeoutMs: 10, onTimeout, signal: left.signal };
    const untilAborted = (signal: AbortSignal): Promise<unknown> =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));
    const work = withDeadline(clock, options, untilAborted);
    left.abort(new Error('the client left'));
    expect(await work).toMatchObject({ message: 'the client left' });
    const late = withDeadline(clock, options, (signal) => Promise.resolve(signal.reason));
    expect(await late).toMatchObject({ message: 'the client left' });
    const open = new AbortController();
    let inner: AbortSignal | undefined;
    await withDeadline(clock, { ...options, signal: open.signal }, (signal) => {
      inner = signal;
      return Promise.resolve();
    });
    open.abort();
    expect([inner?.aborted, clock.timerCount]).toEqual([false, 0]);
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
