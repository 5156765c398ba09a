/** One object that a rule watches closely, because its condition holds or held a moment ago. */
import type { Labels } from '../../storage/labels.ts';

export interface Subject {
  /** See `instanceKey`. */
  readonly key: string;
  /** The identity labels, with `instance` as the series had it. */
  readonly labels: Labels;
  /** `null` when the labels name no host. */
  readonly host: { readonly id: string; readonly name: string } | null;
}

export interface PendingInstance {
  readonly phase: 'pending';
  readonly subject: Subject;
  /** Since when the condition holds, UTC milliseconds. */
  readonly sinceMs: number;
  /** When it was last seen to hold, UTC milliseconds; behind by some seconds in the database. */
  readonly seenMs: number;
}

export interface FiringInstance {
  readonly phase: 'firing';
  readonly subject: Subject;
  readonly sinceMs: number;
  readonly incidentId: string;
  /**
   * Since when the series is missing from fresh data, on the monotonic clock; `null` while it is not. Never stored:
   * after a restart the evidence is gathered anew.
   */
  readonly goneSinceMonoMs: number | null;
  /** Since when the condition is seen to be over while the rule keeps firing, on the monotonic clock; never stored. */
  readonly clearedSinceMonoMs?: number | undefined;
}

export type Instance = PendingInstance | FiringInstance;
