/** Our open incidents as Alertmanager's alerts. */
import { fingerprint } from '../../alerting/notify/webhook/fingerprint.ts';
import type { Route } from '../../alerting/routing/routing.ts';
import type { Suppression } from '../../alerting/routing/suppression.ts';
import { targetOf, type Target } from '../../alerting/routing/target.ts';
import type { Incident } from '../types.ts';
import type { ApiAlert } from './alertmanager.ts';

export interface AlertsViewPorts {
  readonly routesOf: (target: Target) => readonly Route[];
  readonly suppressionsOf: (target: Target) => readonly Suppression[];
  /** Address of the collector as people reach it, without a slash at the end. */
  readonly externalUrl: string;
}

export function alertsOf(
  incidents: readonly Incident[],
  { routesOf, suppressionsOf, externalUrl }: AlertsViewPorts,
): readonly ApiAlert[] {
  return incidents.map((incident) => {
    const target = targetOf(incident.id, incident);
    const suppressions = suppressionsOf(target);
    const idsOf = (isWanted: (kind: Suppression['kind']) => boolean): readonly string[] =>
      suppressions.filter(({ kind }) => isWanted(kind)).map(({ id }) => id);
    const routes = routesOf(target).filter(({ verdict }) => verdict === 'send');
    return {
      labels: incident.labels,
      annotations: { summary: incident.title, description: incident.description },
      startsMs: incident.openedMs,
      updatedMs: incident.openedMs,
      fingerprint: fingerprint(incident.labels),
      url: `${externalUrl}/incidents#${encodeURIComponent(incident.id)}`,
      receivers: routes.map(({ receiver }) => receiver),
      deliveries: Object.fromEntries(
        routes.flatMap(({ receiver, delivery }) => (delivery === undefined ? [] : [[receiver, delivery]])),
      ),
      silencedBy: idsOf((kind) => kind === 'silence'),
      inhibitedBy: idsOf((kind) => kind === 'inhibition'),
      mutedBy: idsOf((kind) => kind !== 'silence' && kind !== 'inhibition'),
    };
  });
}
