/** What the feed counts, for the collector's own metrics. */
export const FEED_COUNTERS = {
  rollcall_feed_samples_total: {
    help: 'Samples that a store outside of the collector has confirmed.',
    labels: ['store'],
  },
  rollcall_feed_batches_total: { help: 'Batches that a store has confirmed.', labels: ['store'] },
  rollcall_feed_retries_total: {
    help: 'Attempts to write a batch that must be repeated; reason is away or blocked.',
    labels: ['store', 'reason'],
  },
  rollcall_feed_rewinds_total: {
    help: 'Starts of a store that were noticed; what it confirmed in its last minute was sent again.',
    labels: ['store'],
  },
  rollcall_feed_refused_samples_total: {
    help: 'Samples that a store will not have: stale_marker and not_finite (its format has none), unstorable (labels or time), refused (it said so).',
    labels: ['store', 'reason'],
  },
  rollcall_feed_read_backs_total: {
    help: 'Counts of what a store has of what it confirmed; outcome is equal, missing or unknown.',
    labels: ['store', 'outcome'],
  },
  rollcall_feed_threads_failed_total: {
    help: 'Feeding threads that ended unasked; the next one goes on at the cursors.',
    labels: [],
  },
} as const;

/** The part of the collector's metrics that the feed writes. */
export interface FeedCounting {
  increment(name: keyof typeof FEED_COUNTERS, labels?: Readonly<Record<string, string>>, by?: number): void;
}
