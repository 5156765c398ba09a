import { describe, expect, it } from 'vitest';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { openState } from '../state/state.ts';
import { Hosts } from './hosts.ts';
import { Inventory } from './inventory.ts';
import { PRESENCE_DEFAULTS, PresenceWatch } from './presence.ts';
import { FleetView } from './view.ts';
import { FleetVitals } from './vitals.ts';

function stage() {
  const clock = new FakeClock();
  const database = openState(':memory:');
  const hosts = new Hosts({ database, clock, log: silentLogger });
  const presence = new PresenceWatch({
    database,
    hosts,
    clock,
    log: silentLogger,
    settings: PRESENCE_DEFAULTS,
  });
  const vitals = new FleetVitals();
  const view = new FleetView({
    clock,
    hosts,
    presence,
    vitals,
    inventory: new Inventory({ database, clock }),
    openIncidents: () => new Map(),
    lostSamples: () => ({}),
    gaps: () => [],
  });
  const add = (id: string): void =>
    hosts.admit(
      hosts.insert({
        id,
        publicKey: generateIdentity().publicKey,
        tokenId: 't',
        hostName: `host-${id}`,
        machineId: '',
        agentVersion: '1',
      }),
    );
  const tick = (agentId: string, timeMs: number): void =>
    vitals.committed([{ pos: 1, laneId: 1, agentId, epochId: 'e', timeMs, blocks: [] }]);
  return { clock, hosts, presence, view, add, tick };
}

describe('the hosts as alerting looks at them', () => {
  it('are the same list while nothing happens to them', () => {
    const { view, add } = stage();
    add('a');
    expect(view.watched()).toMatchObject([{ id: 'a', name: 'host-a', state: 'unknown', newestDataMs: null }]);
    expect(view.watched()).toBe(view.watched());
  });

  it('are told anew at once when one comes, goes or changes its state', () => {
    const { view, presence, hosts, add } = stage();
    add('a');
    expect(view.watched()).toHaveLength(1);
    add('b');
    expect(view.watched()).toHaveLength(2);
    presence.welcomed('b');
    expect(view.watched().map(({ state }) => state)).toEqual(['unknown', 'up']);
    hosts.revoke('a');
    expect(view.watched().map(({ id }) => id)).toEqual(['b']);
    hosts.delete('b');
    expect(view.watched()).toEqual([]);
  });

  it('have the time of their newest data, at most half a second late', async () => {
    const { clock, view, add, tick } = stage();
    add('a');
    view.watched();
    tick('a', 5_000);
    expect(view.watched()[0]?.newestDataMs).toBeNull();
    await clock.advance(500);
    expect(view.watched()[0]?.newestDataMs).toBe(5_000);
  });
});
