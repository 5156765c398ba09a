/**
 * The seam between Rollcall and whatever keeps its time series. `conformance.ts` is the suite that every adapter
 * passes; `open.ts` chooses one.
 */
import type { Labels } from './labels.ts';
import type { Matcher } from './matcher.ts';
import type { SeriesBatch } from './moment-batch.ts';

/** One series with its samples in a range. The arrays have equal length; several series may share them, so nobody changes them. */
export interface Series {
  readonly labels: Labels;
  /** UTC milliseconds, strictly rising. */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  /**
   * 1 where the sample is a stale marker: the series ended there and the value says nothing. Absent when none is.
   * Out of band, because JavaScript may lose the bits of Prometheus' stale NaN.
   */
  readonly stale?: Uint8Array | undefined;
  /**
   * How many samples each point stands for; absent when each is one sample. Only where the hints name
   * `count_over_time` or `avg_over_time`, and the samples are no longer there or need not be read: the value of a point
   * is then the mean of its samples.
   */
  readonly counts?: Float64Array | undefined;
}

/**
 * What a caller means to do with the samples, so that an adapter may pick a coarser resolution. For an instant selector
 * (no `rangeMs`, `stepMs` 0 or absent) only the newest sample of each series matters: an adapter may leave out the
 * others, and series whose newest sample is a stale marker. With `stepMs` alone the newest one up to each time of evaluation
 * does: `toMs`, and so many steps before it. Without hints every sample is wanted.
 */
export interface SelectHints {
  /** Distance of the evaluation steps; 0 or absent for an instant. */
  readonly stepMs?: number;
  /** Width of the range selector, absent for an instant selector. */
  readonly rangeMs?: number;
  /** The PromQL function that takes the range, for example `rate`. */
  readonly functionName?: string;
}

/** Of `count` parts of a fleet, each with about as many hosts, the one at `index`. */
export interface HostPart {
  readonly index: number;
  readonly count: number;
}

export interface SelectRequest {
  /** All must fit; `__name__` is a label like the others. At least one. */
  readonly matchers: readonly Matcher[];
  /** First millisecond wanted, inclusive. */
  readonly fromMs: number;
  /** Last millisecond wanted, inclusive. */
  readonly toMs: number;
  /** More samples than this end the read with QUERY_LIMIT. */
  readonly samplesMax: number;
  readonly hints?: SelectHints;
  /** Only series of these hosts; for adapters that have `hostParts`. @default all */
  readonly part?: HostPart;
}

export interface LabelsRequest {
  /** A series counts when all matchers of any one set fit; no sets at all means every series. */
  readonly matcherSets: readonly (readonly Matcher[])[];
  readonly fromMs: number;
  readonly toMs: number;
  /** At most so many entries, 0 for all. */
  readonly limit: number;
}

/** The read side; the only thing that `query` knows. All methods may be called concurrently. */
export interface StorageReader {
  /**
   * Series with at least one sample in the range, in label order.
   * @throws AppError QUERY_LIMIT, QUERY_CANCELED (the signal was aborted), BAD_REQUEST (no matcher)
   */
  select(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]>;
  /** Label sets of the series that may have samples in the range, in label order. */
  series(request: LabelsRequest, signal: AbortSignal): Promise<readonly Labels[]>;
  /** Sorted names of the labels of those series. */
  labelNames(request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]>;
  /** Sorted values of label `name` in those series. */
  labelValues(name: string, request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]>;
  /** In how many parts a question about the whole fleet is asked with least memory. Absent where hosts cannot be chosen. */
  hostParts?(): number;
}

/** A read that is going to come. */
export interface ExpectedRead {
  readonly metric: string;
  /** How far back, in milliseconds; 0 where the newest sample is enough. */
  readonly backMs: number;
  /** Distance of the only times at which samples matter. @default every sample does */
  readonly stepMs?: number;
}

/** The read side of a store that is written elsewhere, as a thread sees it that answers queries. */
export interface FollowingReader extends StorageReader {
  /**
   * Everything that was durable before the call can be read when it resolves. Quick when it is called often; gives other
   * work its turn while there is much to catch up with. May be called concurrently, also with reads.
   * @throws AppError STORAGE_UNAVAILABLE
   */
  catchUp(): Promise<void>;
  /**
   * Says what is going to be read, of all hosts, so that what is read for one of them is kept for the others too. Answers are
   * the same without it. Replaces what was said before.
   */
  expect(reads: readonly ExpectedRead[]): void;
  stats(): Promise<StorageStats>;
  hostParts(): number;
  /** What the readings take that it keeps in memory, by its own count. */
  readonly windowBytes: number;
}

/** The read side of a store that others keep. */
export interface ExternalReader extends StorageReader {
  /** Ends the connections that are kept; called once, after the last read. */
  close(): void;
}

/** Samples of one series to be stored. */
export interface AppendSeries {
  readonly labels: Labels;
  readonly samples: readonly AppendSample[];
}

export interface AppendSample {
  readonly timeMs: number;
  readonly value: number;
  /** A stale marker; `value` is then ignored. */
  readonly isStale?: boolean;
}

/** Why a sample was not stored. A sample that is already there with the same value counts as accepted. */
export type RejectReason = 'out_of_order' | 'duplicate_timestamp' | 'invalid_labels';

export interface AppendResult {
  readonly accepted: number;
  readonly rejected: readonly {
    readonly labels: Labels;
    readonly timeMs: number;
    readonly reason: RejectReason;
  }[];
}

export interface StorageStats {
  readonly seriesCount: number;
  readonly sampleCount: number;
  /** Bytes on disk, 0 for a store that has none or cannot tell. */
  readonly diskBytes: number;
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
}

export interface StorageCapabilities {
  /** Samples survive the end of the process. */
  readonly isDurable: boolean;
  /** Can hold stale markers. */
  readonly hasStaleMarkers: boolean;
}

export interface Storage extends StorageReader {
  readonly capabilities: StorageCapabilities;
  /**
   * Stores what the collector itself measures or computes (`up`, rule results, pushed series); what agents send comes
   * through the journal. Resolves when the samples are as durable as the adapter can make them.
   * @throws AppError STORAGE_UNAVAILABLE (retryable): nothing of the batch was stored
   */
  append(batch: SeriesBatch): Promise<AppendResult>;
  /** Resolves when everything appended so far can be read. */
  flush(): Promise<void>;
  stats(): Promise<StorageStats>;
  /**
   * Deletes what is older than the time, in small steps between which everything else goes on.
   * @throws AppError QUERY_CANCELED (the signal was aborted), STORAGE_UNAVAILABLE; what was deleted stays deleted
   */
  prune(olderThanMs: number, signal: AbortSignal): Promise<unknown>;
  /** Releases everything; called once, after the last read. */
  close(): Promise<void>;
}
