/** Limits of the embedded store; each has a test or a figure in docs/storage-format.md. */
export const EMBEDDED_LIMITS = {
  /** How far back the recent window reaches at most, and how much memory it may take. */
  windowMs: 600_000,
  windowBytes: 256 * 1024 * 1024,
  /** How far it reaches back for what nobody asks for: somewhat more than a query for one moment looks back. */
  windowLeastMs: 360_000,
  /** What it keeps beyond what was asked for, and reads beyond it: questions do not come at quite the same pace. */
  windowSlackMs: 60_000,
  /**
   * With more than this share of the memory in use it keeps nothing of samplers that nobody asks for, and less of those
   * of which only the newest reading is asked for.
   */
  windowAmpleRatio: 0.5,
  windowShortMs: 120_000,
  /** Share of the memory that reads may fill with older ticks; the rest is left to new ones. */
  windowFillRatio: 0.75,
  /** Hosts of a part of a question about all of them: what is made for it is gone before it counts as old. */
  partHosts: 500,
  /** Work between two turns of the event loop. */
  turnMs: 10,
  /** Label sets in one answer of `series`. */
  seriesMax: 1_000_000,
  /**
   * Series that the collector stores itself, per schema, and in all before their numbers start anew. All of them anew costs
   * 33 µs each, so what ten thousand hosts have, nine each and what rules record of them, must fit; each takes 1.2 KiB.
   */
  ownSeriesPerSchema: 500,
  ownSeriesMax: 1_000_000,
  /** Label text of one schema of them, and of one series. */
  ownSchemaBytes: 64 * 1024,
  ownSeriesBytes: 32 * 1024,
  /** Values in one record of them. */
  ownValuesPerRecord: 8_000,
} as const;

export type EmbeddedLimits = { readonly [Name in keyof typeof EMBEDDED_LIMITS]: number };
