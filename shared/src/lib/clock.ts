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
 * How long a reading of the boot clock is carried on with the monotonic one: to ask the system opens, reads and closes a
 * file. The two run alike but for the time that the machine is suspended.
 */
const BOOT_READING_MS_MAX = 10_000;
/** Difference between wall clock and monotonic clock since then above which the machine may have been suspended. */
const BOOT_DRIFT_MS_MAX = 50;
/** The boot clock's own step. */
const BOOT_STEP_MS = 10;

const [START_SECONDS] = process.hrtime();

/** Not `performance.now`, whose first use loads node:perf_hooks: 0.2 MiB for as long as an agent runs. */
function monoMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds - START_SECONDS) * 1_000 + nanoseconds / 1e6;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs,
  bootMs: bootClock({
    wallMs: () => Date.now(),
    monoMs,
    readMs: () => Math.round(uptime() * 1000),
  }),
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

/**
 * A boot clock that seldom asks `readMs`: in between it adds what the monotonic clock has gone on, unless the wall clock
 * says that this is not all, as it does after a suspend. Whole milliseconds; runs backwards only when `readMs` does, by
 * more than its step.
 */
export function bootClock(source: {
  readonly wallMs: () => number;
  readonly monoMs: () => number;
  readonly readMs: () => number;
}): () => number {
  let reading: { readonly bootMs: number; readonly wallMs: number; readonly monoMs: number } | undefined;
  let lastMs = 0;
  return () => {
    const [wallMs, monoMs] = [source.wallMs(), source.monoMs()];
    const sinceMs = reading === undefined ? Number.POSITIVE_INFINITY : monoMs - reading.monoMs;
    const driftMs = reading === undefined ? 0 : wallMs - reading.wallMs - sinceMs;
    if (reading === undefined || sinceMs >= BOOT_READING_MS_MAX || Math.abs(driftMs) >= BOOT_DRIFT_MS_MAX)
      reading = { bootMs: source.readMs(), wallMs, monoMs };
    const bootMs = Math.floor(reading.bootMs + monoMs - reading.monoMs);
    const isStep = bootMs < lastMs && lastMs - bootMs <= BOOT_STEP_MS;
    if (!isStep) lastMs = bootMs;
    return lastMs;
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
 * told through the signal that it gets; whether it stops is up to it. The same signal tells it when `signal` is aborted.
 */
export async function withDeadline<T>(
  clock: Pick<Clock, 'setTimer'>,
  options: { readonly timeoutMs: number; readonly onTimeout: () => Error; readonly signal?: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  // Not `AbortSignal.any`: what it makes is kept track of with weak references, which takes longer than a small query.
  const controller = new AbortController();
  const follow = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) follow();
  else signal?.addEventListener('abort', follow, { once: true });
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
    signal?.removeEventListener('abort', follow);
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
