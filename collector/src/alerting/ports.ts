/** What alerting needs from the rest of the collector. */
import type { HostState } from '../api/types.ts';
import type { Relabel } from '../query/query.ts';
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

/** Whether many hosts are away together, so that the collector or its network is the likelier cause. */
export type Outage =
  /** Not known so soon after the start. */
  | { readonly kind: 'unclear' }
  | { readonly kind: 'none' }
  | {
      readonly kind: 'open';
      /** When the first of them was last heard of, or the collector started; UTC milliseconds. */
      readonly sinceMs: number;
      /** They were there before the collector started and did not come back. */
      readonly isAfterStart: boolean;
      /** Hosts that vanished together and are away. */
      readonly awayCount: number;
      /** All hosts. */
      readonly hostCount: number;
    };

export interface HostsPort {
  /** All hosts at this moment; a host that was retired is not among them. */
  list(): readonly HostPresence[];
  /** The state of one host; `unknown` also of one that there is not. */
  stateOf(hostId: string): HostState;
  outage(): Outage;
  /** Whether a host is away together with many. */
  isInOutage(hostId: string): boolean;
}

export interface EvaluatedSample {
  readonly labels: Labels;
  readonly value: number;
}

/** How an expression is evaluated. */
export interface EvaluateOptions {
  /** The order of the samples does not matter; else they come in label order, unless the expression itself sorts. */
  readonly isUnordered?: boolean;
  /** What the label sets of the samples become. */
  readonly relabel?: Relabel;
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
