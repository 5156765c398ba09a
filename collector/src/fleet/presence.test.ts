import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import type { Database } from '../state/database.ts';
import { openState } from '../state/state.ts';
import type { CommittedSamples } from '../journal/journal.ts';
import { Hosts } from './hosts.ts';
import { availabilityOf } from './availability.ts';
import type { PresenceEntry } from './presence-history.ts';
import { PresenceWatch, type PresenceChange } from './presence.ts';
import { PRESENCE_DEFAULTS, startGraceMs } from './presence-settings.ts';

function setUp(options: { database?: Database; clock?: FakeClock; hostCount?: number } = {}) {
  const clock = options.clock ?? new FakeClock();
  const database = options.database ?? openState(':memory:');
  const hosts = new Hosts({ database, clock, log: silentLogger });
  const add = (name: string): string => {
    const id = randomBytes(16).toString('hex');
    const draft = { publicKey: randomBytes(32), tokenId: 't', machineId: '', agentVersion: '1' };
    hosts.admit(hosts.insert({ id, hostName: name, ...draft }));
    return id;
  };
  const ids = Array.from({ length: options.hostCount ?? 0 }, (_, index) => add(`host-${index}`));
  const log = fakeLog();
  const presence = new PresenceWatch({ database, hosts, clock, log, settings: PRESENCE_DEFAULTS });
  const changes: PresenceChange[] = [];
  presence.onChange((change) => changes.push(change));
  presence.start();
  return { clock, database, hosts, add, ids, presence, changes, log };
}

const startMs = Date.UTC(2026, 0, 1);

/** A tick without blocks; only whose it is and its time count here. */
function tickOf(agentId: string, timeMs: number): CommittedSamples {
  return { pos: 1, laneId: 1, agentId, epochId: 'e', timeMs, blocks: [] };
}

/** Its monotonic clock runs ahead of its timers, as when the process was stopped. */
class StallingClock extends FakeClock {
  stalledMs = 0;
  override monoMs(): number {
    return super.monoMs() + this.stalledMs;
  }
}

