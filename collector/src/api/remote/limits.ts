/** Limits of remote write and remote read; each has a test. */
export const REMOTE_LIMITS = {
  /** Body of a request as it travels, and unpacked. Senders stay far below: vmagent at 8 MiB, Prometheus at 1 MiB. */
  bodyBytes: 4 * 1024 * 1024,
  unpackedBytes: 16 * 1024 * 1024,
  /** Samples of one request. Real ones take some 18 bytes each, so that no honest request has as many. */
  samplesPerWrite: 1_000_000,
  /** A read request, unpacked: it holds nothing but matchers. */
  readRequestBytes: 1024 * 1024,
  /** Requests of each kind at a time; one more is told to come again. */
  writesAtOnce: 8,
  readsAtOnce: 4,
  /** Label text of one series, in bytes of its message. */
  seriesBytes: 32 * 1024,
  /** Series that one sender, and all together, may have. */
  seriesPerSender: 50_000,
  series: 150_000,
  /** A series that was not sent for so long gives its place back. */
  seriesIdleMs: 3_600_000,
  /** Samples may lie so far in the future. */
  futureMs: 600_000,
  /** Samples that are handed to the store at a time; new series keep it busy for about 0.1 ms each. */
  samplesPerBatch: 2_000,
  /** Queries of one read, label matchers of one query, and samples of the answer. */
  queriesPerRead: 16,
  matchersPerQuery: 64,
  samplesPerRead: 5_000_000,
  readMs: 60_000,
} as const;

export type RemoteLimits = { readonly [Name in keyof typeof REMOTE_LIMITS]: number };
