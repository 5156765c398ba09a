/** Silences, maintenance, inhibition, dependencies and flapping in the whole pipeline. */
import { describe, expect, it } from 'vitest';
import { dependenciesSchema } from './inhibition/dependencies.ts';
import { inhibitRulesSchema } from './inhibition/inhibit-rules.ts';
import type { Alerting } from './pipeline.ts';
import { parseMatcher } from './routing/matchers.ts';
import { routesSchema } from './routing/route-config.ts';
import { deliveries, hang, start, World } from './testing/world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function silence(alerting: Alerting, world: World, matcher: string, durationMs: number) {
  const startsMs = world.clock.wallMs();
  return alerting.delivery.silences.create({
    matchers: [parseMatcher(matcher)],
    startsMs,
    endsMs: startsMs + durationMs,
    createdBy: 'ann',
    comment: '',
  });
}

describe('a silence', () => {
  it('suppresses with a reason, the news that it fired and then that it is over', async () => {
    const world = new World();
    const alerting = start(world);
    const { id } = silence(alerting, world, 'host="a"', HOUR_MS);
    world.setHost('a', 'down');
    world.setHost('b', 'down');
    await world.clock.advance(10_000);
    world.setHost('a', 'up');
    await world.clock.advance(10_000);
    const reason = `silenced by ann until 2026-01-01 01:00 UTC (silence ${id})`;
    expect(deliveries(alerting)).toEqual([
      `a fired hook suppressed ${reason}`,
      `a resolved hook suppressed the receiver was not told that it fired: ${reason}`,
      'b fired hook delivered',
    ]);
    expect(world.hook.texts).toEqual(['fired b is down']);
    await alerting.stop();
  });

  it('does not hold back the end of what was told before it', async () => {
    const world = new World();
    const alerting = start(world);
    world.setHost('a', 'down');
    await world.clock.advance(10_000);
    silence(alerting, world, 'host="a"', HOUR_MS);
    world.setHost('a', 'up');
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual(['fired a is down', 'resolved a is down']);
    await alerting.stop();
  });

  it('lets through what still fires when it ends, once', async () => {
    const world = new World();
    const alerting = start(world);
    silence(alerting, world, 'alertname="HostDown"', 10 * MINUTE_MS);
    world.setHost('a', 'down');
    await world.clock.advance(10 * MINUTE_MS - 1_000);
    expect(world.hook.texts).toEqual([]);
    await world.clock.advance(10 * MINUTE_MS);
    expect(world.hook.texts).toEqual(['fired a is down']);
    world.setHost('a', 'up');
    await world.clock.advance(10_000);
    expect(deliveries(alerting)).toEqual(['a fired hook delivered', 'a resolved hook delivered']);
    await alerting.stop();
  });

  it('lets through at once when a person expires it, also after a restart', async () => {
    const world = new World();
    const first = start(world);
    const { id } = silence(first, world, 'alertname="HostDown"', HOUR_MS);
    world.setHost('a', 'down');
    await world.clock.advance(10_000);
    await first.stop();
    const alerting = start(world);
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual([]);
    alerting.delivery.silences.expire(id);
    alerting.delivery.releaseHeld();
    await world.clock.advance(0);
    expect(world.hook.texts).toEqual(['fired a is down']);
    await alerting.stop();
  });

  it('holds back for the reason that is left when another one ends', async () => {
    const world = new World();
    const alerting = start(world);
    silence(alerting, world, 'host="a"', 10 * MINUTE_MS);
    const longer = silence(alerting, world, 'host=~".+"', HOUR_MS);
    world.setHost('a', 'down');
    await world.clock.advance(6_000);
    expect(deliveries(alerting)[0]).toMatch(/silenced .*; silenced /);
    await world.clock.advance(20 * MINUTE_MS);
    expect(deliveries(alerting)).toEqual([
      `a fired hook suppressed silenced by ann until 2026-01-01 01:00 UTC (silence ${longer.id})`,
    ]);
    await alerting.stop();
  });

  it('goes through a whole fleet that it holds back, a part at a time', async () => {
    const world = new World({ limits: { stormPerMinuteMax: 10_000 } });
    world.hook.answer = (_notification, signal) => hang(signal);
    const alerting = start(world);
    silence(alerting, world, 'alertname="HostDown"', 12_000);
    for (let i = 0; i < 1_100; i++) world.setHost(`h${i}`, 'down');
    await world.clock.advance(10_000);
    expect(world.outboxCounts()).toEqual({ suppressed: 1_100 });
    await world.clock.advance(5_000);
    expect(world.outboxCounts()).toMatchObject({ suppressed: 100 });
    await world.clock.advance(4_000);
    expect(world.outboxCounts()).toMatchObject({ suppressed: 100 });
    await world.clock.advance(2_000);
    expect(world.outboxCounts()).toEqual({ sending: 4, queued: 1_096 });
    const stopped = alerting.stop();
    await world.clock.advance(3_000);
    await stopped;
  });
});

