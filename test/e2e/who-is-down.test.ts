/**
 * Who is called down with the default settings, and how soon somebody is told: presence and alerting as the collector puts
 * them together, on a clock that the test moves. What the gateway tells presence is told here by hand; that real sockets
 * tell it is shown by outage.test.ts and by `npm run bench -- fleet`.
 */
import { randomBytes } from 'node:crypto';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import type { ByeReason } from '@rollcall/shared/protocol/messages.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, it } from 'vitest';
import { createAlerting } from '../../collector/src/alerting/pipeline.ts';
import { stockRules } from '../../collector/src/alerting/rules/stock.ts';
import { FakeNotifier, recordingCounters } from '../../collector/src/alerting/testing/world.ts';
import { Hosts } from '../../collector/src/fleet/hosts.ts';
import { PresenceWatch } from '../../collector/src/fleet/presence.ts';
import { PRESENCE_DEFAULTS } from '../../collector/src/fleet/presence-settings.ts';
import { openState } from '../../collector/src/state/state.ts';

const MINUTE_MS = 60_000;
const TICK_MS = 10_000;

/** A collector's presence and alerting on one database, which `restart` closes (or just drops) and opens again. */
class Watch {
  readonly clock = new FakeClock();
  readonly hook = new FakeNotifier();
  readonly #state = openState(':memory:');
  #parts = this.#open();
  /** Hosts that send a tick every ten seconds. */
  readonly #ticking = new Set<string>();

  get presence(): PresenceWatch {
    return this.#parts.presence;
  }

  /** Open incidents of a rule, and how many of them somebody was told of. */
  open(rule: string): { readonly count: number; readonly told: number } {
    const incidents = this.#parts.alerting.incidents
      .list({ status: 'open', hostId: null, limit: 1_000 })
      .filter((incident) => incident.rule === rule);
    const told = incidents.filter(({ deliveries }) =>
      deliveries.some(({ status }) => status === 'delivered'),
    );
    return { count: incidents.length, told: told.length };
  }

  /** So many hosts that are up and tick. */
  start(count: number): string[] {
    const ids = Array.from({ length: count }, (_, index) => {
      const id = randomBytes(16).toString('hex');
      const { hosts } = this.#parts;
      hosts.admit(
        hosts.insert({
          id,
          hostName: `host-${index}`,
          publicKey: randomBytes(32),
          tokenId: 't',
          machineId: '',
          agentVersion: '1',
        }),
      );
      return id;
    });
    for (const id of ids) this.comeBack(id);
    return ids;
  }

  comeBack(id: string): void {
    this.presence.welcomed(id);
    this.#ticking.add(id);
  }

  /** The agent's process is gone: its socket is closed by the kernel. */
  kill(id: string): void {
    this.#ticking.delete(id);
    this.presence.disconnected(id);
  }

  /** The host's power is gone: nobody closes its socket. */
  vanish(id: string): void {
    this.#ticking.delete(id);
  }

  sayGoodbye(id: string, reason: ByeReason): void {
    this.#ticking.delete(id);
    this.presence.bye(id, reason);
  }

  async pass(forMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < forMs; passedMs += TICK_MS) {
      await this.clock.advance(Math.min(TICK_MS, forMs - passedMs));
      for (const id of this.#ticking) this.presence.heard(id);
    }
  }

  /** Time until the first notification, at most `maxMs`. */
  async untilTold(maxMs: number): Promise<number | undefined> {
    for (let passedMs = 0; passedMs < maxMs; passedMs += 1_000) {
      await this.clock.advance(1_000);
      if (passedMs % TICK_MS === 0) for (const id of this.#ticking) this.presence.heard(id);
      if (this.hook.received.length > 0) return passedMs + 1_000;
    }
    return undefined;
  }

  /** @param how `crash` writes nothing any more */
  async restart(how: 'stop' | 'crash', downMs: number): Promise<void> {
    const { presence, alerting, hosts } = this.#parts;
    this.#ticking.clear();
    if (how === 'crash') this.#state.connection.exec('PRAGMA query_only = ON');
    await alerting.stop();
    presence.close();
    hosts.close();
    this.#state.connection.exec('PRAGMA query_only = OFF');
    await this.clock.advance(downMs);
    this.#parts = this.#open();
  }

  #open() {
    const { clock } = this;
    const log = silentLogger;
    const database = this.#state;
    const hosts = new Hosts({ database, clock, log });
    const presence = new PresenceWatch({ database, hosts, clock, log, settings: PRESENCE_DEFAULTS });
    presence.start();
    const alerting = createAlerting({
      state: database,
      clock,
      random: () => 0.5,
      log,
      hosts: {
        list: () =>
          [...presence.all()].map(([id, state]) => ({
            id,
            name: hosts.get(id)?.name ?? id,
            state,
            sinceMs: presence.now(id).sinceMs,
            newestDataMs: clock.wallMs(),
          })),
        stateOf: (id) => presence.now(id).state,
        outage: () => presence.outage(),
        isInOutage: (id) => presence.isInOutage(id),
      },
      evaluate: async () => [],
      receivers: [{ name: 'hook', notifier: this.hook }],
      rules: stockRules(),
      counters: recordingCounters(),
    });
    presence.onChange(() => alerting.nudge());
    presence.onOutage(() => alerting.nudge());
    alerting.start();
    return { hosts, presence, alerting };
  }
}

