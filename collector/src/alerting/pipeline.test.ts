import { describe, expect, it } from 'vitest';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Alerting } from './pipeline.ts';
import { DISK_FULL, FAILED, HOST_DOWN, hang, idOf, World } from './testing/world.ts';

const ALL = { status: 'all', hostId: null, limit: 100 } as const;

/** `status[ held]` of each incident, oldest first. */
function statuses(alerting: Alerting): readonly string[] {
  return alerting.incidents
    .list(ALL)
    .map(({ status, isHeld }) => `${status}${isHeld ? ' held' : ''}`)
    .reverse();
}

/** Lets the outbox work without moving time noticeably. */
async function settle(world: World): Promise<void> {
  await world.clock.advance(1);
}

describe('HostDown', () => {
  it('pages once when a host goes down and again when it is back', async () => {
    const world = new World();
    world.setHost('web-1', 'up');
    const alerting = world.createAlerting();
    alerting.start();
    await settle(world);
    expect(statuses(alerting)).toEqual([]);

    world.setHost('web-1', 'down', 90_000);
    alerting.nudge();
    alerting.nudge();
    await world.clock.advance(100);
    await world.clock.advance(60_000);
    expect(world.hook.texts).toEqual(['fired web-1 is down']);
    const [incident] = alerting.incidents.list(ALL);
    expect(incident).toMatchObject({
      rule: 'HostDown',
      kind: 'uptime',
      severity: 'page',
      status: 'open',
      isHeld: false,
      hostId: idOf('web-1'),
      hostName: 'web-1',
      title: 'web-1 is down',
      description: 'silent since 2025-12-31 23:58:30 UTC',
      labels: { alertname: 'HostDown', instance: 'web-1', severity: 'page' },
      value: null,
      threshold: null,
      resolvedMs: null,
    });
    expect(incident?.id).toMatch(/^i-[0-9A-Z]{26}$/);
    expect(incident?.deliveries).toMatchObject([
      { receiver: 'hook', transition: 'fired', status: 'delivered', attempts: 1, lastError: null },
    ]);
    expect(alerting.incidents.openCountByHost()).toEqual(new Map([[idOf('web-1'), 1]]));

    world.setHost('web-1', 'up');
    await world.clock.advance(5_000);
    expect(statuses(alerting)).toEqual(['resolved']);
    expect(world.hook.texts).toEqual(['fired web-1 is down', 'resolved web-1 is down']);
    expect(alerting.incidents.openCountByHost()).toEqual(new Map());
    await alerting.stop();
    expect(world.clock.timerCount).toBe(0);
  });

  it.each(['unknown', 'suspect', 'planned'] as const)('is held while the host is %s', async (state) => {
    const world = new World();
    const alerting = world.createAlerting();
    world.setHost('a', 'down');
    await alerting.evaluateOnce();
    world.setHost('a', state);
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual(['open held']);
    world.hosts.clear();
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual(['open held']);
  });

  it.each(['unknown', 'suspect', 'planned', 'up'] as const)(
    'does not fire for a host that is %s',
    async (state) => {
      const world = new World();
      const alerting = world.createAlerting();
      world.setHost('a', state, null);
      await alerting.evaluateOnce();
      expect(statuses(alerting)).toEqual([]);
    },
  );

  it('opens a new incident when the host goes down again, and knows the one before', async () => {
    const world = new World();
    const alerting = world.createAlerting();
    for (const state of ['down', 'up', 'down'] as const) {
      world.setHost('a', state);
      await alerting.evaluateOnce();
    }
    expect(statuses(alerting)).toEqual(['resolved', 'open']);
    const rows = world.state.connection.prepare('SELECT id, previous FROM incidents ORDER BY id').all();
    expect(rows[0]?.['previous']).toBeNull();
    expect(rows[1]?.['previous']).toBe(rows[0]?.['id']);
  });

  it('never ends before it began, whatever the wall clock does', async () => {
    const world = new World();
    const alerting = world.createAlerting();
    world.setHost('a', 'down');
    await alerting.evaluateOnce();
    world.clock.stepWall(-3_600_000);
    world.setHost('a', 'up');
    await alerting.evaluateOnce();
    const [incident] = alerting.incidents.list(ALL);
    expect(incident?.status).toBe('resolved');
    expect(incident?.resolvedMs).toBe(incident?.openedMs);
  });

  it('keeps its incident when the host is renamed while it is down', async () => {
    const world = new World();
    const alerting = world.createAlerting();
    world.setHost('a', 'down');
    await alerting.evaluateOnce();
    const host = world.hosts.get('a');
    if (host === undefined) throw new Error('no host');
    world.hosts.set('a', { ...host, name: 'renamed' });
    await alerting.evaluateOnce();
    world.hosts.set('a', { ...host, name: 'renamed', state: 'up' });
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual(['resolved']);
  });

  it('is looked at less often where a look takes long', async () => {
    const world = new World({ rules: [HOST_DOWN] });
    let spentMs = 0;
    const { clock } = world;
    const slowClock: Clock = {
      wallMs: () => clock.wallMs(),
      bootMs: () => clock.bootMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
      // Whoever measures a look finds that it took 25 ms at least.
      monoMs: () => clock.monoMs() + (spentMs += 25),
    };
    const alerting = world.createAlerting({ state: world.state, clock: slowClock });
    world.setHost('a', 'down');
    alerting.nudge();
    await clock.advance(100);
    expect(statuses(alerting)).toEqual(['open']);
    world.setHost('b', 'down');
    alerting.nudge();
    await clock.advance(20 * 25 - 1);
    expect(statuses(alerting)).toEqual(['open']);
    await clock.advance(20 * 25 * 4);
    expect(statuses(alerting)).toEqual(['open', 'open']);
  });

  it('is not delayed by a query that hangs', async () => {
    const world = new World({ limits: { evaluationTimeoutMs: 60_000 } });
    const alerting = world.createAlerting();
    world.onQuery = hang;
    alerting.start();
    world.setHost('a', 'down');
    alerting.nudge();
    await world.clock.advance(100);
    expect(world.hook.texts).toEqual(['fired a is down']);
    await alerting.stop();
  });

  it('remembers over a restart that it has fired', async () => {
    const world = new World();
    world.setHost('a', 'down');
    const before = world.createAlerting();
    before.start();
    await settle(world);
    await before.stop();
    world.setHost('a', 'unknown');
    const after = world.createAlerting();
    after.start();
    await world.clock.advance(10_000);
    world.setHost('a', 'down');
    await world.clock.advance(10_000);
    expect(statuses(after)).toEqual(['open']);
    world.setHost('a', 'up');
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual(['fired a is down', 'resolved a is down']);
    await after.stop();
  });

  it('ends as closed when a person retires the host', async () => {
    const world = new World();
    world.setHost('a', 'down');
    world.setHost('b', 'down');
    const alerting = world.createAlerting();
    alerting.start();
    await settle(world);
    world.hosts.delete('a');
    alerting.closeHost(idOf('a'), 'retired');
    alerting.closeHost(idOf('a'), 'retired');
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual(['fired a is down', 'fired b is down', 'closed a is down']);
    expect(alerting.incidents.openCountByHost()).toEqual(new Map([[idOf('b'), 1]]));
    await alerting.stop();
  });
});

