/** An outage of many hosts in the whole pipeline: told once, instead of each of them. */
import { describe, expect, it } from 'vitest';
import { stockRules } from './rules/stock.ts';
import { deliveries, start, World } from './testing/world.ts';

const MINUTE_MS = 60_000;

describe('an outage of many hosts', () => {
  const OUTAGE = { kind: 'open', sinceMs: 0, isAfterStart: false, awayCount: 3, hostCount: 4 } as const;
  const rules = stockRules().filter(({ source }) => source !== 'expression');

  it('is told instead of the hosts that vanished in it, and the others are told', async () => {
    const world = new World({ rules });
    const alerting = start(world);
    world.outage = OUTAGE;
    for (const name of ['a', 'b', 'c']) world.vanished.add(name);
    await world.clock.advance(10_000);
    for (const name of ['a', 'b', 'c', 'd']) world.setHost(name, 'down');
    await world.clock.advance(5 * MINUTE_MS);
    expect(world.hook.texts).toEqual([
      'fired 3 of 4 hosts vanished together',
      'fired d is down',
      'fired d is down and stays down',
    ]);
    expect(deliveries(alerting).filter((text) => text.startsWith('a '))[0]).toMatch(
      /^a fired hook suppressed .*muted while "3 of 4 hosts vanished together" lasts \(an outage of many hosts /,
    );
    // One that is back has an open incident until the next look at presence, and nobody hears of it.
    world.setHost('a', 'up');
    world.vanished.delete('a');
    alerting.delivery.releaseHeld();
    await world.clock.advance(10_000);
    expect(world.hook.texts).toHaveLength(3);
    world.outage = { kind: 'unclear' };
    await world.clock.advance(MINUTE_MS);
    expect(world.hook.texts).toHaveLength(3);
    world.outage = { kind: 'none' };
    world.vanished.clear();
    await world.clock.advance(MINUTE_MS);
    expect(world.hook.texts.slice(3).toSorted()).toEqual([
      'fired b is down and stays down',
      'fired c is down and stays down',
      'resolved 3 of 4 hosts vanished together',
    ]);
    await alerting.stop();
  });

  it('that nobody is told of, because its rule is off, mutes nothing', async () => {
    const world = new World({ rules: rules.filter(({ source }) => source !== 'outage') });
    const alerting = start(world);
    world.outage = OUTAGE;
    world.vanished.add('a');
    world.setHost('a', 'down');
    await world.clock.advance(10_000);
    expect(world.hook.texts).toEqual(['fired a is down']);
    await alerting.stop();
  });

  it('mutes until it is over although a person closed its incident, also after a restart', async () => {
    const world = new World({ rules });
    let alerting = start(world);
    world.outage = OUTAGE;
    world.vanished.add('a');
    await world.clock.advance(10_000);
    world.setHost('a', 'down');
    await world.clock.advance(5 * MINUTE_MS);
    const [vanished] = alerting.incidents
      .list({ status: 'open', hostId: null, limit: 10 })
      .filter(({ rule }) => rule === 'HostsVanished');
    alerting.actions.close(vanished?.id ?? '', { by: 'ann', reason: 'known' });
    world.setHost('d', 'down');
    await world.clock.advance(5 * MINUTE_MS);
    await alerting.stop();
    world.outage = { kind: 'unclear' };
    alerting = start(world);
    await world.clock.advance(5 * MINUTE_MS);
    const told = [
      'fired 3 of 4 hosts vanished together',
      'closed 3 of 4 hosts vanished together',
      'fired d is down',
      'fired d is down and stays down',
    ];
    expect(world.hook.texts).toEqual(told);
    world.outage = { kind: 'none' };
    world.vanished.clear();
    await world.clock.advance(MINUTE_MS);
    expect(world.hook.texts.slice(told.length)).toEqual(['fired a is down and stays down']);
    await alerting.stop();
  });

  it.each([10, 4_950, 4_999])(
    'is told before its hosts however seldom rules are evaluated; another nudge after %i ms',
    async (afterMs) => {
      const world = new World({ rules, limits: { evaluationIntervalMs: 10 * MINUTE_MS } });
      const alerting = start(world);
      await world.clock.advance(1_000);
      world.outage = OUTAGE;
      for (const name of ['a', 'b', 'c']) {
        world.setHost(name, 'suspect');
        world.vanished.add(name);
      }
      alerting.nudge();
      await world.clock.advance(afterMs);
      alerting.nudge();
      await world.clock.advance(10_000 - afterMs);
      for (const name of ['a', 'b', 'c']) world.setHost(name, 'down');
      alerting.nudge();
      await world.clock.advance(MINUTE_MS);
      expect(world.hook.texts).toEqual(['fired 3 of 4 hosts vanished together']);
      await alerting.stop();
      expect(world.clock.timerCount).toBe(0);
    },
  );
});