describe('a maintenance window', () => {
  it('suppresses what it takes while it is open, and what still fires is raised at its end', async () => {
    const world = new World();
    const alerting = start(world);
    // The clock of the world stands at 2026-01-01 00:00 UTC, 01:00 in Berlin.
    const { window } = alerting.delivery.maintenance.create({
      name: 'patch night',
      matchers: [],
      schedule: {
        kind: 'recurring',
        firstLocal: '2025-12-01T00:30',
        timeZone: 'Europe/Berlin',
        rule: 'FREQ=DAILY',
        durationMs: HOUR_MS,
      },
      createdBy: 'ann',
      comment: '',
    });
    world.setHost('a', 'down');
    world.setHost('b', 'down');
    await world.clock.advance(MINUTE_MS);
    const reason = `maintenance "patch night" until 2026-01-01 00:30 UTC (window ${window.id})`;
    expect(deliveries(alerting)).toEqual([
      `a fired hook suppressed ${reason}`,
      `b fired hook suppressed ${reason}`,
    ]);
    world.setHost('b', 'up');
    await world.clock.advance(30 * MINUTE_MS);
    expect(world.hook.texts).toEqual(['fired a is down']);
    await alerting.stop();
  });
});

describe('inhibition', () => {
  it('mutes everything else of a host that is down, and not the host itself', async () => {
    const world = new World();
    const alerting = start(world);
    world.setHost('a', 'up');
    await world.clock.advance(10_000);
    world.setHost('a', 'down');
    alerting.nudge();
    await world.clock.advance(1_000);
    // A rule without a host that judges it: what is known of a host that is down is what fired before.
    const [incident] = alerting.incidents.list({ status: 'open', hostId: null, limit: 1 });
    const target = {
      incidentId: 'i-2',
      severity: 'ticket',
      hostId: incident?.hostId ?? '',
      hostName: 'a',
      labels: { alertname: 'DiskFull', host_id: incident?.hostId ?? '' },
    } as const;
    expect(alerting.delivery.suppressions()(target)[0]?.reason).toBe(
      `muted while "a is down" lasts (a host that is down mutes everything else about it; incident ${incident?.id})`,
    );
    expect(
      alerting.delivery.suppressions()({ ...target, labels: { alertname: 'DiskFull', host_id: 'other' } }),
    ).toEqual([]);
    expect(world.hook.texts).toEqual(['fired a is down']);
    await alerting.stop();
  });

  it('by a rule of the user holds back until the source is over, also when the collector restarts', async () => {
    const inhibitRules = inhibitRulesSchema.parse([
      { name: 'core', source: ['host="core"'], target: ['host!="core"'], equal: ['alertname'] },
    ]);
    const world = new World({ settings: { inhibitRules } });
    const first = start(world);
    world.setHost('core', 'down');
    world.setHost('leaf', 'down');
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual(['fired core is down']);
    await first.stop();
    const alerting = start(world);
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual(['fired core is down']);
    world.setHost('core', 'up');
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual(['fired core is down', 'resolved core is down', 'fired leaf is down']);
    await alerting.stop();
  });

  it('knows nothing of an alert whose transaction failed', async () => {
    const inhibitRules = inhibitRulesSchema.parse([
      { name: 'core', source: ['host="core"'], target: ['host!="core"'] },
    ]);
    const world = new World({ settings: { inhibitRules } });
    const alerting = world.createAlerting();
    world.state.connection.exec(`
      CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
    world.setHost('core', 'down');
    await alerting.evaluateOnce();
    world.state.connection.exec('DROP TRIGGER full');
    world.setHost('core', 'up');
    world.setHost('leaf', 'down');
    await alerting.evaluateOnce();
    expect(deliveries(alerting)).toEqual(['leaf fired hook queued']);
  });

  it('lets two alerts of one kind not mute each other', () => {
    const inhibitRules = inhibitRulesSchema.parse([
      { name: 'all', source: ['team="x"'], target: ['team="x"'] },
    ]);
    const world = new World({ settings: { inhibitRules } });
    const alerting = world.createAlerting();
    const labels = { team: 'x' };
    const target = { incidentId: 'i-1', severity: 'page', hostId: null, hostName: null, labels } as const;
    expect(alerting.delivery.suppressions()(target)).toEqual([]);
  });
});

describe('a dependency', () => {
  const dependencies = dependenciesSchema.parse([
    { match: ['host=~"leaf-.*"'], parent: 'gateway', grace: '2m' },
    { match: ['host="gateway"'], parent: 'core' },
  ]);

  it('holds back what is behind a host that is not seen, and for a grace after its return', async () => {
    const world = new World({ settings: { dependencies } });
    const alerting = start(world);
    world.setHost('gateway', 'suspect');
    world.setHost('leaf-1', 'down');
    await world.clock.advance(10_000);
    world.setHost('gateway', 'down');
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual(['fired gateway is down']);
    expect(deliveries(alerting)[0]).toBe(
      'leaf-1 fired hook suppressed reached through gateway, which is down',
    );
    world.setHost('gateway', 'up');
    await world.clock.advance(110_000);
    expect(world.hook.texts).toHaveLength(2);
    await world.clock.advance(20_000);
    expect(world.hook.texts.at(-1)).toBe('fired leaf-1 is down');
    await alerting.stop();
  });

  it('is followed to the parent of the parent', async () => {
    const world = new World({ settings: { dependencies } });
    const alerting = start(world);
    world.setHost('core', 'down');
    world.setHost('gateway', 'down');
    world.setHost('leaf-1', 'down');
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual(['fired core is down']);
    await alerting.stop();
  });

  it('in a ring or on a host that nobody knows holds back nothing, and ends', async () => {
    const ring = dependenciesSchema.parse([
      { match: ['host="a"'], parent: 'b' },
      { match: ['host="b"'], parent: 'a' },
      { match: ['host="c"'], parent: 'nobody' },
    ]);
    const world = new World({ settings: { dependencies: ring } });
    const alerting = start(world);
    world.setHost('a', 'down');
    world.setHost('b', 'up');
    world.setHost('c', 'down');
    await world.clock.advance(10 * MINUTE_MS);
    expect(world.hook.texts).toEqual(['fired c is down', 'fired a is down']);
    await alerting.stop();
  });
});

describe('an alert that flaps', () => {
  it('is told a few times, then when it stays', async () => {
    const world = new World({ limits: { firesPerHourMax: 3, evaluationIntervalMs: 10_000 } });
    const alerting = start(world);
    for (let i = 0; i < 5; i++) {
      world.setHost('a', 'down');
      await world.clock.advance(10_000);
      if (i < 4) world.setHost('a', 'up');
      await world.clock.advance(10_000);
    }
    const fired = (): number => world.hook.texts.filter((text) => text.startsWith('fired')).length;
    expect([fired(), world.hook.texts.length]).toEqual([3, 6]);
    expect(deliveries(alerting).at(-1)).toContain('suppressed flapping: fired 5 times within an hour');
    await world.clock.advance(HOUR_MS);
    expect(fired()).toBe(4);
    await alerting.stop();
  });
});

describe('routes', () => {
  it('decide at each alert who is told, and its end goes to the same', async () => {
    const routes = routesSchema.parse([{ name: 'b', match: ['host="b"'], receivers: ['chat'] }]);
    const world = new World({ receivers: ['hook', 'chat'], settings: { routes } });
    const alerting = start(world);
    for (const state of ['down', 'up'] as const) {
      world.setHost('a', state);
      world.setHost('b', state);
      await world.clock.advance(10_000);
    }
    expect(deliveries(alerting)).toEqual([
      'a fired hook delivered',
      'a fired chat delivered',
      'a resolved hook delivered',
      'a resolved chat delivered',
      'b fired chat delivered',
      'b resolved chat delivered',
    ]);
    await alerting.stop();
  });
});
