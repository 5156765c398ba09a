/**
 * The seam to a store that is written from outside of the journal: InfluxDB, or anything that takes remote write. The
 * feed (collector/src/feed) keeps the place in the journal, repeats and waits; a sink only turns a batch into requests
 * and says what became of it.
 */
import type { Labels } from './labels.ts';

/** Samples of one series for a store that is written from outside the journal. */
export interface SinkSeries {
  readonly labels: Labels;
  /** UTC milliseconds, strictly rising. */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  /** 1 where the sample is a stale marker and its value says nothing. Absent when none is. */
  readonly stale?: Uint8Array;
}

/**
 * Why a store does not have a sample. `stale_marker` and `not_finite`: its format has no way to write one.
 * `unstorable`: names or values that its format cannot carry. `refused`: the store said so.
 */
export const REFUSED_REASONS = ['stale_marker', 'not_finite', 'unstorable', 'refused'] as const;
export type RefusedReason = (typeof REFUSED_REASONS)[number];

/** Samples of one series that will never be in the store. */
export interface RefusedSamples {
  readonly labels: Labels;
  readonly reason: RefusedReason;
  /** For people: what is wrong, or what the store said. At most a few hundred characters, without secrets. */
  readonly text: string;
  readonly count: number;
}

export type SinkResult =
  /** The store has confirmed everything but what is refused. */
  | { readonly kind: 'written'; readonly refused: readonly RefusedSamples[] }
  /** The store is away or busy; the same batch must come again. Some of it may be stored already. */
  | { readonly kind: 'retry'; readonly error: string; readonly retryAfterMs: number | null }
  /** Rights, or the database, are missing: the data are fine, and an operator must act. */
  | { readonly kind: 'blocked'; readonly error: string };

/** Samples of one host, to be counted in the store. */
export interface CountRequest {
  /** Value of the label `instance`. */
  readonly instance: string;
  /** First millisecond, inclusive. */
  readonly fromMs: number;
  /** First millisecond after it. */
  readonly toMs: number;
}

/** A store as the feed sees it. One call of `write` at a time; no method throws for what the store does. */
export interface Sink {
  /** For logs and metrics, for example `influx-v1`. */
  readonly kind: string;
  /** Ends early with `retry` when the signal is aborted. The batch may be written again, whatever the result was. */
  write(batch: readonly SinkSeries[], signal: AbortSignal): Promise<SinkResult>;
  /**
   * When the store's process started, UTC milliseconds; null when it cannot be told at the moment. A change makes the
   * feed repeat what it wrote in the last minute, because a store that crashed may have lost it.
   */
  startedMs?(signal: AbortSignal): Promise<number | null>;
  /** How many samples of the host the store has; null when it cannot be told. */
  countSamples?(request: CountRequest, signal: AbortSignal): Promise<number | null>;
  close(): Promise<void>;
}