it('tells of a killed agent within 45 seconds, and of a host that lost its power within 75', async () => {
  const watch = new Watch();
  const [killed = ''] = watch.start(20);
  await watch.pass(MINUTE_MS);
  watch.kill(killed);
  expect(await watch.untilTold(2 * MINUTE_MS)).toBeLessThanOrEqual(45_000);
  expect(watch.hook.texts).toEqual(['fired host-0 is down']);

  const other = new Watch();
  const [vanished = ''] = other.start(20);
  await other.pass(MINUTE_MS);
  other.vanish(vanished);
  expect(await other.untilTold(2 * MINUTE_MS)).toBeLessThanOrEqual(75_000);
});

it.each(['stop', 'shutdown', 'reboot', 'update'] as const)(
  'tells nobody of an agent that says goodbye (%s) and comes back within ten minutes',
  async (reason) => {
    const watch = new Watch();
    const [host = ''] = watch.start(20);
    await watch.pass(MINUTE_MS);
    watch.sayGoodbye(host, reason);
    await watch.pass(9 * MINUTE_MS);
    watch.comeBack(host);
    await watch.pass(10 * MINUTE_MS);
    expect(watch.hook.texts).toEqual([]);
  },
);

it('tells of an agent that said goodbye for a reboot and never came back', async () => {
  const watch = new Watch();
  const [host = ''] = watch.start(20);
  watch.sayGoodbye(host, 'reboot');
  expect(await watch.untilTold(12 * MINUTE_MS)).toBeGreaterThan(10 * MINUTE_MS);
});

it.each(['stop', 'crash'] as const)(
  'tells nobody when a collector with 1,000 agents restarts (%s) and they come back within a minute',
  async (how) => {
    const watch = new Watch();
    const ids = watch.start(1_000);
    await watch.pass(MINUTE_MS);
    await watch.restart(how, 5_000);
    for (const [index, id] of ids.entries()) {
      if (index % 20 === 0) await watch.pass(1_000);
      watch.comeBack(id);
    }
    await watch.pass(5 * MINUTE_MS);
    expect(watch.presence.counts()).toMatchObject({ up: 1_000, down: 0, unknown: 0 });
    expect(watch.hook.texts).toEqual([]);
  },
);

it('tells of those who do not come back after a restart, when their time is over', async () => {
  const watch = new Watch();
  const ids = watch.start(50);
  await watch.pass(MINUTE_MS);
  await watch.restart('crash', 5_000);
  for (const id of ids.slice(2)) watch.comeBack(id);
  await watch.pass(2 * MINUTE_MS);
  expect(watch.hook.texts).toEqual([]);
  await watch.pass(2 * MINUTE_MS);
  expect(watch.hook.texts.toSorted()).toEqual(['fired host-0 is down', 'fired host-1 is down']);
});

it('tells once that many hosts vanished together, within 45 seconds, and never of each of them', async () => {
  const watch = new Watch();
  const ids = watch.start(40);
  await watch.pass(MINUTE_MS);
  for (const id of ids.slice(0, 30)) watch.vanish(id);
  expect(await watch.untilTold(2 * MINUTE_MS)).toBeLessThanOrEqual(45_000);
  expect(watch.hook.texts).toEqual(['fired 30 of 40 hosts vanished together']);
  expect(watch.hook.received[0]?.snapshot).toMatchObject({ severity: 'page', hostId: null, value: 30 });
  await watch.pass(20 * MINUTE_MS);
  // They are down and on record, only nobody is told.
  expect(watch.presence.counts()).toMatchObject({ up: 10, down: 30 });
  expect(watch.open('HostDown')).toEqual({ count: 60, told: 0 });
  expect(watch.hook.texts).toHaveLength(1);
  for (const id of ids.slice(0, 30)) watch.comeBack(id);
  await watch.pass(MINUTE_MS);
  expect(watch.hook.texts.slice(1)).toEqual(['resolved 30 of 40 hosts vanished together']);
  expect(watch.open('HostDown').count).toBe(0);
});

it('tells of hosts that were down before many vanished, and of those that go alone later', async () => {
  const watch = new Watch();
  const ids = watch.start(40);
  const [before = '', after = '', ...others] = ids;
  await watch.pass(MINUTE_MS);
  watch.kill(before);
  await watch.pass(MINUTE_MS);
  for (const id of others.slice(0, 20)) watch.kill(id);
  await watch.pass(5 * MINUTE_MS);
  watch.kill(after);
  await watch.pass(5 * MINUTE_MS);
  expect(watch.hook.texts).toEqual([
    'fired host-0 is down',
    'fired 20 of 40 hosts vanished together',
    'fired host-0 is down and stays down',
    'fired host-1 is down',
    'fired host-1 is down and stays down',
  ]);
});

