/** What alerting needs from the rest of the collector. */
import type { HostState } from '../api/types.ts';
import type { Labels } from '../storage/labels.ts';

/** A host as presence sees it. */
export interface HostPresence {
  readonly id: string;
  /** The value of the label `instance` on the host's series. */
  readonly name: string;
  readonly state: HostState;
  /** Since when it is in that state, UTC milliseconds. */
  readonly sinceMs: number;
  /** Time of the newest sample that can be queried, `null` before the first one. */
  readonly newestDataMs: number | null;
}

export interface HostsPort {
  /** All hosts at this moment; a host that was retired is not among them. */
  list(): readonly HostPresence[];
}

export interface EvaluatedSample {
  readonly labels: Labels;
  readonly value: number;
}

/** How an expression is evaluated. */
export interface EvaluateOptions {
  /** The order of the samples does not matter; else they come in label order, unless the expression itself sorts. */
  readonly isUnordered?: boolean;
}

/**
 * Evaluates a PromQL expression at one instant.
 * @param timeMs UTC milliseconds
 * @throws AppError QUERY_LIMIT, QUERY_TIMEOUT and others; any rejection means "no verdict"
 */
export type EvaluatePort = (
  expression: string,
  timeMs: number,
  signal: AbortSignal,
  options?: EvaluateOptions,
) => Promise<readonly EvaluatedSample[]>;

/** A series of a range query: times in UTC milliseconds, rising, and as many values. */
export interface EvaluatedSeries {
  readonly labels: Labels;
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/**
 * Evaluates a PromQL expression at every step from start to end, both inclusive, UTC milliseconds.
 * @throws AppError QUERY_LIMIT, QUERY_TIMEOUT and others
 */
export type EvaluateRangePort = (
  expression: string,
  span: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
  signal: AbortSignal,
) => Promise<readonly EvaluatedSeries[]>;
