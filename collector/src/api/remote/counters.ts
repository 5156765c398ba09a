/** What remote write and read count on `/metrics`. No label value comes from a sender. */

/** Why a sample of a write request is not stored. */
export type Refusal =
  | 'out_of_order'
  | 'duplicate_timestamp'
  | 'invalid_labels'
  | 'bad_time'
  | 'too_many_series'
  | 'reserved'
  | 'bad_series'
  | 'histogram'
  | 'exemplar';

/** In words, for the answer. */
export const REFUSALS: Readonly<Record<Refusal, string>> = {
  out_of_order: 'out of order',
  duplicate_timestamp: 'with a time that is taken by another value',
  invalid_labels: 'with labels that are too long or too many, or whose names begin with __',
  bad_time: 'more than ten minutes in the future or before 1970',
  too_many_series: 'of more series than a sender may have',
  reserved: 'of a host whose own agent reports',
  bad_series: 'without a metric name, or with labels doubled or unsorted',
  histogram: 'that are native histograms',
  exemplar: 'that are exemplars',
};

export const REMOTE_COUNTERS = {
  rollcall_remote_write_requests_total: {
    help: 'Remote write requests by status code.',
    labels: ['code'],
  },
  rollcall_remote_write_samples_total: {
    help: `Samples of remote write; outcome is stored, or why not: ${Object.keys(REFUSALS).join(', ')}.`,
    labels: ['outcome'],
  },
  rollcall_remote_read_requests_total: {
    help: 'Remote read requests by status code.',
    labels: ['code'],
  },
} as const;

export interface RemoteCounters {
  /** Adds `by` (default 1); `labels` carries exactly the names of the table row. */
  increment(
    this: void,
    name: keyof typeof REMOTE_COUNTERS,
    labels: Readonly<Record<string, string>>,
    by?: number,
  ): void;
}
