/** When a failed notification is tried again. */

/** Waits before the 1st, 2nd, … repeat, in milliseconds; the last one stays. */
const RETRY_DELAYS_MS = [0, 2_000, 5_000, 15_000, 30_000, 60_000, 120_000, 300_000] as const;
const RETRY_DELAY_LAST_MS = 300_000;
const JITTER_MIN = 0.5;
const JITTER_MAX = 1.5;

/**
 * The wait after the `failures`-th failure (1 is the first), jittered so that rows that failed together do not come
 * back together.
 * @param random uniform in [0, 1)
 */
export function retryDelayMs(failures: number, random: () => number): number {
  const baseMs = RETRY_DELAYS_MS[failures - 1] ?? RETRY_DELAY_LAST_MS;
  return Math.round(baseMs * (JITTER_MIN + random() * (JITTER_MAX - JITTER_MIN)));
}

/** No wait that was planned is longer than this; what looks longer is due to a clock that stepped back. */
export function waitMsMax(retryAfterMsMax: number): number {
  return Math.max(retryAfterMsMax, RETRY_DELAY_LAST_MS * JITTER_MAX);
}
