import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { openState } from '../state/state.ts';
import type { SeriesBatch, SeriesSamples } from '../storage/moment-batch.ts';
import { Hosts } from './hosts.ts';
import { PresenceWatch } from './presence.ts';
import { PRESENCE_DEFAULTS } from './presence-settings.ts';
import { FleetSeries } from './series.ts';

function setUp() {
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
  const facts: { newestDataMs: number | null; lost: Record<string, number> } = {
    newestDataMs: null,
    lost: {},
  };
  const batches: (readonly SeriesSamples[])[] = [];
  const outcomes: string[] = [];
  const turns = { count: 0 };
  const refused: string[] = [];
  const store = {
    append: async (batch: SeriesBatch): Promise<{ rejected: readonly string[] }> => {
      batches.push(batch.slice());
      return { rejected: refused };
    },
  };
  const log = fakeLog();
  const series = new FleetSeries({
    hosts,
    presence,
    newestDataMs: () => facts.newestDataMs,
    lostSamples: () => facts.lost,
    clock,
    log,
    intervalMs: 10_000,
    append: (batch) => store.append(batch),
    counted: (outcome) => outcomes.push(outcome),
    yieldToLoop: () => {
      turns.count++;
      return Promise.resolve();
    },
  });
  const id = 'ab'.repeat(16);
  const draft = {
    publicKey: randomBytes(32),
    tokenId: 't',
    machineId: '',
    agentVersion: '1',
    hostName: 'web',
  };
  hosts.admit(hosts.insert({ id, ...draft }));
  return { clock, hosts, presence, series, batches, outcomes, refused, log, store, id, draft, turns, facts };
}

const shown = (batch: readonly SeriesSamples[] | undefined) =>
  (batch ?? []).map(
    ({ labels, samples }) => `${labels.toString()} ${samples[0]?.isStale ? 'stale' : samples[0]?.value}`,
  );
const states = (present: string) =>
  ['unknown', 'up', 'suspect', 'down', 'planned'].map(
    (state) =>
      `rollcall_host_state{instance="web", job="node", state="${state}"} ${state === present ? 1 : 0}`,
  );

