/** Digests, repeats, fallbacks and receivers in trouble, in the whole pipeline. */
import { describe, expect, it } from 'vitest';
import type { Alerting } from '../pipeline.ts';
import { routesSchema } from '../routing/route-config.ts';
import { DELIVERED, FAILED, REFUSED, World, type WorldOptions } from '../testing/world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** For tests that go over hours. */
const SLOW = { limits: { evaluationIntervalMs: 60_000 } };

function start(world: World): Alerting {
  const alerting = world.createAlerting();
  alerting.start();
  return alerting;
}

function setHosts(world: World, count: number, state: 'up' | 'down'): void {
  for (let i = 0; i < count; i++) world.setHost(`h${String(i).padStart(2, '0')}`, state);
}

function textsOf(world: World, receiver: string): readonly string[] {
  return world.notifiers.get(receiver)?.texts ?? [];
}

function worldWith(
  route: Record<string, unknown>,
  { receivers = ['hook'], limits = {} }: Pick<WorldOptions, 'receivers' | 'limits'> = {},
): World {
  const routes = routesSchema.parse([{ name: 'r', receivers: ['hook'], ...route }]);
  return new World({ receivers, settings: { routes }, limits: { stormPerMinuteMax: 3, ...limits } });
}

describe('a digest', () => {
  it('tells of what waited together, and ends when all of that has ended', async () => {
    const world = worldWith({ 'group-wait': '30s' });
    const alerting = start(world);
    setHosts(world, 3, 'down');
    await world.clock.advance(20_000);
    expect(world.hook.texts).toEqual([]);
    await world.clock.advance(20_000);
    expect(world.hook.texts).toEqual(['fired 3 alerts: HostDown ×3']);
    const [digest] = world.hook.received;
    expect(digest?.snapshot).toMatchObject({
      severity: 'page',
      description: '- h00 is down\n- h01 is down\n- h02 is down',
    });
    setHosts(world, 2, 'up');
    await world.clock.advance(10_000);
    expect(world.hook.texts).toHaveLength(1);
    setHosts(world, 3, 'up');
    await world.clock.advance(10_000);
    expect(world.hook.texts.slice(1)).toEqual(['resolved 3 alerts: HostDown ×3']);
    const [incident] = alerting.incidents.list({ status: 'all', hostId: null, limit: 10 }).slice(-1);
    expect(incident?.deliveries).toMatchObject([
      { transition: 'fired', status: 'superseded', lastError: `told in digest ${digest?.incidentId}` },
      { transition: 'resolved', status: 'suppressed', lastError: `part of digest ${digest?.incidentId}` },
    ]);
    await alerting.stop();
  });

  it('is not made of one that waited alone, nor of what ended while it waited', async () => {
    const world = worldWith({ 'group-wait': '30s' });
    const alerting = start(world);
    setHosts(world, 2, 'down');
    await world.clock.advance(10_000);
    world.setHost('h01', 'up');
    await world.clock.advance(40_000);
    expect(world.hook.texts).toEqual(['resolved h01 is down', 'fired h00 is down']);
    await alerting.stop();
  });

  it('holds what is too much for a minute, names twenty and counts the rest', async () => {
    const world = worldWith({});
    const alerting = start(world);
    setHosts(world, 40, 'down');
    await world.clock.advance(30_000);
    expect(world.hook.texts).toHaveLength(4);
    expect(world.hook.texts.at(-1)).toBe('fired 37 alerts: HostDown ×37');
    const description = world.hook.received.at(-1)?.snapshot.description.split('\n') ?? [];
    expect([description.length, description.at(-1)]).toEqual([21, 'and 17 more']);
    expect(world.counters.sum('rollcall_alerting_digests_total', { receiver: 'hook' })).toBe(1);
    await alerting.stop();
  });

  it('is made also when the collector restarts while it gathers', async () => {
    const world = worldWith({ 'group-wait': '5m' });
    const first = start(world);
    setHosts(world, 3, 'down');
    await world.clock.advance(10_000);
    await first.stop();
    const alerting = start(world);
    await world.clock.advance(10 * MINUTE_MS);
    expect(world.hook.texts).toEqual(['fired 3 alerts: HostDown ×3']);
    await alerting.stop();
  });
});