describe('PresenceWatch', () => {
  it('follows a host from enrolment to silence and back, and writes it down', async () => {
    const { presence, add, clock, changes, hosts } = setUp();
    const id = add('web');
    await clock.advance(1_000);
    presence.welcomed(id);
    expect(presence.now(id)).toEqual({ state: 'up', sinceMs: startMs + 1_000, lastSeenMs: startMs + 1_000 });
    await clock.advance(20_000);
    presence.heard(id);
    await clock.advance(29_000);
    expect(presence.now(id).state).toBe('up');
    await clock.advance(1_000);
    expect(presence.now(id).state).toBe('suspect');
    expect(hosts.get(id)?.lastSeenMs).toBe(startMs + 21_000);
    await clock.advance(30_000);
    expect(presence.counts()).toEqual({ unknown: 0, up: 0, suspect: 0, down: 1, planned: 0 });
    presence.welcomed(id);
    await clock.advance(1_000);
    const story = ['up welcomed', 'suspect silent', 'down grace_over', 'up welcomed'];
    expect(changes.map((change) => `${change.to} ${change.reason}`)).toEqual(story);
    const history = presence.history(id, { fromMs: 0, toMs: startMs + 1e9 }).corrected;
    expect(history.map((entry) => `${entry.state} ${entry.reason}`)).toEqual(['unknown enrolled', ...story]);
    expect(history.map((entry) => entry.atMs - startMs)).toEqual([0, 1_000, 51_000, 81_000, 81_000]);
    const part = presence.history(id, { fromMs: startMs + 52_000, toMs: startMs + 60_000 }).corrected;
    expect(part.map((entry) => entry.state)).toEqual(['suspect']);
  });

  it('calls a host that never came down, but not in its history, however often the collector starts', async () => {
    const first = setUp();
    const id = first.add('ordered');
    await first.clock.advance(200_000);
    expect(first.presence.now(id).state).toBe('down');
    expect(first.changes.map(({ to, reason }) => `${to} ${reason}`)).toEqual([
      'suspect never_came',
      'down grace_over',
    ]);
    first.presence.close();
    first.hosts.close();
    const second = setUp({ database: first.database, clock: first.clock });
    await second.clock.advance(200_000);
    expect(second.presence.now(id).state).toBe('down');
    const range = { fromMs: startMs, toMs: second.clock.wallMs() };
    const { seen, corrected } = second.presence.history(id, range);
    expect(seen.map(({ state, reason }) => `${state} ${reason}`)).toEqual(['unknown enrolled']);
    expect(availabilityOf(corrected, range)).toMatchObject({ downMs: 0, availableRatio: null });
    // From its first connection on it counts.
    second.presence.welcomed(id);
    await second.clock.advance(10_000);
    second.presence.disconnected(id);
    await second.clock.advance(30_000);
    const later = { fromMs: startMs, toMs: second.clock.wallMs() };
    expect(availabilityOf(second.presence.history(id, later).seen, later)).toMatchObject({
      upMs: 10_000,
      downMs: 30_000,
    });
  });

  it('knows nothing of a host before it first came, also when it was awaited, save what proves that it ran', async () => {
    const { presence, add, clock } = setUp();
    const [early, late] = [add('early'), add('late')];
    const enrolledMs = clock.wallMs();
    await clock.advance(123_000);
    expect(presence.now(late).state).toBe('suspect');
    presence.welcomed(early, 3_600_000);
    presence.welcomed(late, 3_600_000);
    presence.committed([tickOf(late, enrolledMs - 20_000), tickOf(late, enrolledMs + 30_000)]);
    await clock.advance(1_000);
    const range = { fromMs: enrolledMs - 60_000, toMs: clock.wallMs() };
    const figures = (id: string) => availabilityOf(presence.history(id, range).corrected, range);
    expect(figures(early)).toMatchObject({ upMs: 1_000, downMs: 0, unknownMs: 183_000, availableRatio: 1 });
    // What was measured before it was enrolled counts for nobody.
    expect(figures(late)).toMatchObject({ upMs: 31_000, downMs: 0, unknownMs: 153_000, availableRatio: 1 });
  });

  it('counts a connection that was lost in the first seconds, and takes it back when the host ran all the time', async () => {
    const { presence, add, clock } = setUp();
    const [ran, booted] = [add('ran'), add('booted')];
    await clock.advance(2_000);
    for (const id of [ran, booted]) presence.welcomed(id, 60_000);
    await clock.advance(1_000);
    for (const id of [ran, booted]) presence.disconnected(id);
    await clock.advance(3_000);
    presence.welcomed(ran, 66_000);
    presence.welcomed(booted, 1_000);
    await clock.advance(4_000);
    const range = { fromMs: startMs, toMs: clock.wallMs() };
    const figures = (id: string) => {
      const { seen, corrected } = presence.history(id, range);
      return [availabilityOf(seen, range), availabilityOf(corrected, range)];
    };
    const asSeen = { upMs: 5_000, downMs: 3_000, unknownMs: 2_000 };
    expect(figures(ran)).toMatchObject([asSeen, { upMs: 8_000, downMs: 0, unknownMs: 2_000 }]);
    expect(figures(booted)).toMatchObject([asSeen, { upMs: 6_000, downMs: 2_000, unknownMs: 2_000 }]);
  });

  it('begins UNKNOWN after a restart, tells the time in which nobody watched, and waits for the fleet', async () => {
    const first = setUp();
    const id = first.add('web');
    first.presence.welcomed(id);
    await first.clock.advance(100);
    first.presence.heard(id);
    first.presence.close();
    first.hosts.close();
    expect(first.clock.timerCount).toBe(0);
    const { clock, presence } = setUp({ database: first.database, clock: first.clock });
    expect(presence.now(id)).toMatchObject({ state: 'unknown', lastSeenMs: startMs + 100 });
    await clock.advance(119_000);
    expect(presence.now(id).state).toBe('unknown');
    await clock.advance(31_000);
    expect(presence.now(id).state).toBe('down');
    const reasons = presence.history(id, { fromMs: 0, toMs: 1e15 }).corrected.map((entry) => entry.reason);
    expect(reasons).toEqual(['enrolled', 'welcomed', 'collector_stop', 'never_came', 'grace_over']);
  });

  it('after a crash says that nothing is known since the last look', async () => {
    const first = setUp();
    const id = first.add('web');
    first.presence.welcomed(id);
    for (let i = 0; i < 20; i++) {
      await first.clock.advance(1_000);
      first.presence.heard(id);
    }
    const lastEntries = first.presence.history(id, { fromMs: 0, toMs: 1e15 }).corrected;
    const second = setUp({ database: first.database, clock: new FakeClock(startMs + 3_600_000) });
    const entries = second.presence.history(id, { fromMs: 0, toMs: 1e15 }).corrected;
    expect(entries.slice(0, lastEntries.length)).toEqual(lastEntries);
    expect(entries.slice(lastEntries.length)).toEqual([
      // The last look that was written down.
      { atMs: startMs + 16_000, state: 'unknown', reason: 'collector_gone' },
    ]);
  });

  it('does not forget what is on record because its clock is years ahead when it starts', async () => {
    const first = setUp();
    const id = first.add('web');
    first.presence.welcomed(id);
    await first.clock.advance(20_000);
    first.presence.close();
    const { seen } = first.presence.history(id, { fromMs: 0, toMs: 1e15 });
    expect(seen.length).toBeGreaterThan(1);
    const years = 10 * 365 * 86_400_000;
    setUp({ database: first.database, clock: new FakeClock(startMs + years) }).presence.close();
    const third = setUp({ database: first.database, clock: new FakeClock(startMs + 60_000) });
    expect(third.presence.history(id, { fromMs: 0, toMs: 1e15 }).seen.slice(0, seen.length)).toEqual(seen);
  });

  it.each([1, 30, 1_000])(
    'of %i hosts calls down who was killed, within 45 s, and nobody after a farewell or its own restart',
    async (hostCount) => {
      const first = setUp({ hostCount });
      const { ids } = first;
      const [victim = ''] = ids;
      const live = async (watch: typeof first, seconds: number, hosts: readonly string[]): Promise<void> => {
        for (let second = 0; second < seconds; second += 10) {
          for (const id of hosts) watch.presence.heard(id);
          await watch.clock.advance(10_000);
        }
      };
      const downs = ({ changes }: typeof first): string[] =>
        changes.filter(({ to }) => to === 'down').map(({ hostId }) => hostId);
      for (const id of ids) first.presence.welcomed(id);
      // One goes in order and comes back, as in a reboot.
      first.presence.bye(victim, 'reboot');
      await live(first, 120, ids.slice(1));
      first.presence.welcomed(victim);
      await live(first, 60, ids);
      first.presence.close();
      expect(downs(first)).toEqual([]);

      const wallMs = first.clock.wallMs() + 20_000;
      const second = setUp({ database: first.database, clock: new FakeClock(wallMs) });
      await live(second, 60, []);
      for (const id of ids) second.presence.welcomed(id);
      await live(second, 120, ids);
      expect(downs(second)).toEqual([]);
      // The socket of a process that is killed is closed by its system.
      second.presence.disconnected(victim);
      await live(second, 40, ids.slice(1));
      expect(downs(second)).toEqual([victim]);
    },
  );

  it.each([
    [200, 'one by one'],
    [201, 'together'],
  ] as const)(
    'tells of %i of 1,000 hosts that vanish %s, and of all when they are back',
    async (count, how) => {
      const { presence, ids, clock, changes } = setUp({ hostCount: 1_000 });
      for (const id of ids) presence.welcomed(id);
      await clock.advance(10_000);
      for (const id of ids) presence.heard(id);
      for (const id of ids.slice(0, count)) presence.disconnected(id);
      const downs = (): number => changes.filter(({ to }) => to === 'down').length;
      for (let second = 0; second < 40; second += 10) {
        await clock.advance(10_000);
        for (const id of ids.slice(count)) presence.heard(id);
      }
      const isTogether = how === 'together';
      expect([presence.outage().kind === 'open', downs()]).toEqual([isTogether, isTogether ? 0 : count]);
      for (const id of ids) presence.welcomed(id);
      await clock.advance(2_000);
      expect([presence.outage().kind, presence.counts().up]).not.toContain('open');
      expect(presence.counts().up).toBe(1_000);
    },
  );

  it('does not take its own standstill for silence of the hosts', async () => {
    const clock = new StallingClock();
    const { presence, add } = setUp({ clock });
    const id = add('web');
    presence.welcomed(id);
    await clock.advance(1_000);
    clock.stalledMs = 120_000;
    await clock.advance(5_000);
    expect(presence.now(id).state).toBe('up');
    await clock.advance(30_000);
    expect(presence.now(id).state).toBe('suspect');
  });

  it('waits no longer for a host whose last word had waited in the socket while it stood still', async () => {
    const clock = new StallingClock();
    const { presence, add, log } = setUp({ clock });
    const [heard, gone] = [add('heard'), add('gone')];
    for (const id of [heard, gone]) presence.welcomed(id);
    await clock.advance(1_000);
    clock.stalledMs = 120_000;
    // Sockets are read before the tick that is late.
    presence.heard(heard);
    presence.disconnected(gone);
    await clock.advance(29_000);
    expect([presence.now(heard).state, presence.now(gone).state]).toEqual(['up', 'suspect']);
    await clock.advance(2_000);
    expect([presence.now(heard).state, presence.now(gone).state]).toEqual(['suspect', 'down']);
    const lines = log.lines.filter(({ message }) => message === 'collector stood still');
    expect(lines.map(({ fields }) => fields)).toEqual([{ lateMs: 119_000 }]);
  });

  it('takes hosts that are away for planned while there is work at them, and for down afterwards', async () => {
    const { presence, add, clock, changes } = setUp();
    const [worked, other] = [add('worked'), add('other')];
    const endMs = startMs + 300_000;
    presence.followPlannedWork((wallMs) => (hostId) => hostId === worked && wallMs < endMs);
    for (const id of [worked, other]) presence.welcomed(id);
    await clock.advance(10_000);
    expect(presence.now(worked).state).toBe('up');
    for (const id of [worked, other]) presence.disconnected(id);
    await clock.advance(60_000);
    expect([presence.now(worked).state, presence.now(other).state]).toEqual(['planned', 'down']);
    presence.heard(worked);
    expect(presence.now(worked).state).toBe('up');
    await clock.advance(300_000);
    expect(presence.now(worked).state).toBe('down');
    const ofWorked = changes.filter(({ hostId }) => hostId === worked);
    expect(ofWorked.map(({ to, reason }) => `${to} ${reason}`)).toEqual([
      'up welcomed',
      'suspect disconnected',
      'planned maintenance',
      'up heard',
      'suspect silent',
      'planned maintenance',
      'suspect planned_over',
      'down grace_over',
    ]);
    const history = presence.history(worked, { fromMs: startMs + 20_000, toMs: startMs + 30_000 }).corrected;
    expect(history.map(({ state }) => state)).toEqual(['planned']);
  });

  it('takes a host that is down for planned as soon as work at it begins', async () => {
    const { presence, add, clock } = setUp();
    const id = add('web');
    let isOpen = false;
    presence.followPlannedWork(() => () => isOpen);
    presence.welcomed(id);
    presence.disconnected(id);
    await clock.advance(40_000);
    expect(presence.now(id).state).toBe('down');
    isOpen = true;
    await clock.advance(1_000);
    expect(presence.counts()).toMatchObject({ down: 0, planned: 1 });
    isOpen = false;
    await clock.advance(31_000);
    expect(presence.now(id).state).toBe('down');
  });

  it('holds hosts that vanish together, and only those', async () => {
    const { presence, ids, clock } = setUp({ hostCount: 20 });
    for (const id of ids) presence.welcomed(id);
    await clock.advance(1_000);
    const [single = '', ...others] = ids;
    presence.disconnected(single);
    for (let i = 0; i < 7; i++) {
      await clock.advance(10_000);
      for (const id of others) presence.heard(id);
    }
    expect(presence.now(single).state).toBe('down');
    for (const id of others.slice(0, 6)) presence.disconnected(id);
    await clock.advance(2_000);
    expect(presence.outage()).toMatchObject({ kind: 'open', awayCount: 6, hostCount: 20 });
    expect(ids.filter((id) => presence.isInOutage(id))).toEqual(others.slice(0, 6));
    for (let i = 0; i < 29; i++) {
      for (const id of others.slice(6)) presence.heard(id);
      await clock.advance(10_000);
    }
    expect(presence.counts()).toMatchObject({ suspect: 6, down: 1, up: 13 });
    expect(presence.outage().kind).toBe('open');
    await clock.advance(10_000);
    expect(presence.counts()).toMatchObject({ suspect: 0, down: 7 });
  });

  it('counts who vanished within a minute, also those who are down by now', async () => {
    const { presence, ids, clock } = setUp({ hostCount: 40 });
    for (const id of ids) presence.welcomed(id);
    await clock.advance(1_000);
    for (let goneCount = 1; goneCount <= 9; goneCount++) {
      presence.disconnected(ids[goneCount - 1] ?? '');
      for (const id of ids.slice(goneCount)) presence.heard(id);
      await clock.advance(6_000);
      expect(presence.outage().kind === 'open').toBe(goneCount === 9);
    }
    // Some were called down alone before; from now on they are away together with the others.
    expect(presence.counts()).toMatchObject({ suspect: 5, down: 4 });
    expect(presence.outage()).toMatchObject({ awayCount: 9 });
    expect(ids.filter((id) => presence.isInOutage(id))).toEqual(ids.slice(0, 9));
  });

  it('does not count hosts at which there is work among those that vanish together', async () => {
    const { presence, ids, clock } = setUp({ hostCount: 40 });
    const worked = new Set(ids.slice(0, 30));
    presence.followPlannedWork(() => (hostId) => worked.has(hostId));
    for (const id of ids) presence.welcomed(id);
    await clock.advance(1_000);
    for (const id of ids.slice(0, 32)) presence.disconnected(id);
    await clock.advance(2_000);
    expect(presence.counts()).toMatchObject({ planned: 30, suspect: 2 });
    expect(presence.outage().kind).not.toBe('open');
    for (const id of ids.slice(32)) presence.disconnected(id);
    await clock.advance(2_000);
    expect(presence.outage()).toMatchObject({ kind: 'open', awayCount: 10 });
  });

  it('knows after a restart who came back from an outage, also when the clock was set back meanwhile', async () => {
    const first = setUp({ hostCount: 20 });
    for (const id of first.ids) first.presence.welcomed(id);
    await first.clock.advance(1_000);
    for (const id of first.ids) first.presence.disconnected(id);
    await first.clock.advance(2_000);
    expect(first.presence.outage().kind).toBe('open');
    first.clock.stepWall(-3_600_000);
    for (const id of first.ids) first.presence.welcomed(id);
    await first.clock.advance(2_000);
    first.presence.close();
    first.hosts.close();
    const { presence } = setUp({ database: first.database, clock: first.clock });
    expect(first.ids.filter((id) => presence.isInOutage(id))).toEqual([]);
  });

  it('writes for everybody when a host is deleted right after it was revoked', async () => {
    const { presence, add, hosts, database, clock, log } = setUp();
    const [gone, other] = [add('gone'), add('other')];
    presence.welcomed(gone);
    hosts.revoke(gone);
    hosts.delete(gone);
    presence.welcomed(other);
    await clock.advance(2_000);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    const rows = database.connection.prepare('SELECT host_id, reason FROM presence_history').all();
    expect(rows).toEqual([
      { host_id: other, reason: 'enrolled' },
      { host_id: other, reason: 'welcomed' },
    ]);
  });

  it('writes nothing when a history is read and nothing is new', async () => {
    const { presence, add, database, clock } = setUp();
    const id = add('web');
    await clock.advance(1_000);
    const { changes } = database.connection.prepare('SELECT total_changes() AS changes').get() ?? {};
    for (let i = 0; i < 10; i++) presence.history(id, { fromMs: 0, toMs: 1e15 });
    expect(database.connection.prepare('SELECT total_changes() AS changes').get()).toEqual({ changes });
  });

  it('stops watching hosts that are revoked or deleted', async () => {
    const { presence, add, hosts, clock } = setUp();
    const [revoked, deleted] = [add('a'), add('b')];
    for (const id of [revoked, deleted]) presence.welcomed(id);
    hosts.revoke(revoked);
    hosts.delete(deleted);
    presence.welcomed(revoked);
    presence.heard('no such host');
    await clock.advance(2_000);
    expect([...presence.all()]).toEqual([]);
    expect(presence.counts().up).toBe(0);
    const states = (id: string) =>
      presence.history(id, { fromMs: 0, toMs: 1e15 }).corrected.map((entry) => entry.reason);
    expect(states(revoked)).toEqual(['enrolled', 'welcomed', 'revoked']);
    expect(states(deleted)).toEqual([]);
  });

  it('counts a host that was only cut off as up, once its records have come', async () => {
    const { presence, add, clock } = setUp();
    const id = add('web');
    await clock.advance(1_000);
    presence.welcomed(id);
    await clock.advance(10_000);
    presence.disconnected(id);
    const cutMs = clock.wallMs();
    await clock.advance(600_000);
    expect(presence.now(id).state).toBe('down');
    // It comes back, and brings what it measured meanwhile.
    presence.welcomed(id);
    const backMs = clock.wallMs();
    presence.committed([tickOf(id, cutMs - 5_000), tickOf(id, cutMs + 30_000), tickOf(id, backMs - 40_000)]);
    const range = { fromMs: cutMs - 1, toMs: clock.wallMs() };
    expect(presence.history(id, range).seen.map(({ state }) => state)).toEqual([
      'up',
      'suspect',
      'down',
      'up',
    ]);
    const told = (entries: readonly PresenceEntry[]) =>
      entries.map(({ atMs, state, reason }) => `${(atMs - cutMs) / 1000} ${state} ${reason}`);
    // Between the second and the third tick nothing was measured, so that part stays as it was seen.
    expect(told(presence.history(id, range).corrected)).toEqual([
      '-10 up welcomed',
      '0 up records',
      '30 down grace_over',
      '600 up welcomed',
    ]);
  });

  it('counts a host as up since it booted, and as down before, when it comes back', async () => {
    const { presence, add, clock } = setUp();
    const [cutOff, rebooted] = [add('cut-off'), add('rebooted')];
    for (const id of [cutOff, rebooted]) presence.welcomed(id);
    await clock.advance(1_000);
    for (const id of [cutOff, rebooted]) presence.disconnected(id);
    await clock.advance(300_000);
    presence.welcomed(cutOff, 86_400_000);
    presence.welcomed(rebooted, 60_000);
    const states = (id: string) =>
      presence
        .history(id, { fromMs: startMs, toMs: clock.wallMs() })
        .corrected.map(({ atMs, state, reason }) => `${(atMs - startMs) / 1000} ${state} ${reason}`);
    expect(states(cutOff).filter((text) => text.includes(' down '))).toEqual([]);
    expect(states(rebooted)).toEqual([
      '0 unknown enrolled',
      '0 up welcomed',
      '1 suspect disconnected',
      '31 down grace_over',
      '241 up uptime',
      '301 up welcomed',
    ]);
  });

  it('keeps what is proven when the database does not write, and forgets it with the host', async () => {
    const { presence, add, hosts, database, clock } = setUp();
    const [id, deleted] = [add('web'), add('gone')];
    for (const host of [id, deleted]) presence.welcomed(host);
    await clock.advance(1_000);
    for (const host of [id, deleted]) presence.disconnected(host);
    await clock.advance(100_000);
    database.connection.exec('PRAGMA query_only = ON');
    for (const host of [id, deleted]) presence.welcomed(host, 1e9);
    await clock.advance(1_000);
    database.connection.exec('PRAGMA query_only = OFF');
    hosts.delete(deleted);
    await clock.advance(1_000);
    const rows = database.connection.prepare('SELECT host_id, proof FROM presence_evidence').all();
    expect(rows).toEqual([{ host_id: id, proof: 'uptime' }]);
  });

  it('keeps transitions until the database writes again', async () => {
    const { presence, add, database, clock } = setUp();
    const id = add('web');
    database.connection.exec('PRAGMA query_only = ON');
    presence.welcomed(id);
    await clock.advance(2_000);
    database.connection.exec('PRAGMA query_only = OFF');
    await clock.advance(1_000);
    expect(presence.history(id, { fromMs: 0, toMs: 1e15 }).corrected.map((entry) => entry.state)).toEqual([
      'unknown',
      'up',
    ]);
  });
});

describe('startGraceMs', () => {
  it('gives a large fleet the time that admission takes', () => {
    expect([startGraceMs(0), startGraceMs(10_000), startGraceMs(100_000)]).toEqual([
      120_000, 120_000, 460_000,
    ]);
  });
});