describe('FleetSeries', () => {
  it('writes a large fleet in pieces with turns of the event loop in between, all with one time', async () => {
    const { series, hosts, batches, turns, draft, clock } = setUp();
    for (let i = 0; i < 400; i++) {
      const hostId = i.toString(16).padStart(32, '0');
      hosts.admit(hosts.insert({ id: hostId, ...draft, publicKey: randomBytes(32), hostName: `h${i}` }));
    }
    await series.write();
    expect(batches.length).toBeGreaterThan(1);
    expect(turns.count).toBe(batches.length);
    expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThan(1_500);
    const samples = batches.flat().flatMap((one) => one.samples);
    expect(samples).toHaveLength(401 * 7);
    expect(new Set(samples.map(({ timeMs }) => timeMs))).toEqual(new Set([clock.wallMs()]));
  });

  it('makes the next piece of a large fleet only when the store is done with one before', async () => {
    const { series, hosts, draft, store } = setUp();
    for (let i = 0; i < 900; i++) {
      const hostId = i.toString(16).padStart(32, '0');
      hosts.admit(hosts.insert({ id: hostId, ...draft, publicKey: randomBytes(32), hostName: `h${i}` }));
    }
    let waiting = 0;
    const most: number[] = [];
    store.append = async () => {
      most.push(++waiting);
      await nextTurn();
      waiting--;
      return { rejected: [] };
    };
    await series.write();
    expect(most.length).toBeGreaterThan(3);
    expect(Math.max(...most)).toBe(2);
    expect(waiting).toBe(0);
  });

  it('says nothing about up while nothing is known', async () => {
    const { series, batches, id } = setUp();
    await series.write();
    expect(shown(batches[0])).toEqual([
      `rollcall_host_info{host_id="${id}", instance="web", job="node", presence="server"} 1`,
      'rollcall_samples_lost_total{instance="web", job="node"} 0',
      ...states('unknown'),
    ]);
  });

  it.each([
    [90_000, 90],
    [-5_000, 0],
  ])(
    'writes how old the newest reading is (%i ms before now: %i s), and what was lost',
    async (ageMs, seconds) => {
      const { series, batches, facts, clock } = setUp();
      facts.newestDataMs = clock.wallMs() - ageMs;
      facts.lost = { disk_full: 3, age: 4 };
      await series.write();
      expect(shown(batches[0])).toEqual(
        expect.arrayContaining([
          `rollcall_agent_backlog_seconds{instance="web", job="node"} ${seconds}`,
          'rollcall_samples_lost_total{instance="web", job="node"} 7',
        ]),
      );
    },
  );

  it.each([
    ['up', 1],
    ['suspect', 0],
    ['planned', 0],
  ])('writes up of a host that is %s as %i', async (state, value) => {
    const { series, presence, batches, id } = setUp();
    presence.welcomed(id);
    if (state === 'suspect') presence.disconnected(id);
    if (state === 'planned') presence.bye(id, 'reboot');
    await series.write();
    const up = batches[0]?.find(({ labels }) => labels.metricName === 'up');
    expect(up?.samples).toEqual([{ timeMs: Date.UTC(2026, 0, 1), value }]);
    expect(shown(batches[0]).slice(-5)).toEqual(states(state));
  });

  it('writes once per interval and ends the series of a host that was retired, once', async () => {
    const { series, clock, hosts, batches, id } = setUp();
    series.start();
    await clock.advance(20_000);
    expect(batches).toHaveLength(2);
    hosts.revoke(id);
    await clock.advance(20_000);
    expect(shown(batches[2])).toHaveLength(9);
    expect(shown(batches[2]).every((line) => line.endsWith('stale'))).toBe(true);
    expect(batches).toHaveLength(3);
    series.close();
    expect(clock.timerCount).toBe(0);
  });

  it('tells of a key that is in use twice, and of its end', async () => {
    const { series, hosts, batches, id } = setUp();
    const conflicts = (): readonly string[] => {
      const lines = shown(batches.at(-1)).filter((line) => line.startsWith('rollcall_host_key_conflict'));
      return lines.map((line) => line.replace('rollcall_host_key_conflict{instance="web", job="node"} ', ''));
    };
    const seen: (readonly string[])[] = [];
    const steps = [() => undefined, () => hosts.flagConflict(id), () => hosts.acceptRestored(id)];
    for (const step of [...steps, () => hosts.revoke(id)]) {
      step();
      await series.write();
      seen.push(conflicts());
    }
    expect(seen).toEqual([[], ['1'], ['0'], ['stale']]);
  });

  it('leaves out rounds while the store is busy, and goes on after a failure', async () => {
    const { series, clock, store, outcomes } = setUp();
    const held = Promise.withResolvers<{ rejected: readonly string[] }>();
    store.append = () => held.promise;
    series.start();
    await clock.advance(20_000);
    held.reject(new AppError('STORAGE_UNAVAILABLE', 'disk full'));
    await clock.advance(0);
    store.append = async () => ({ rejected: [] });
    await clock.advance(10_000);
    expect(outcomes).toEqual(['skipped', 'failed', 'written']);
    series.close();
  });

  it('tells when the store refuses a round, as after a clock that was ahead, and when it takes them again', async () => {
    const { series, refused, outcomes, log } = setUp();
    refused.push('up', 'rollcall_host_info');
    await series.write();
    await series.write();
    refused.length = 0;
    await series.write();
    expect(outcomes).toEqual(['refused', 'refused', 'written']);
    expect(log.lines.map(({ level, fields }) => [level, fields])).toEqual([
      ['warn', { samples: 2 }],
      ['info', {}],
    ]);
  });
});