it('tells of the few that stay away when the others are back, once these had time to come back too', async () => {
  const watch = new Watch();
  const ids = watch.start(40);
  await watch.pass(MINUTE_MS);
  for (const id of ids) watch.kill(id);
  await watch.pass(10 * MINUTE_MS);
  for (const id of ids.slice(2)) watch.comeBack(id);
  await watch.pass(MINUTE_MS);
  expect(watch.hook.texts).toEqual(['fired 40 of 40 hosts vanished together']);
  await watch.pass(2 * MINUTE_MS);
  expect(watch.hook.texts.slice(1).toSorted()).toEqual([
    'fired host-0 is down and stays down',
    'fired host-1 is down and stays down',
    'resolved 40 of 40 hosts vanished together',
  ]);
});

it('does not take a farewell of many, or fewer than five, for hosts that vanished together', async () => {
  const watch = new Watch();
  const ids = watch.start(40);
  await watch.pass(MINUTE_MS);
  for (const id of ids.slice(0, 30)) watch.sayGoodbye(id, 'shutdown');
  await watch.pass(9 * MINUTE_MS);
  expect(watch.hook.texts).toEqual([]);
  const small = new Watch();
  const few = small.start(4);
  await small.pass(MINUTE_MS);
  for (const id of few) small.kill(id);
  await small.pass(MINUTE_MS);
  expect(small.hook.texts.toSorted()).toEqual([0, 1, 2, 3].map((n) => `fired host-${n} is down`));
});

it.each(['stop', 'crash'] as const)(
  'tells once when nobody of a fleet comes back after the collector restarts (%s)',
  async (how) => {
    const watch = new Watch();
    const ids = watch.start(40);
    const [dead = '', ...others] = ids;
    await watch.pass(MINUTE_MS);
    watch.kill(dead);
    await watch.pass(5 * MINUTE_MS);
    const told = ['fired host-0 is down', 'fired host-0 is down and stays down'];
    expect(watch.hook.texts).toEqual(told);
    await watch.restart(how, 5_000);
    await watch.pass(20 * MINUTE_MS);
    // Who was down before is no news, and not counted.
    expect(watch.hook.texts.slice(2)).toEqual(['fired 39 of 40 hosts vanished together']);
    expect(watch.hook.received[2]?.snapshot.description).toMatch(
      /have not come back since the collector started at/,
    );
    for (const id of others) watch.comeBack(id);
    await watch.pass(MINUTE_MS);
    expect(watch.hook.texts.slice(3)).toEqual(['resolved 39 of 40 hosts vanished together']);
  },
);

it.each([
  ['stop', 2],
  ['crash', 2],
  ['stop', 10],
  ['crash', 10],
] as const)(
  'goes on with the one alert when the collector restarts (%s) %i minutes after many vanished',
  async (how, afterMinutes) => {
    const watch = new Watch();
    const ids = watch.start(40);
    await watch.pass(MINUTE_MS);
    for (const id of ids.slice(0, 30)) watch.kill(id);
    await watch.pass(afterMinutes * MINUTE_MS);
    await watch.restart(how, 30_000);
    for (const id of ids.slice(30)) watch.comeBack(id);
    await watch.pass(20 * MINUTE_MS);
    await watch.restart(how, 30_000);
    for (const id of ids.slice(30)) watch.comeBack(id);
    await watch.pass(20 * MINUTE_MS);
    expect(watch.hook.texts).toEqual(['fired 30 of 40 hosts vanished together']);
    for (const id of ids.slice(0, 30)) watch.comeBack(id);
    await watch.pass(MINUTE_MS);
    expect(watch.hook.texts.slice(1)).toEqual(['resolved 30 of 40 hosts vanished together']);
    expect(watch.open('HostDown').count).toBe(0);
  },
);

it('ends when they come back while the collector restarts, without a further word', async () => {
  const watch = new Watch();
  const ids = watch.start(40);
  await watch.pass(MINUTE_MS);
  for (const id of ids) watch.kill(id);
  await watch.pass(10 * MINUTE_MS);
  await watch.restart('crash', 30_000);
  for (const id of ids) watch.comeBack(id);
  await watch.pass(5 * MINUTE_MS);
  expect(watch.hook.texts).toEqual([
    'fired 40 of 40 hosts vanished together',
    'resolved 40 of 40 hosts vanished together',
  ]);
  await watch.restart('crash', 30_000);
  for (const id of ids) watch.comeBack(id);
  await watch.pass(5 * MINUTE_MS);
  expect(watch.hook.texts).toHaveLength(2);
});
