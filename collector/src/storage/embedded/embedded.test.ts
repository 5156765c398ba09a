import assert from 'node:assert/strict';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import type { FailedBlock, ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { JournalSession } from '../../journal/journal.ts';
import type { JournalSnapshot } from '../../journal/reader.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../journal/testing/lane-writer.ts';
import { openHeardSession, type HeardSession } from '../../journal/testing/test-journal.ts';
import { Labels } from '../labels.ts';
import { createMatcher } from '../matcher.ts';
import type { AppendSeries, SelectHints, Series } from '../storage.ts';
import type { Identity } from './reads/matching.ts';
import { openTestStorage, type TestStorage } from './testing/test-storage.ts';

const BASE_MS = Date.UTC(2026, 5, 1, 12);
const AGENT = 'a'.repeat(32);
const OTHER = 'b'.repeat(32);
const EPOCH = 'e'.repeat(16);
const LATER_EPOCH = 'f'.repeat(16);
const DISK = gaugeSchema('disk', { free: ['a', 'b'] });
const DISK_RENEWED = gaugeSchema('disk', { free: ['b', 'c'] });
const CPU = gaugeSchema('cpu', { load: [] });
const calm = new AbortController().signal;

const identities = new Map<string, Identity>([
  [
    AGENT,
    [
      ['instance', 'alpha'],
      ['job', 'node'],
    ],
  ],
  [
    OTHER,
    [
      ['instance', 'beta'],
      ['job', 'node'],
      ['site', ''],
    ],
  ],
]);

let dir: ReturnType<typeof tempDir>;
let open: TestStorage | undefined;

beforeEach(() => {
  dir = tempDir();
});
afterEach(async () => {
  await open?.close();
  open = undefined;
  dir[Symbol.dispose]();
});

function start(options: Partial<Parameters<typeof openTestStorage>[0]> = {}): TestStorage {
  open = openTestStorage({
    dir: dir.path,
    wallMs: BASE_MS,
    identityOf: (agentId) => identities.get(agentId),
    ...options,
  });
  return open;
}

async function restart(options: Partial<Parameters<typeof openTestStorage>[0]> = {}): Promise<TestStorage> {
  await open?.close();
  return start(options);
}

/** An agent that writes to the store under test. */
class Agent {
  readonly #session: JournalSession;
  readonly #heard: readonly string[];
  readonly #lane: LaneWriter;

  constructor({ session, heard }: HeardSession, epochId: string) {
    this.#session = session;
    this.#heard = heard;
    this.#lane = new LaneWriter(epochId);
    this.#lane.next = (session.marks.find(({ id }) => id === epochId)?.watermark ?? 0) + 1;
  }

  static async connect(test: TestStorage, agentId = AGENT, epochId = EPOCH): Promise<Agent> {
    const heard = await openHeardSession(test.journal, agentId, [EPOCH, LATER_EPOCH]);
    const agent = new Agent(heard, epochId);
    for (const [at, schema] of [DISK, DISK_RENEWED, CPU].entries()) {
      heard.session.apply(epochId, agent.#lane.schema(at + 1, schema, BASE_MS));
    }
    return agent;
  }

  /** Writes a tick `atMs` after the base. */
  tick(atMs: number, ...blocks: (ValuesBlock | FailedBlock)[]): void {
    const outcome = this.#session.apply(this.#lane.epochId, this.#lane.tick(BASE_MS + atMs, blocks));
    assert.equal(outcome.kind, 'accepted');
  }

  async committed(): Promise<void> {
    const wanted = `${this.#lane.epochId}:${this.#lane.next - 1}`;
    await vi.waitFor(() => assert.equal(this.#heard.at(-1), wanted), { interval: 1 });
    this.#session.close();
  }
}

const disk = (a: number | undefined, b: number | undefined, offsetMs = 0) =>
  valuesBlock(1, DISK, [a, b], offsetMs);
const renewed = (b: number | undefined, c: number | undefined) => valuesBlock(2, DISK_RENEWED, [b, c]);
const cpu = (load: number) => valuesBlock(3, CPU, [load]);
const failed: FailedBlock = { kind: 'failed', schemaNumber: 1, offsetMs: 0, code: 2 };

async function select(
  test: TestStorage,
  labels: Readonly<Record<string, string>>,
  request: { readonly fromMs?: number; readonly toMs?: number; readonly hints?: SelectHints } = {},
): Promise<Record<string, string>> {
  const found = await test.storage.select(
    {
      matchers: Object.entries(labels).map(([name, value]) => createMatcher(name, '=', value)),
      fromMs: BASE_MS + (request.fromMs ?? 0),
      toMs: BASE_MS + (request.toMs ?? 1_000_000),
      samplesMax: 1_000_000,
      ...(request.hints === undefined ? {} : { hints: request.hints }),
    },
    calm,
  );
  return Object.fromEntries(found.map((series) => [series.labels.toString(), textOf(series)]));
}

/** `10=1 20=stale`: offsets from the base in seconds and values. */
function textOf({ timestamps, values, stale }: Series): string {
  const parts = Array.from(timestamps, (timeMs, at) => {
    const value = stale?.[at] === 1 ? 'stale' : String(values[at]);
    return `${(timeMs - BASE_MS) / 1_000}=${value}`;
  });
  return parts.join(' ');
}

const FREE_A = 'free{instance="alpha", job="node", series="a"}';
const FREE_B = 'free{instance="alpha", job="node", series="b"}';
const FREE_C = 'free{instance="alpha", job="node", series="c"}';

describe('what agents sent', () => {
  test('is read under the labels of the host, and only while the host is known', async () => {
    const test = start();
    const alpha = await Agent.connect(test);
    alpha.tick(10_000, disk(1, 2), cpu(0.5));
    await alpha.committed();
    const beta = await Agent.connect(test, OTHER);
    beta.tick(10_000, cpu(0.7));
    await beta.committed();
    const unknown = await Agent.connect(test, 'c'.repeat(32));
    unknown.tick(10_000, cpu(9));
    await unknown.committed();
    expect(await select(test, { __name__: 'load' })).toEqual({
      'load{instance="alpha", job="node"}': '10=0.5',
      'load{instance="beta", job="node"}': '10=0.7',
    });
    expect(await select(test, { instance: 'alpha', series: 'b' })).toEqual({ [FREE_B]: '10=2' });
    expect(await select(test, { instance: 'nobody' })).toEqual({});
    const every = { matcherSets: [], fromMs: BASE_MS, toMs: BASE_MS + 20_000, limit: 0 };
    expect(await test.storage.labelValues('instance', every, calm)).toEqual(['alpha', 'beta']);
    expect(await test.storage.labelNames(every, calm)).toEqual(['__name__', 'instance', 'job', 'series']);
    expect(await test.storage.stats()).toMatchObject({ seriesCount: 5, sampleCount: 5 });
  });

  test("is read from the journal where the window keeps the collector's own series only", async () => {
    const test = start({ windowHosts: 'own' });
    const alpha = await Agent.connect(test);
    alpha.tick(10_000, disk(1, 2));
    alpha.tick(20_000, disk(3, 4));
    await alpha.committed();
    const up = { labels: Labels.of({ __name__: 'up' }), samples: [{ timeMs: BASE_MS, value: 1 }] };
    await test.storage.append([up]);
    expect(await select(test, { __name__: 'free' })).toEqual({
      [FREE_A]: '10=1 20=3',
      [FREE_B]: '10=2 20=4',
    });
    expect(await select(test, { __name__: 'up' })).toEqual({ up: '0=1' });
  });

  test("a host's own labels win over labels of the same name", async () => {
    const test = start({ identityOf: () => [['series', 'forced']] });
    const agent = await Agent.connect(test);
    agent.tick(10_000, disk(1, undefined));
    await agent.committed();
    expect(await select(test, { series: 'a' })).toEqual({});
    expect(await select(test, { series: 'forced' })).toEqual({ 'free{series="forced"}': '10=1' });
  });

  test('a reading has its own time, which decides about the range', async () => {
    const test = start();
    const agent = await Agent.connect(test);
    agent.tick(10_000, disk(1, 2, 4_000), cpu(5));
    agent.tick(20_000, disk(3, 4, -4_000));
    await agent.committed();
    const wanted = { series: 'a' };
    const cases = [
      [0, 30_000, '14=1 16=3'],
      [14_000, 14_000, '14=1'],
      [15_000, 16_000, '16=3'],
      [10_000, 10_000, undefined],
      [20_000, 30_000, undefined],
    ] as const;
    for (const source of ['window', 'journal']) {
      const from = source === 'window' ? test : await restart({ limits: { windowMs: 0 } });
      for (const [fromMs, toMs, text] of cases) {
        expect((await select(from, wanted, { fromMs, toMs }))[FREE_A]).toBe(text);
      }
    }
  });

  test('survives a restart', async () => {
    const agent = await Agent.connect(start());
    agent.tick(10_000, disk(1, 2));
    await agent.committed();
    const again = await restart();
    expect(await select(again, { series: 'a' })).toEqual({ [FREE_A]: '10=1' });
    const next = await Agent.connect(again);
    next.tick(20_000, disk(3, 4));
    await next.committed();
    expect(await select(again, { series: 'a' })).toEqual({ [FREE_A]: '10=1 20=3' });
  });
});

describe('the end of a series', () => {
  /** The same ticks, read from the window and from the journal. */
  async function both(write: (agent: Agent) => void, labels: Readonly<Record<string, string>>) {
    const test = start();
    const agent = await Agent.connect(test);
    write(agent);
    await agent.committed();
    const fromWindow = await select(test, labels);
    const fromJournal = await select(await restart({ limits: { windowMs: 0 } }), labels);
    expect(fromJournal).toEqual(fromWindow);
    return fromWindow;
  }

  test('is where it is absent in a block of its sampler that succeeded', async () => {
    const found = await both(
      (agent) => {
        agent.tick(10_000, disk(1, 2));
        agent.tick(20_000, disk(undefined, 2));
        agent.tick(30_000, disk(undefined, 2));
        agent.tick(40_000, disk(5, 2));
      },
      { series: 'a' },
    );
    expect(found).toEqual({ [FREE_A]: '10=1 20=stale 40=5' });
  });

  test('is where the renewed schema of its sampler does not have it', async () => {
    const found = await both(
      (agent) => {
        agent.tick(10_000, disk(1, 2));
        agent.tick(20_000, renewed(3, 4));
        agent.tick(30_000, disk(5, 6));
      },
      { __name__: 'free' },
    );
    expect(found).toEqual({
      [FREE_A]: '10=1 20=stale 30=5',
      [FREE_B]: '10=2 20=3 30=6',
      [FREE_C]: '20=4 30=stale',
    });
  });

  test('is seen also when only the series that ended is asked for', async () => {
    const write = (agent: Agent): void => {
      agent.tick(10_000, disk(1, 2));
      agent.tick(20_000, renewed(3, 4));
    };
    expect(await both(write, { series: 'a' })).toEqual({ [FREE_A]: '10=1 20=stale' });
  });

  test('does not follow from a sampler that failed or was not due', async () => {
    const found = await both(
      (agent) => {
        agent.tick(10_000, disk(1, 2));
        agent.tick(20_000, failed, cpu(1));
        agent.tick(30_000, cpu(1));
        agent.tick(40_000, disk(3, 4));
      },
      { series: 'a' },
    );
    expect(found).toEqual({ [FREE_A]: '10=1 40=3' });
  });

  test('is seen across a reboot of the host', async () => {
    const test = start();
    const before = await Agent.connect(test);
    before.tick(10_000, disk(1, 2));
    await before.committed();
    const after = await Agent.connect(test, AGENT, LATER_EPOCH);
    after.tick(60_000, renewed(3, 4));
    await after.committed();
    expect(await select(test, { series: 'a' })).toEqual({ [FREE_A]: '10=1 60=stale' });
  });
});

test('samples of epochs that overlap count once', async () => {
  const test = start();
  const first = await Agent.connect(test);
  for (const at of [10_000, 20_000, 30_000]) first.tick(at, disk(at, 2));
  await first.committed();
  const copy = await Agent.connect(test, AGENT, LATER_EPOCH);
  for (const at of [20_000, 30_000, 40_000]) copy.tick(at, disk(at, 2));
  await copy.committed();
  const wanted = { [FREE_A]: '10=10000 20=20000 30=30000 40=40000' };
  expect(await select(test, { series: 'a' })).toEqual(wanted);
  expect(await select(await restart({ limits: { windowMs: 0 } }), { series: 'a' })).toEqual(wanted);
});

describe('an instant query', () => {
  test('gets the newest sample of each series that has not ended', async () => {
    const test = start();
    const agent = await Agent.connect(test);
    agent.tick(10_000, disk(1, 2), cpu(1));
    agent.tick(20_000, renewed(3, undefined), cpu(2));
    agent.tick(30_000, cpu(3));
    await agent.committed();
    const instant = (toMs: number) => select(test, { job: 'node' }, { fromMs: 1, toMs, hints: {} });
    const LOAD = 'load{instance="alpha", job="node"}';
    expect(await instant(30_000)).toEqual({ [FREE_B]: '20=3', [LOAD]: '30=3' });
    expect(await instant(29_999)).toEqual({ [FREE_B]: '20=3', [LOAD]: '20=2' });
    expect(await instant(15_000)).toEqual({ [FREE_A]: '10=1', [FREE_B]: '10=2', [LOAD]: '10=1' });
    expect(await instant(9_999)).toEqual({});
  });

  test("counts one sample of each of the collector's own series", async () => {
    const test = start();
    const samples = Array.from({ length: 50 }, (_, at) => ({ timeMs: BASE_MS + at * 1_000, value: at }));
    await test.storage.append(
      ['a', 'b'].map((x) => ({ labels: Labels.of({ __name__: 'made', x }), samples })),
    );
    const question = {
      matchers: [createMatcher('__name__', '=', 'made')],
      fromMs: BASE_MS,
      toMs: BASE_MS + 49_000,
    };
    // The first read after the start brings them into the window.
    await test.storage.select({ ...question, samplesMax: 1_000 }, calm);
    const found = await test.storage.select({ ...question, samplesMax: 2, hints: {} }, calm);
    expect(found.map(textOf)).toEqual(['49=49', '49=49']);
    const refused = expect.objectContaining({ code: 'QUERY_LIMIT' });
    await expect(test.storage.select({ ...question, samplesMax: 1, hints: {} }, calm)).rejects.toEqual(
      refused,
    );
    await expect(test.storage.select({ ...question, samplesMax: 99 }, calm)).rejects.toEqual(refused);
  });

  test('reads the journal once after a restart, and the window from then on', async () => {
    const agent = await Agent.connect(start());
    for (let at = -500_000; at <= 0; at += 10_000) agent.tick(at, cpu(at));
    await agent.committed();
    const test = await restart();
    const LOAD = 'load{instance="alpha", job="node"}';
    const ticks = { read: 0 };
    test.reader.snapshot = counting(test.reader.snapshot.bind(test.reader), ticks);
    const instant = () => select(test, { __name__: 'load' }, { fromMs: -299_999, toMs: 0, hints: {} });
    // Only the newest tick is read for an instant.
    expect(await instant()).toEqual({ [LOAD]: '0=0' });
    expect(ticks.read).toBe(1);
    const range = () => select(test, { __name__: 'load' }, { fromMs: -40_000, toMs: -30_000 });
    expect(await range()).toEqual({ [LOAD]: '-40=-40000 -30=-30000' });
    expect(ticks.read).toBeGreaterThan(1);
    const before = ticks.read;
    expect(await range()).toEqual({ [LOAD]: '-40=-40000 -30=-30000' });
    expect(await instant()).toEqual({ [LOAD]: '0=0' });
    expect(ticks.read).toBe(before);
  });
});

/** Snapshots that count the ticks read from them. */
function counting(open: () => JournalSnapshot, ticks: { read: number }): () => JournalSnapshot {
  return () => {
    const snapshot = open();
    const wrap = (read: JournalSnapshot['ticks']): JournalSnapshot['ticks'] =>
      function* (range) {
        for (const tick of read(range)) {
          ticks.read++;
          yield tick;
        }
      };
    snapshot.ticks = wrap(snapshot.ticks.bind(snapshot));
    snapshot.ticksBackwards = wrap(snapshot.ticksBackwards.bind(snapshot));
    return snapshot;
  };
}

describe('a long read', () => {
  test('gives way to the event loop and can be stopped there', async () => {
    const controller = new AbortController();
    let turns = 0;
    const test = start({
      limits: { turnMs: 0 },
      yieldToLoop: () => {
        turns++;
        if (turns === 5) controller.abort();
        return nextTurn();
      },
    });
    const agent = await Agent.connect(test);
    for (let at = 0; at < 300; at++) agent.tick(at * 1_000 - 86_400_000, cpu(at));
    await agent.committed();
    const matchers = [createMatcher('__name__', '=', 'load')];
    const range = { fromMs: BASE_MS - 2 * 86_400_000, toMs: BASE_MS };
    const reading = test.storage.select({ matchers, ...range, samplesMax: 1_000 }, controller.signal);
    await expect(reading).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
    expect(turns).toBe(5);
    // The connection that was in use is good for the next read.
    const again = await test.storage.select({ matchers, ...range, samplesMax: 1_000 }, calm);
    expect(again[0]?.timestamps).toHaveLength(300);
  });

  test('does not see what is committed while it runs', async () => {
    let meanwhile: (() => void) | undefined;
    const test = start({
      limits: { turnMs: 0 },
      yieldToLoop: async () => {
        meanwhile?.();
        for (let turn = 0; turn < 3; turn++) await nextTurn();
      },
    });
    const alpha = await Agent.connect(test);
    for (let at = 0; at < 100; at++) alpha.tick(at * 1_000, cpu(1));
    await alpha.committed();
    const { session, heard } = await openHeardSession(test.journal, OTHER, [EPOCH]);
    const lane = new LaneWriter(EPOCH);
    session.apply(EPOCH, lane.schema(3, CPU, BASE_MS));
    session.apply(EPOCH, lane.tick(BASE_MS, [cpu(1)]));
    await vi.waitFor(() => expect(heard).toHaveLength(1), { interval: 1 });
    let at = 0;
    meanwhile = () => {
      at++;
      session.apply(EPOCH, lane.tick(BASE_MS + at * 1_000, [cpu(2)]));
    };
    const found = await select(test, { __name__: 'load' });
    expect(at).toBeGreaterThan(0);
    expect(found['load{instance="beta", job="node"}']).toBe('0=1');
  });
});

describe('what the collector stores', () => {
  const own = (name: string, timeMs: number, value: number) => ({
    labels: Labels.of({ __name__: name, instance: 'alpha' }),
    samples: [{ timeMs: BASE_MS + timeMs, value }],
  });

  test('a large batch is stored in several turns and records, and read again', async () => {
    const test = start();
    const times = Array.from({ length: 10 }, (_unused, i) => BASE_MS + (i + 1) * 1_000);
    const batch = Array.from({ length: 600 }, (_unused, i) => ({
      labels: Labels.of({ __name__: 'm', instance: `i${i}` }),
      samples: times.map((timeMs) => ({ timeMs, value: i })),
    }));
    expect(await test.storage.append(batch)).toEqual({ accepted: 6_000, rejected: [] });
    expect(await select(test, { instance: 'i599' }, { fromMs: 9_000 })).toEqual({
      'm{instance="i599"}': '9=599 10=599',
    });
    expect(await test.storage.stats()).toMatchObject({ sampleCount: 6_000 });
  });

  test('after a restart older samples are out of order as before', async () => {
    await start().storage.append([own('up', 10_000, 1), own('other', 90_000, 1)]);
    const test = await restart();
    const result = await test.storage.append([
      own('up', 10_000, 1),
      own('up', 9_000, 1),
      own('up', 11_000, 0),
    ]);
    expect(result).toMatchObject({ accepted: 2, rejected: [{ reason: 'out_of_order' }] });
    expect((await test.storage.append([own('other', 90_000, 2)])).rejected).toMatchObject([
      { reason: 'duplicate_timestamp' },
    ]);
    expect(await select(test, { __name__: 'up' })).toEqual({ 'up{instance="alpha"}': '10=1 11=0' });
  });

  test('after a restart samples of a year ago are out of order in each of several series', async () => {
    const names = ['up', 'other', 'third'];
    await start().storage.append(names.map((name) => own(name, 10_000, 1)));
    const test = await restart();
    const result = await test.storage.append(names.map((name) => own(name, -365 * 86_400_000, 1)));
    expect(result.rejected.map(({ reason }) => reason)).toEqual(names.map(() => 'out_of_order'));
  });

  test('after a restart a series is told from others that share its labels, one by one', async () => {
    const series = (a: string, b: string, atMs: number): AppendSeries => ({
      labels: Labels.of({ __name__: 'm', a, b }),
      samples: [{ timeMs: BASE_MS + atMs, value: 1 }],
    });
    await start().storage.append([series('1', '1', 9_000), series('1', '', 9_000), series('2', '2', 9_000)]);
    const test = await restart();
    // Those with other combinations of the same values are new.
    const late = [['1', '2'] as const, ['1', '1'] as const, ['', '2'] as const, ['1', ''] as const];
    const { accepted, rejected } = await test.storage.append(late.map(([a, b]) => series(a, b, 5_000)));
    expect(accepted).toBe(2);
    expect(rejected.map(({ labels }) => labels.toString())).toEqual(['m{a="1", b="1"}', 'm{a="1"}']);
  });

  test('nothing of a batch is stored when the commit fails, and the next one is', async () => {
    const test = start();
    await test.storage.append([own('up', 0, 1)]);
    test.store.failNext('lost');
    await expect(test.storage.append([own('up', 1_000, 1), own('up', 2_000, 1)])).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      isRetryable: true,
    });
    await vi.waitFor(() => expect(test.journal.stats().isWritable).toBe(true), { interval: 1 });
    expect(await test.storage.append([own('up', 1_000, 1), own('up', 500, 1)])).toMatchObject({
      accepted: 1,
    });
    expect(await select(test, { __name__: 'up' })).toEqual({ 'up{instance="alpha"}': '0=1 1=1' });
  });

  test('a failed commit that arrived is not stored twice', async () => {
    const test = start();
    await test.storage.append([own('up', 0, 1)]);
    test.store.failNext('arrived');
    await expect(test.storage.append([own('up', 1_000, 1)])).rejects.toMatchObject({ isRetryable: true });
    await vi.waitFor(() => expect(test.journal.stats().isWritable).toBe(true), { interval: 1 });
    expect(await test.storage.append([own('up', 1_000, 1)])).toEqual({ accepted: 1, rejected: [] });
    expect(await select(test, { __name__: 'up' })).toEqual({ 'up{instance="alpha"}': '0=1 1=1' });
    expect(await test.storage.stats()).toMatchObject({ sampleCount: 2 });
  });

  test('a time that no record can carry is refused, and harms nothing', async () => {
    const test = start();
    for (const timeMs of [-BASE_MS - 1, 0.5, Number.NaN, 2 ** 48]) {
      await expect(test.storage.append([own('up', timeMs, 1)])).rejects.toMatchObject({
        code: 'BAD_REQUEST',
      });
    }
    expect((await test.storage.append([own('up', 1, 1)])).accepted).toBe(1);
  });
});

test('pruning removes old samples and the series that only they had', async () => {
  const test = start();
  const agent = await Agent.connect(test);
  agent.tick(-86_400_000, disk(1, 2));
  agent.tick(10_000, cpu(1));
  await agent.committed();
  expect((await test.storage.prune(BASE_MS - 3_600_000, calm)).rows).toBe(1);
  const all = { matcherSets: [], fromMs: 0, toMs: BASE_MS * 2, limit: 0 };
  expect(await test.storage.labelValues('__name__', all, calm)).toEqual(['load']);
  expect(await select(test, { job: 'node' }, { fromMs: -BASE_MS })).toEqual({
    'load{instance="alpha", job="node"}': '10=1',
  });
});