describe('an expression rule', () => {
  async function fired(world: World): Promise<Alerting> {
    const alerting = world.createAlerting();
    world.setHost('a', 'up');
    world.raise.set('a /', 0.95);
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual(['open']);
    world.raise.clear();
    return alerting;
  }

  it('opens one incident for each label set, with value and threshold', async () => {
    const world = new World();
    const alerting = world.createAlerting();
    world.setHost('a', 'up');
    world.raise.set('a /', 0.95).set('a /var', 0.99);
    await alerting.evaluateOnce();
    await alerting.evaluateOnce();
    expect(alerting.incidents.list(ALL)).toMatchObject([
      { title: '/var is 99% full', value: 0.99, threshold: 0.9 },
      {
        title: '/ is 95% full',
        labels: {
          alertname: 'DiskFull',
          instance: 'a',
          mountpoint: '/',
          severity: 'ticket',
          team: 'storage',
        },
      },
    ]);
  });

  it('fires only after its hold time, also when the collector restarts in between', async () => {
    const world = new World({ rules: [{ ...DISK_FULL, forMs: 60_000 }] });
    world.setHost('a', 'up');
    world.raise.set('a /', 0.95);
    const before = world.createAlerting();
    before.start();
    await world.clock.advance(40_000);
    await before.stop();
    expect(before.stats()).toMatchObject({ pendingInstances: 1, openIncidents: 0 });
    world.refresh();
    const after = world.createAlerting();
    after.start();
    await world.clock.advance(15_000);
    expect(statuses(after)).toEqual([]);
    await world.clock.advance(5_000);
    expect(statuses(after)).toEqual(['open']);
    await after.stop();
  });

  it.each([
    ['is not up', 'suspect', 0],
    ['has old data', 'up', 120_001],
    ['has no data', 'up', null],
  ] as const)('raises nothing for a host that %s', async (_name, state, dataAgeMs) => {
    const world = new World();
    const alerting = world.createAlerting();
    world.setHost('a', state, dataAgeMs);
    world.raise.set('a /', 0.95);
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual([]);
  });

  it('raises nothing for a host that the fleet does not know', async () => {
    const world = new World();
    const alerting = world.createAlerting();
    world.raise.set('ghost /', 0.95);
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual([]);
  });

  it('resolves when the clear condition holds on fresh data', async () => {
    const world = new World();
    const alerting = await fired(world);
    world.clear.set('a /', 0.5);
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual(['resolved']);
  });

  it('stays open between the two levels', async () => {
    const world = new World();
    const alerting = await fired(world);
    world.exists.add('a /');
    world.witness.add('a');
    alerting.start();
    for (let i = 0; i < 20; i++) {
      world.refresh();
      await world.clock.advance(60_000);
    }
    expect(statuses(alerting)).toEqual(['open']);
    await alerting.stop();
  });

  it.each([
    ['is not up', 'suspect', 0],
    ['has old data', 'up', 120_001],
    ['has no data', 'up', null],
  ] as const)('is held while its host %s, whatever old data say', async (_name, state, dataAgeMs) => {
    const world = new World();
    const alerting = await fired(world);
    world.clear.set('a /', 0.5);
    world.setHost('a', state, dataAgeMs);
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual(['open held']);
  });

  it('resolves as gone when fresh and complete data lack the series for five minutes', async () => {
    const world = new World();
    const alerting = await fired(world);
    world.witness.add('a');
    alerting.start();
    for (let i = 0; i < 299; i++) {
      world.refresh();
      await world.clock.advance(1_000);
    }
    expect(statuses(alerting)).toEqual(['open']);
    world.refresh();
    await world.clock.advance(6_000);
    expect(statuses(alerting)).toEqual(['resolved']);
    expect(world.hook.received.at(-1)?.snapshot.endReason).toBe('gone');
    await alerting.stop();
  });

  it('does not take a series for gone while its sampler fails', async () => {
    const world = new World();
    const alerting = await fired(world);
    alerting.start();
    for (let i = 0; i < 20; i++) {
      world.refresh();
      await world.clock.advance(60_000);
    }
    expect(statuses(alerting)).toEqual(['open']);
    await alerting.stop();
  });

  it('looks again in the next round when a look that is paced by the hold time failed', async () => {
    const world = new World({ rules: [{ ...DISK_FULL, forMs: 300_000 }] });
    let looks = 0;
    let isBroken = true;
    world.onQuery = () => {
      looks++;
      if (isBroken) throw new Error('broken');
    };
    const alerting = world.createAlerting();
    for (const [broken, expected] of [
      [true, 1],
      [true, 2],
      [false, 3],
      [false, 3],
    ] as const) {
      isBroken = broken;
      await alerting.evaluateOnce();
      expect(looks).toBe(expected);
    }
  });

  it('changes nothing when a query fails, and logs that once per change', async () => {
    const world = new World();
    const alerting = await fired(world);
    world.clear.set('a /', 0.5);
    world.raise.set('a /other', 0.95);
    for (const message of ['first', 'first', 'second']) {
      world.onQuery = () => {
        throw new AppError('QUERY_LIMIT', message);
      };
      await alerting.evaluateOnce();
    }
    expect(statuses(alerting)).toEqual(['open']);
    world.onQuery = () => {};
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual(['resolved', 'open']);
    const lines = world.log.lines.filter(({ fields }) => fields['rule'] === 'DiskFull');
    expect(lines.map(({ message, fields }) => `${message}: ${String(fields['error'])}`)).toEqual(
      expect.arrayContaining([
        'rule cannot be evaluated, its alerts stay as they are: first',
        'rule cannot be evaluated, its alerts stay as they are: second',
      ]),
    );
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(2);
    const failed = { rule: 'DiskFull', outcome: 'failed' };
    expect(world.counters.sum('rollcall_alerting_evaluations_total', failed)).toBe(3);
  });

  it('gives up a query that does not end, and asks again', async () => {
    const world = new World({ limits: { evaluationTimeoutMs: 10_000 } });
    const alerting = world.createAlerting();
    world.setHost('a', 'up');
    world.raise.set('a /', 0.95);
    let count = 0;
    // Not even the abort ends this query.
    world.onQuery = () => (count++ === 0 ? new Promise(() => {}) : undefined);
    alerting.start();
    await world.clock.advance(9_999);
    expect(statuses(alerting)).toEqual([]);
    await world.clock.advance(6_000);
    expect(statuses(alerting)).toEqual(['open']);
    const failed = { rule: 'DiskFull', outcome: 'failed' };
    expect(world.counters.sum('rollcall_alerting_evaluations_total', failed)).toBe(1);
    await alerting.stop();
  });

  it('leaves no trace in memory when the database cannot be written', async () => {
    const world = new World();
    const alerting = world.createAlerting();
    world.setHost('a', 'down');
    world.state.connection.exec(`
      CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual([]);
    expect(alerting.stats().openIncidents).toBe(0);
    world.state.connection.exec('DROP TRIGGER full');
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual(['open']);
  });
});

describe('the pipeline', () => {
  it('suppresses what is not for people to act on, and says why', async () => {
    const world = new World({ rules: [{ ...HOST_DOWN, severity: 'info' }] });
    const alerting = world.createAlerting();
    alerting.start();
    world.setHost('a', 'down');
    await world.clock.advance(10_000);
    expect(world.hook.received).toEqual([]);
    expect(alerting.incidents.list(ALL)[0]?.deliveries).toMatchObject([
      { status: 'suppressed', attempts: 0, lastError: 'incidents of severity info are shown, not sent' },
    ]);
    await alerting.stop();
  });

  it('makes further notifications dead letters when too many wait', async () => {
    const world = new World({ limits: { unsentPerReceiverMax: 2 } });
    world.hook.answer = () => FAILED;
    const alerting = world.createAlerting();
    for (const name of ['a', 'b', 'c']) world.setHost(name, 'down');
    await alerting.evaluateOnce();
    expect(world.outboxCounts()).toEqual({ queued: 2, dead: 1 });
    expect(world.counters.sum('rollcall_alerting_notifications_total', { status: 'dead' })).toBe(1);
  });

  it('lists by status, host and count, newest first', async () => {
    const world = new World();
    const alerting = world.createAlerting();
    world.setHost('a', 'down');
    world.setHost('b', 'down');
    await alerting.evaluateOnce();
    world.setHost('a', 'up');
    await alerting.evaluateOnce();
    const names = (query: Parameters<typeof alerting.incidents.list>[0]): readonly (string | null)[] =>
      alerting.incidents.list(query).map(({ hostName }) => hostName);
    expect(names({ status: 'all', hostId: null, limit: 10 })).toEqual(['b', 'a']);
    expect(names({ status: 'open', hostId: null, limit: 10 })).toEqual(['b']);
    expect(names({ status: 'resolved', hostId: idOf('a'), limit: 10 })).toEqual(['a']);
    expect(names({ status: 'open', hostId: idOf('a'), limit: 10 })).toEqual([]);
    expect(names({ status: 'all', hostId: idOf('b'), limit: 10 })).toEqual(['b']);
    expect(names({ status: 'all', hostId: null, limit: 1 })).toEqual(['b']);
    expect(names({ status: 'all', hostId: null, limit: -3 })).toEqual(['b']);
    expect(names({ status: 'all', hostId: `' OR 1=1 --`, limit: 10 })).toEqual([]);
  });

  it('prunes what was resolved long ago and is sent, with all that hangs on it', async () => {
    const world = new World({ limits: { pruneBatchRows: 2 } });
    const alerting = world.createAlerting();
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names) world.setHost(name, 'down');
    await alerting.evaluateOnce();
    for (const name of names.slice(1)) world.setHost(name, 'up');
    alerting.start();
    await world.clock.advance(10_000);
    await alerting.stop();
    expect(alerting.prune()).toBe(0);
    world.clock.stepWall(90 * 86_400_000 + 20_000);
    world.state.connection.exec(
      `UPDATE outbox SET status = 'waiting' WHERE id = (SELECT max(id) FROM outbox)`,
    );
    expect(alerting.prune()).toBe(3);
    expect(statuses(alerting)).toEqual(['open', 'resolved']);
    const count = (table: string): unknown =>
      world.state.connection.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'];
    // The fifth waited for its turn when it was over: only its end was sent.
    expect([count('transitions'), count('outbox'), count('attempts')]).toEqual([3, 3, 2]);
  });

  it('refuses two rules of one name, a bad template and too many receivers', () => {
    expect(() => new World({ rules: [HOST_DOWN, HOST_DOWN] }).createAlerting()).toThrow(/used twice/);
    const bad = { ...HOST_DOWN, title: '{{ $nope }}' };
    expect(() => new World({ rules: [bad] }).createAlerting()).toThrow(/undefined variable/);
    const receivers = Array.from({ length: 17 }, (_, i) => `r${i}`);
    expect(() => new World({ receivers }).createAlerting()).toThrow(/16 are allowed/);
  });

  it('keeps incidents of a rule that no longer exists as held', async () => {
    const world = new World();
    world.setHost('a', 'down');
    await world.createAlerting().evaluateOnce();
    const other = new World({ state: world.state, rules: [DISK_FULL] });
    other.setHost('a', 'up');
    const alerting = other.createAlerting();
    await alerting.evaluateOnce();
    expect(statuses(alerting)).toEqual(['open held']);
  });

  it('stops twice without harm, and before it was started', async () => {
    const world = new World();
    const alerting = world.createAlerting();
    await alerting.stop();
    alerting.start();
    alerting.nudge();
    await alerting.stop();
    expect(world.clock.timerCount).toBe(0);
  });
});
