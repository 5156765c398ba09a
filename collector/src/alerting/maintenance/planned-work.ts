/** What maintenance windows say of hosts: who is away while work is announced is not missing. */
import { Labels } from '../../storage/labels.ts';
import { targetOf } from '../routing/target.ts';
import { alertLabels } from '../rules/rule.ts';
import { HOST_DOWN } from '../rules/stock.ts';
import type { Maintenance } from './maintenance.ts';

/**
 * Tells at which hosts there is planned work at a moment: those of which a window would hold back that they are down. A
 * window for other alerts only, or for one file system, says nothing of the host.
 * @param nameOf the name of a host, undefined for one that is gone
 */
export function plannedWork(
  maintenance: Pick<Maintenance, 'openFor'>,
  nameOf: (hostId: string) => string | undefined,
): (wallMs: number) => (hostId: string) => boolean {
  return (wallMs) => {
    const isOpenFor = maintenance.openFor(wallMs);
    return (hostId) => {
      const hostName = nameOf(hostId);
      if (hostName === undefined) return false;
      const labels = alertLabels(HOST_DOWN, Labels.of({ instance: hostName }));
      const { severity } = HOST_DOWN;
      return isOpenFor(targetOf('', { labels, severity, hostId, hostName }).labels);
    };
  };
}
