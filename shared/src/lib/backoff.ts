/**
 * Exponential back-off with full jitter: the delay is uniform in [0, cap], so that thousands of clients that failed
 * together do not come back together. Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */

/** How the delays of one kind of repeats grow. */
export interface BackoffLimits {
  /** Longest delay before the first repeat. */
  readonly baseMs: number;
  /** Longest delay of all. */
  readonly maxMs: number;
  /** By how much the longest delay grows from one repeat to the next. */
  readonly factor: number;
}

/**
 * The delay before attempt `attempt` (0 is the first repeat), in milliseconds; it may have a fraction.
 * @param random uniform in [0, 1)
 */
export function backoffDelayMs(limits: BackoffLimits, attempt: number, random: () => number): number {
  const ceilingMs = Math.min(limits.maxMs, limits.baseMs * limits.factor ** Math.min(attempt, 64));
  return random() * ceilingMs;
}
