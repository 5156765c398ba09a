/** What alerting counts. The collector's self metrics turn this table into counters on `/metrics`. */
interface CounterDescription {
  readonly help: string;
  readonly labels: readonly string[];
}

export const ALERTING_COUNTERS = {
  rollcall_alerting_evaluations_total: {
    help: 'Evaluations of a rule; outcome is ok or failed.',
    labels: ['rule', 'outcome'],
  },
  rollcall_alerting_transitions_total: {
    help: 'Transitions of incidents that were stored; kind is fired, escalated, acknowledged, unacknowledged, commented, resolved or closed.',
    labels: ['rule', 'kind'],
  },
  rollcall_alerting_instances_dropped_total: {
    help: 'Alerts that were not tracked because their rule already had the most it may have.',
    labels: ['rule'],
  },
  rollcall_alerting_attempts_total: {
    help: 'Attempts to deliver; outcome is delivered, retry, refused or ambiguous.',
    labels: ['receiver', 'outcome'],
  },
  rollcall_alerting_notifications_total: {
    help: 'Notifications by their end; status is delivered, dead, superseded or suppressed.',
    labels: ['receiver', 'status'],
  },
  rollcall_alerting_digests_total: {
    help: 'Digests that told of several incidents at once.',
    labels: ['receiver'],
  },
  rollcall_alerting_fallbacks_total: {
    help: 'Notifications that a receiver did not take in time, so that the fallback of the route was told as well.',
    labels: ['receiver'],
  },
  rollcall_alerting_heartbeats_total: {
    help: 'Calls of the heartbeat address that were due; outcome is sent, failed or withheld.',
    labels: ['outcome'],
  },
  rollcall_alerting_escalations_total: {
    help: 'Steps of escalation; outcome is told, nobody or held (by a silence or the like; once for as long as it is).',
    labels: ['policy', 'outcome'],
  },
  rollcall_alerting_links_total: {
    help: 'Signed links that were looked at (offer) or followed; action is ack, close or unknown, outcome is offer, done, already, ended, expired or forged.',
    labels: ['action', 'outcome'],
  },
  rollcall_alerting_evidence_total: {
    help: 'Evidence of incidents; outcome is taken, failed (the curve could not be had) or dropped (too many at once).',
    labels: ['outcome'],
  },
  rollcall_alerting_breaker_opened_total: {
    help: 'Times a receiver failed so often that it only gets probes.',
    labels: ['receiver'],
  },
  rollcall_alerting_internal_errors_total: {
    help: 'Failures of alerting itself, mostly of its database.',
    labels: ['part'],
  },
} as const satisfies Readonly<Record<string, CounterDescription>>;

export type AlertingCounterName = keyof typeof ALERTING_COUNTERS;

export interface AlertingCounters {
  /** Adds `by` (default 1) to the counter; `labels` carries exactly the names of its table row. */
  increment(name: AlertingCounterName, labels: Readonly<Record<string, string>>, by?: number): void;
}

/** Counts nothing. */
export const noCounters: AlertingCounters = { increment() {} };