describe('a repeat', () => {
  it('comes while the incident lasts, each with an id of its own, and stops at its end', async () => {
    const world = worldWith({ 'repeat-interval': '1h' }, SLOW);
    const alerting = start(world);
    setHosts(world, 1, 'down');
    await world.clock.advance(2 * HOUR_MS + 10 * MINUTE_MS);
    expect(world.hook.texts).toHaveLength(3);
    setHosts(world, 1, 'up');
    await world.clock.advance(5 * HOUR_MS);
    expect(world.hook.texts.at(-1)).toBe('resolved h00 is down');
    expect(world.hook.received.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    expect(new Set(world.hook.received.map(({ transitionId }) => transitionId)).size).toBe(4);
    await alerting.stop();
  });

  it('waits while the incident is held, and while somebody has acknowledged it', async () => {
    const world = worldWith({ 'repeat-interval': '1h' }, SLOW);
    const alerting = start(world);
    setHosts(world, 1, 'down');
    await world.clock.advance(2 * MINUTE_MS);
    world.setHost('h00', 'unknown');
    await world.clock.advance(2 * HOUR_MS);
    expect(world.hook.texts).toHaveLength(1);
    world.setHost('h00', 'down');
    await world.clock.advance(3 * MINUTE_MS);
    expect(world.hook.texts).toHaveLength(2);
    const [incident] = alerting.incidents.list({ status: 'open', hostId: null, limit: 1 });
    alerting.actions.acknowledge(incident?.id ?? '', { by: 'ann', untilMs: null });
    await world.clock.advance(2 * HOUR_MS);
    expect(world.hook.texts).toHaveLength(2);
    await alerting.stop();
  });
});

describe('a fallback', () => {
  it('is told as well when the receiver does not take a page within two minutes, and of the end', async () => {
    const world = worldWith({ fallback: 'chat' }, { receivers: ['hook', 'chat'] });
    world.hook.answer = () => FAILED;
    const alerting = start(world);
    setHosts(world, 1, 'down');
    await world.clock.advance(2 * MINUTE_MS);
    expect(textsOf(world, 'chat')).toEqual([]);
    await world.clock.advance(MINUTE_MS);
    expect(textsOf(world, 'chat')).toEqual(['fired h00 is down']);
    await world.clock.advance(10 * MINUTE_MS);
    world.hook.answer = () => DELIVERED;
    setHosts(world, 1, 'up');
    await world.clock.advance(10 * MINUTE_MS);
    expect(textsOf(world, 'chat')).toEqual(['fired h00 is down', 'resolved h00 is down']);
    expect(world.hook.texts.at(-1)).toBe('resolved h00 is down');
    expect(world.counters.sum('rollcall_alerting_fallbacks_total', { receiver: 'hook' })).toBe(1);
    await alerting.stop();
  });

  it('is told soon when the receiver refuses', async () => {
    const world = worldWith({ fallback: 'chat' }, { receivers: ['hook', 'chat'] });
    world.hook.answer = () => REFUSED;
    const alerting = start(world);
    setHosts(world, 1, 'down');
    await world.clock.advance(15_000);
    expect(textsOf(world, 'chat')).toContain('fired h00 is down');
    await alerting.stop();
  });
});

describe('a receiver that takes nothing', () => {
  it('is told of to the others, once, until it takes something again', async () => {
    const world = new World({ receivers: ['hook', 'chat'] });
    world.hook.answer = () => REFUSED;
    const alerting = start(world);
    setHosts(world, 3, 'down');
    await world.clock.advance(20_000);
    const troubles = (): readonly string[] => textsOf(world, 'chat').filter((text) => text.includes('lost'));
    expect(troubles()).toEqual(['fired notifications to hook are lost']);
    world.hook.answer = () => DELIVERED;
    setHosts(world, 1, 'up');
    await world.clock.advance(20_000);
    expect(troubles()).toEqual([
      'fired notifications to hook are lost',
      'resolved notifications to hook are lost',
    ]);
    expect(world.hook.texts.some((text) => text.includes('lost'))).toBe(false);
    await alerting.stop();
  });

  it('does not set off a chain when the others take nothing either', async () => {
    const world = new World({ receivers: ['hook', 'chat'], ...SLOW });
    for (const notifier of world.notifiers.values()) notifier.answer = () => REFUSED;
    const alerting = start(world);
    setHosts(world, 3, 'down');
    await world.clock.advance(HOUR_MS);
    const rules = alerting.incidents
      .list({ status: 'open', hostId: null, limit: 100 })
      .map(({ rule, isHeld }) => `${rule} ${isHeld}`);
    expect(rules.filter((text) => text.startsWith('NotificationDead'))).toEqual([
      'NotificationDead false',
      'NotificationDead false',
    ]);
    await alerting.stop();
  });
});
