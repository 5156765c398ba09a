/** An incident as routes, silences, windows and inhibition look at it. */
import type { Snapshot } from '../incidents/transition.ts';
import type { LabelValues } from './matchers.ts';

export interface Target {
  readonly incidentId: string;
  readonly severity: Snapshot['severity'];
  readonly hostId: string | null;
  readonly hostName: string | null;
  /**
   * The labels of the alert, and what a series cannot claim: `action` (page, ticket, info or capacity), `host` and
   * `host_id`.
   */
  readonly labels: LabelValues;
}

export function targetOf(
  incidentId: string,
  snapshot: Pick<Snapshot, 'labels' | 'severity' | 'hostId' | 'hostName'>,
): Target {
  const { labels, severity, hostId, hostName } = snapshot;
  return {
    incidentId,
    severity,
    hostId,
    hostName,
    labels: { ...labels, action: severity, host: hostName ?? '', host_id: hostId ?? '' },
  };
}
