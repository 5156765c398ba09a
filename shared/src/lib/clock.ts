/**
 * Time as a port. Product code never touches `Date.now`, `performance.now` or `setTimeout` itself: it takes a
 * `Clock`, so that the simulation can run hours in milliseconds and a wrong wall clock can be played.
 */
import { uptime } from 'node:os';

/** A running timer. `cancel` may be called any number of times, also after it fired. */
export interface Timer {
  cancel(): void;
}

/** Where time comes from. Callbacks run on the event loop, never from inside `setTimer`. */
export interface Clock {
  /** Wall clock, UTC milliseconds since 1970. May jump either way; only for what people read. */
  wallMs(): number;
  /** Monotonic milliseconds from an arbitrary start. Stops while the machine is suspended on Linux. */
  monoMs(): number;
  /** Milliseconds since the operating system booted, suspend included (Linux CLOCK_BOOTTIME, 10 ms steps). */
  bootMs(): number;
  /** Calls `callback` once, not before `delayMs` have passed. Does not keep the process alive when `isBackground`. */
  setTimer(delayMs: number, callback: () => void, options?: { readonly isBackground?: boolean }): Timer;
}

/** The longest delay that the platform's timers hold (2^31 - 1 ms); longer ones would fire at once, so they are chained. */
const TIMER_DELAY_MS_MAX = 2_147_483_647;

/**
 * How long a reading of the boot clock is good for. Asking the system opens, reads and closes a file, and what handles
 * one event asks several times. Less than the clock's own step.
 */
const BOOT_CLOCK_MS_MAX = 5;

/** The clock of this machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  bootMs: bootClock({ monoMs: () => performance.now(), readMs: () => Math.round(uptime() * 1000) }),
  setTimer(delayMs, callback, options) {
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(Math.max(0, leftMs), TIMER_DELAY_MS_MAX);
      handle = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : callback()), stepMs);
      if (options?.isBackground) handle.unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** A boot clock that asks `readMs` at most once in BOOT_CLOCK_MS_MAX of `monoMs`. Never runs backwards unless `readMs` does. */
export function bootClock(source: {
  readonly monoMs: () => number;
  readonly readMs: () => number;
}): () => number {
  let bootMs = 0;
  let readAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = source.monoMs();
    if (nowMs - readAtMs >= BOOT_CLOCK_MS_MAX) {
      bootMs = source.readMs();
      readAtMs = nowMs;
    }
    return bootMs;
  };
}

/**
 * Resolves after `delayMs`, or rejects with the signal's reason as soon as it is aborted.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(toError(signal.reason));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(toError(signal?.reason));
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Settles like `work`, or rejects with `onTimeout()` when that takes longer than `timeoutMs`. The work itself is
 * told through the signal that it gets; whether it stops is up to it.
 */
export async function withDeadline<T>(
  clock: Clock,
  options: { readonly timeoutMs: number; readonly onTimeout: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: Timer | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = clock.setTimer(options.timeoutMs, () => {
      const error = options.onTimeout();
      reject(error);
      controller.abort(error);
    });
  });
  try {
    return await Promise.race([work(controller.signal), deadline]);
  } finally {
    timer?.cancel();
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
