import { beforeEach, afterEach, describe, expect, it } from 'vitest';
import {
  CONFIG_VERSION_MAX,
  openConfig,
  type AgentSettings,
  type ConfigDocument,
} from '@rollcall/shared/protocol/agent-config.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import type { Database } from '../state/database.ts';
import { openState } from '../state/state.ts';
import { AgentConfigs, CONFIG_LIMITS } from './agent-configs.ts';
import { AgentConfigStore } from './config-store.ts';

const IDENTITY = generateIdentity();
const SLOW: AgentSettings = { intervalMs: 60_000 };
const LOUD: AgentSettings = { logLevel: 'debug' };

let state: Database;
let clock: FakeClock;
/** What the command line does. */
let wish: AgentConfigStore;
/** Versions in force at the agents that are connected; undefined for one that takes no settings. */
let agents: Map<string, number | undefined>;
let offers: { readonly id: string; readonly document: ConfigDocument }[];
let counts: Map<string, number>;
let configs: AgentConfigs;

const idOf = (number: number): string => number.toString(16).padStart(32, '0');

function start(): AgentConfigs {
  return new AgentConfigs({
    database: state,
    clock,
    log: silentLogger,
    identity: IDENTITY,
    hosts: { count: Number(state.connection.prepare('SELECT count(*) AS n FROM hosts').get()?.['n']) },
    counted: (outcome, reason) => {
      const key = `${outcome} ${reason}`.trim();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
  });
}

/** So many enrolled hosts, all connected, with nothing of ours in force. */
function enrol(count: number): void {
  const insert = state.connection.prepare(
    `INSERT INTO hosts (id, name, public_key, token_id, enrolled_ms) VALUES (?, ?, ?, 't', 0)`,
  );
  state.transaction(() => {
    for (let i = 1; i <= count; i++) insert.run(idOf(i), `host-${i}`, Buffer.from(idOf(i)));
  });
  agents = new Map(Array.from({ length: count }, (_, i) => [idOf(i + 1), 0]));
  configs = start();
}

/** A round; returns the hosts that were offered something in it. */
function round(): readonly string[] {
  const before = offers.length;
  configs.tick({
    ids: () => [...agents].flatMap(([id, version]) => (version === undefined ? [] : [id])),
    versionOf: (id) => agents.get(id),
    offer(id, signed) {
      const trusted = { agentId: Buffer.from(id, 'hex'), collectorKeys: [IDENTITY.publicKey] };
      const opened = openConfig(signed, trusted);
      if (opened.kind === 'document') offers.push({ id, document: opened.document });
    },
  });
  return offers.slice(before).map(({ id }) => id);
}

const newest = (id: string): ConfigDocument | undefined =>
  offers.findLast((offer) => offer.id === id)?.document;

function apply(id: string): void {
  const version = newest(id)?.version ?? 0;
  agents.set(id, version);
  configs.answered(id, { outcome: 'applied', version });
}

function reject(id: string): void {
  configs.answered(id, {
    outcome: 'rejected',
    version: newest(id)?.version ?? 0,
    reason: 'health',
    text: 'no',
  });
}

beforeEach(() => {
  state = openState(':memory:');
  clock = new FakeClock();
  wish = new AgentConfigStore(state);
  offers = [];
  counts = new Map();
});
afterEach(() => state.close());

describe('settings of a host', () => {
  it('are not looked at where nobody ever set any', () => {
    enrol(2);
    configs.joined(idOf(1), 0);
    expect(round()).toEqual([]);
    expect(configs.of(idOf(1))).toBeNull();
  });

  it('are offered at once, signed for the host, until it says what became of them', () => {
    enrol(2);
    wish.wantOf(idOf(2), SLOW);
    expect(round()).toEqual([idOf(2)]);
    expect(newest(idOf(2))?.settings).toEqual(SLOW);
    expect(round()).toEqual([]);
    apply(idOf(2));
    expect(round()).toEqual([]);
    const settings = { intervalMs: 60_000, disabledSamplers: null, logLevel: null };
    expect(configs.of(idOf(2))).toMatchObject({ state: 'applied', version: agents.get(idOf(2)), settings });
    expect(counts).toEqual(
      new Map([
        ['offered', 1],
        ['applied', 1],
      ]),
    );
  });

  it('are offered at a login that comes without them, in a new process too', () => {
    enrol(1);
    agents.delete(idOf(1));
    wish.wantOf(idOf(1), SLOW);
    round();
    configs = start();
    agents.set(idOf(1), 0);
    configs.joined(idOf(1), 0);
    expect(round()).toEqual([idOf(1)]);
    const version = newest(idOf(1))?.version;
    // The answer was lost, the agent comes back: first without them, then with them.
    configs.joined(idOf(1), 0);
    expect(round()).toEqual([idOf(1)]);
    expect(newest(idOf(1))?.version).toBe(version);
    agents.set(idOf(1), version);
    configs.joined(idOf(1), version ?? 0);
    expect(round()).toEqual([]);
    expect(configs.of(idOf(1))?.state).toBe('applied');
    // A machine that was set back to an image from before.
    agents.set(idOf(1), 0);
    configs.joined(idOf(1), 0);
    expect(round()).toEqual([idOf(1)]);
  });

  it('that were refused are not offered again before somebody sets them again', () => {
    enrol(1);
    wish.wantOf(idOf(1), SLOW);
    round();
    const { version = 0 } = newest(idOf(1)) ?? {};
    reject(idOf(1));
    round();
    expect(configs.of(idOf(1))).toMatchObject({ state: 'rejected', reason: 'health', text: 'no' });
    configs.joined(idOf(1), 0);
    expect(round()).toEqual([]);
    wish.wantOf(idOf(1), SLOW);
    expect(round()).toEqual([idOf(1)]);
    expect(newest(idOf(1))?.version).toBeGreaterThan(version);
  });

  it('get a version above that of an agent that is ahead of a database that was set back', () => {
    enrol(1);
    const ahead = clock.wallMs() + 5_000;
    agents.set(idOf(1), ahead);
    configs.joined(idOf(1), ahead);
    // Nobody here knows what it has in force, so it is taken back.
    expect(round()).toEqual([idOf(1)]);
    expect(newest(idOf(1))).toMatchObject({ version: ahead + 1, settings: {} });
  });

  it('go beyond those of all hosts', () => {
    enrol(1);
    wish.wantOfAll({ ...SLOW, ...LOUD });
    wish.wantOf(idOf(1), { logLevel: 'warn' });
    round();
    expect(newest(idOf(1))?.settings).toEqual({ intervalMs: 60_000, logLevel: 'warn' });
  });

  it('can be taken back', () => {
    enrol(1);
    wish.wantOf(idOf(1), SLOW);
    round();
    apply(idOf(1));
    wish.wantOf(idOf(1), {});
    expect(round()).toEqual([idOf(1)]);
    expect(newest(idOf(1))?.settings).toEqual({});
  });

  it('are not offered to agents that take none', () => {
    enrol(1);
    agents.set(idOf(1), undefined);
    wish.wantOf(idOf(1), SLOW);
    expect(round()).toEqual([]);
  });

  it('are forgotten with their host', () => {
    enrol(1);
    wish.wantOf(idOf(1), SLOW);
    round();
    state.connection.prepare('DELETE FROM hosts WHERE id = ?').run(idOf(1));
    expect([configs.of(idOf(1)), wish.wantedOf(idOf(1))]).toEqual([null, {}]);
  });
});

describe('answers of an agent', () => {
  it('count only for what it was offered, and once', () => {
    enrol(2);
    wish.wantOf(idOf(1), SLOW);
    round();
    const { version = 0 } = newest(idOf(1)) ?? {};
    configs.answered(idOf(1), { outcome: 'applied', version: version + 1 });
    round();
    configs.answered(idOf(2), { outcome: 'applied', version });
    round();
    expect(configs.of(idOf(1))?.state).toBe('offered');
    apply(idOf(1));
    round();
    reject(idOf(1));
    round();
    expect(configs.of(idOf(1))?.state).toBe('applied');
    expect(counts.get('unasked')).toBe(3);
  });

  it('that puts settings in force which nobody knows any more is heard, and told what is wanted', () => {
    enrol(1);
    wish.wantOf(idOf(1), SLOW);
    round();
    apply(idOf(1));
    round();
    const before = newest(idOf(1))?.version ?? 0;
    // Tried while the database was set back, so that its login said the version before.
    agents.set(idOf(1), before + 1_000_000);
    configs.answered(idOf(1), { outcome: 'applied', version: before + 1_000_000 });
    expect(round()).toEqual([idOf(1)]);
    expect(newest(idOf(1))?.version).toBeGreaterThan(before + 1_000_000);
  });

  it('are shown without what could deceive a terminal', () => {
    enrol(1);
    wish.wantOf(idOf(1), SLOW);
    round();
    const text = '\u001b[31mred\u202e';
    configs.answered(idOf(1), { outcome: 'rejected', version: 0, reason: 'content', text });
    round();
    expect(configs.of(idOf(1))).toMatchObject({ state: 'rejected', text: '[31mred' });
  });
});

describe('settings of all hosts', () => {
  /** All of the ring answers in the same way. */
  function answer(how: (id: string) => void, ring: readonly string[]): void {
    for (const id of ring) how(id);
  }

  it('are tried by a twentieth of the hosts, then offered to the others in portions', () => {
    enrol(120);
    wish.wantOfAll(SLOW);
    const ring = round();
    expect(ring).toHaveLength(6);
    answer(apply, ring.slice(1));
    expect(round()).toEqual([]);
    answer(apply, ring.slice(0, 1));
    const rest: string[] = [];
    for (let i = 0; i < 4; i++) {
      const portion = round();
      expect(portion.length).toBeLessThanOrEqual(CONFIG_LIMITS.hostsPerRound);
      rest.push(...portion);
    }
    expect(new Set([...ring, ...rest]).size).toBe(120);
    expect(rest).toHaveLength(114);
    expect(wish.fleet()).toMatchObject({ stage: 'done', released: SLOW, ring: [] });
    // Who logs in later gets them too.
    agents.set(idOf(3), 0);
    configs.joined(idOf(3), 0);
    expect(round()).toEqual([idOf(3)]);
  });

  it('go no further when more than 2 % of the first refuse, who then get those before', () => {
    enrol(60);
    wish.wantOfAll(LOUD);
    const first = round();
    answer(apply, first);
    for (let i = 0; i < 4; i++) answer(apply, round());
    wish.wantOfAll(SLOW);
    const ring = round();
    expect(ring).toHaveLength(3);
    const [refusing = '', ...others] = ring;
    answer(apply, others);
    reject(refusing);
    const back = round();
    expect(new Set(back)).toEqual(new Set(ring));
    expect(newest(others[0] ?? '')?.settings).toEqual(LOUD);
    expect(wish.fleet()).toMatchObject({ stage: 'stopped', released: LOUD, wanted: SLOW });
    answer(apply, back);
    for (let i = 0; i < 4; i++) expect(round()).toEqual([]);
    // Somebody sets them again: another attempt.
    wish.wantOfAll(SLOW);
    expect(round()).toHaveLength(3);
  });

  it('bear one refusal in a large ring', () => {
    enrol(1_000);
    wish.wantOfAll(SLOW);
    const ring = round();
    expect(ring).toHaveLength(50);
    reject(ring[0] ?? '');
    answer(apply, ring.slice(1));
    // The first portions have those among them who know already.
    const rest = Array.from({ length: 20 }, () => round()).flat();
    expect(new Set(rest).size).toBe(950);
    expect(wish.fleet().stage).toBe('done');
  });

  it('wait for a host that takes settings, and give up one that does not answer', async () => {
    enrol(3);
    for (const id of agents.keys()) agents.set(id, undefined);
    wish.wantOfAll(SLOW);
    expect(round()).toEqual([]);
    agents.set(idOf(2), 0);
    expect(round()).toEqual([idOf(2)]);
    agents.set(idOf(3), 0);
    expect(round()).toEqual([]);
    await clock.advance(CONFIG_LIMITS.ringAnswerMs + 1);
    expect(round()).toContain(idOf(3));
    apply(idOf(3));
    round();
    expect(wish.fleet().stage).toBe('done');
  });

  describe('do not wait for ever for a host of the ring', () => {
    /** Three hosts, of which the first is alone in the ring; `when` comes before the settings or after the ring was filled. */
    async function rollOut(when: { before?: () => void; after?: () => void }): Promise<void> {
      enrol(3);
      when.before?.();
      wish.wantOfAll(SLOW);
      round();
      when.after?.();
      round();
      await clock.advance(CONFIG_LIMITS.ringAnswerMs + 1);
      // Those that can be offered something take it, each time.
      for (let i = 0; i < 5; i++) for (const id of round()) apply(id);
    }

    it('that has the highest version in force', async () => {
      await rollOut({ before: () => void agents.set(idOf(1), CONFIG_VERSION_MAX) });
      expect(wish.fleet().stage).toBe('done');
      expect(newest(idOf(1))).toBeUndefined();
    });

    it('that is deleted', async () => {
      const remove = (): void => {
        agents.delete(idOf(1));
        state.connection.prepare('DELETE FROM hosts WHERE id = ?').run(idOf(1));
      };
      await rollOut({ after: remove });
      expect(wish.fleet()).toMatchObject({ stage: 'done', released: SLOW });
    });

    it('that is deleted, for which another one steps in at once', () => {
      enrol(3);
      wish.wantOfAll(SLOW);
      expect(round()).toEqual([idOf(1)]);
      agents.delete(idOf(1));
      state.connection.prepare('DELETE FROM hosts WHERE id = ?').run(idOf(1));
      expect(round()).toEqual([idOf(2)]);
    });

    it('that goes away before its turn, and may come back', async () => {
      enrol(1_200);
      for (let i = 60; i <= 1_200; i++) agents.set(idOf(i), undefined);
      wish.wantOfAll(SLOW);
      // The ring is larger than a round.
      const first = round();
      expect(first).toHaveLength(CONFIG_LIMITS.hostsPerRound);
      for (const id of first) apply(id);
      const away = [...agents].flatMap(([id, version]) => (version === 0 ? [id] : []));
      for (const id of away) agents.delete(id);
      expect(round()).toEqual([]);
      const ring = wish.fleet().ring.length;
      await clock.advance(CONFIG_LIMITS.ringAnswerMs + 1);
      round();
      expect(wish.fleet().ring.length).toBeLessThan(ring);
      for (const id of away) {
        agents.set(id, 0);
        configs.joined(id, 0);
      }
      for (let i = 0; i < 3; i++) for (const id of round()) apply(id);
      expect(wish.fleet().stage).toBe('done');
    });

    it('that is away and of which something else is wanted now', async () => {
      const change = (): void => {
        agents.delete(idOf(1));
        wish.wantOf(idOf(1), LOUD);
      };
      await rollOut({ after: change });
      expect(wish.fleet()).toMatchObject({ stage: 'done', released: SLOW });
    });

    it('that cannot be told, and does not ask it again before it has logged in anew', async () => {
      enrol(1);
      wish.wantOfAll(SLOW);
      round();
      agents.set(idOf(1), CONFIG_VERSION_MAX);
      wish.wantOf(idOf(1), LOUD);
      round();
      await clock.advance(CONFIG_LIMITS.ringAnswerMs + 1);
      round();
      expect(wish.fleet().ring).toEqual([]);
      agents.set(idOf(1), 0);
      round();
      expect(wish.fleet().ring).toEqual([]);
      configs.joined(idOf(1), 0);
      // What it was offered while it tried with the others is taken back first.
      round();
      round();
      expect(wish.fleet().ring).toEqual([idOf(1)]);
    });
  });

  it('go on where they were in a new process', () => {
    enrol(40);
    wish.wantOfAll(SLOW);
    const ring = round();
    expect(ring).toHaveLength(2);
    round();
    apply(ring[0] ?? '');
    round();
    configs = start();
    expect(round()).toEqual([]);
    apply(ring[1] ?? '');
    expect(round()).toHaveLength(38);
  });

  it('are replaced by newer ones while they are tried', () => {
    enrol(40);
    wish.wantOfAll(SLOW);
    const ring = round();
    answer(apply, ring);
    wish.wantOfAll(LOUD);
    expect(round()).toEqual(ring);
    expect(newest(ring[0] ?? '')?.settings).toEqual(LOUD);
    expect(wish.fleet()).toMatchObject({ stage: 'ring', released: {}, wanted: LOUD });
    wish.wantOfAll({});
    expect(new Set(round())).toEqual(new Set(ring));
    expect(newest(ring[0] ?? '')?.settings).toEqual({});
    expect(wish.fleet().stage).toBe('done');
  });
});

it('goes on once the database can be written again', () => {
  enrol(1);
  wish.wantOf(idOf(1), SLOW);
  state.connection.exec('PRAGMA query_only = 1');
  expect(round()).toEqual([]);
  state.connection.exec('PRAGMA query_only = 0');
  expect(round()).toEqual([idOf(1)]);
});
