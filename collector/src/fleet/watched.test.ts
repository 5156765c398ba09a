import { describe, expect, it } from 'vitest';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { openState } from '../state/state.ts';
import { Hosts } from './hosts.ts';
import { PresenceWatch } from './presence.ts';
import { PRESENCE_DEFAULTS } from './presence-settings.ts';
import { FleetVitals } from './vitals.ts';
import { WatchedHosts } from './watched.ts';

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
  const watched = new WatchedHosts({ clock, hosts, presence, vitals });
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
  return { clock, hosts, presence, watched, add, tick };
}

describe('the hosts as alerting looks at them', () => {
  it('are the same list while nothing happens to them', () => {
    const { watched, add } = stage();
    add('a');
    expect(watched.list()).toMatchObject([{ id: 'a', name: 'host-a', state: 'unknown', newestDataMs: null }]);
    expect(watched.list()).toBe(watched.list());
  });

  it('are told anew at once when one comes, goes or changes its state', () => {
    const { watched, presence, hosts, add } = stage();
    add('a');
    expect(watched.list()).toHaveLength(1);
    add('b');
    expect(watched.list()).toHaveLength(2);
    presence.welcomed('b');
    expect(watched.list().map(({ state }) => state)).toEqual(['unknown', 'up']);
    hosts.revoke('a');
    expect(watched.list().map(({ id }) => id)).toEqual(['b']);
    hosts.delete('b');
    expect(watched.list()).toEqual([]);
  });

  it('have the time of their newest data, at most half a second late', async () => {
    const { clock, watched, add, tick } = stage();
    add('a');
    watched.list();
    tick('a', 5_000);
    expect(watched.list()[0]?.newestDataMs).toBeNull();
    await clock.advance(500);
    expect(watched.list()[0]?.newestDataMs).toBe(5_000);
  });

  it('are the same objects in the next list, but for those of which something came', async () => {
    const { clock, watched, add, tick } = stage();
    add('a');
    add('b');
    const before = watched.list();
    tick('b', 5_000);
    await clock.advance(500);
    const after = watched.list();
    expect(after).not.toBe(before);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toMatchObject({ id: 'b', newestDataMs: 5_000 });
    expect(before[1]?.newestDataMs).toBeNull();
  });
});
