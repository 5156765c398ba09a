/** The ports of silences and maintenance over a database in memory, for tests of the routes. */
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { Maintenance } from '../../alerting/maintenance/maintenance.ts';
import { Silences } from '../../alerting/silences/silences.ts';
import { createUlid } from '../../alerting/ulid.ts';
import { openState } from '../../state/state.ts';
import type { ApiAlert } from '../alertmanager/alertmanager.ts';
import type { TokenVerdict } from '../auth/tokens.ts';
import type { ApiPorts } from '../server.ts';

/** The token that may change everything. */
export const ADMIN_TOKEN = 'rca1_admin';

/** What a server needs for silences, windows and alerts; `alerts` as told. */
export function suppression(
  alerts: readonly ApiAlert[] = [],
): Pick<ApiPorts, 'alertmanager' | 'maintenance' | 'routing'> {
  const clock = new FakeClock();
  const wallMs = (): number => clock.wallMs();
  const options = {
    database: openState(':memory:'),
    wallMs,
    newUlid: createUlid(clock, () => 0.5),
    log: silentLogger,
  };
  return {
    alertmanager: {
      log: silentLogger,
      version: '0',
      startedMs: 0,
      wallMs,
      silences: new Silences(options),
      changed: () => {},
      receivers: () => ['ops'],
      alerts: () => alerts,
    },
    maintenance: { maintenance: new Maintenance(options), changed: () => {} },
    routing: { routes: [], dependencies: [] },
  };
}

/** Knows one token for everything and one for reading. */
export function judgeAdmin(token: string): TokenVerdict {
  if (token === ADMIN_TOKEN) return { kind: 'granted', id: 'admin' };
  return { kind: token === 'rca1_read' ? 'forbidden' : 'unknown' };
}
