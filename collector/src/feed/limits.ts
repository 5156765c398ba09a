/** Limits of the feed; each has a test. */
export const FEED_LIMITS = {
  /** Between two looks at the journal when there was nothing to send. */
  pollMs: 250,
  /** Before a store that is away is tried again; full jitter. */
  backoff: { baseMs: 500, maxMs: 60_000, factor: 2 },
  /** A store that refuses us for lack of rights is tried again this often, so that nobody has to restart anything. */
  blockedMs: 30_000,
  /** How often a store is asked when it started. */
  startCheckMs: 10_000,
  /** What a store confirmed in its last moments may be gone when it comes back: so much is sent again. */
  rewindMs: 60_000,
  /** Start times of one process differ by less than this from one answer to the next. */
  startToleranceMs: 2_000,
  /** One host's samples of a minute are counted in the store this often. */
  readBackEveryMs: 300_000,
  readBackWindowMs: 60_000,
  /** After the end of the window; VictoriaMetrics shows nothing that is younger than 30 s. */
  readBackDelayMs: 90_000,
  /** Samples of one host that are remembered for a count. */
  readBackSamplesMax: 200_000,
  /** Samples that were put aside, kept per store to be looked at. */
  deadLettersMax: 1_000,
  /** Between two reports of the thread. */
  statusMs: 500,
  /** The journal goes on when so much of its bound is free again. */
  resumeRatio: 0.9,
} as const;
