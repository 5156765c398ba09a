/** Death at every step of sealing, merging and letting go: what was acknowledged is there once, and nothing lies around. */
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../../journal/testing/test-journal.ts';
import { Labels } from '../../labels.ts';
import { createMatcher } from '../../matcher.ts';
import { COLLECTOR_AGENT_ID, type SealableJournal } from '../../../journal/journal.ts';
import { openBlock } from '../format/testing/memory-file.ts';
import { isDeath, Mortal } from '../testing/mortal.ts';
import { openTestStorage, type TestStorage } from '../testing/test-storage.ts';
import type { KeeperSettings } from './keeper.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const BASE_MS = Date.UTC(2026, 5, 1);
const HOST = 'a'.repeat(32);
const OTHER_HOST = 'b'.repeat(32);
const calm = new AbortController().signal;

function open(path: string, { keeper = {}, unknown }: Pick<Life, 'keeper' | 'unknown'> = {}): TestStorage {
  const identityOf = (agentId: string) =>
    unknown?.has(agentId) === true ? undefined : ([['instance', agentId.slice(0, 1)]] as const);
  return openTestStorage({
    dir: path,
    wallMs: BASE_MS + DAY_MS,
    identityOf,
    keeper,
    limits: { windowMs: 0 },
  });
}

/** Two hours of two schemas of each agent, one record of them late, and series of the collector's own. */
async function write({ journal, storage }: TestStorage, hosts = [HOST]): Promise<void> {
  for (const host of hosts) await writeHost(journal, host);
  const samples = [0, 45, 90].map((minute) => ({ timeMs: BASE_MS + minute * 60_000, value: minute }));
  await storage.append([{ labels: Labels.of({ __name__: 'up' }), samples }]);
}

async function writeHost(journal: SealableJournal, host: string): Promise<void> {
  const { session } = await openHeardSession(journal, host, ['e'.repeat(16)]);
  const lane = new LaneWriter();
  const schemas = [gaugeSchema('disk', { free: ['a', 'b'] }), gaugeSchema('cpu', { load: [] })] as const;
  for (const [at, schema] of schemas.entries())
    session.apply(lane.epochId, lane.schema(at + 1, schema, BASE_MS));
  for (const minute of [0, 10, 20, 40, 50, 60, 70, 110, 30]) {
    const blocks = [valuesBlock(1, schemas[0], [minute, 1]), valuesBlock(2, schemas[1], [0.5])];
    session.apply(lane.epochId, lane.tick(BASE_MS + minute * 60_000, blocks));
  }
  await openHeardSession(journal, host, ['e'.repeat(16)]);
}

async function everything({ storage }: TestStorage): Promise<[string, number[], number[]][]> {
  const matchers = [createMatcher('__name__', '=~', '.+')];
  const all = await storage.select({ matchers, fromMs: 0, toMs: 2 * BASE_MS, samplesMax: 1e6 }, calm);
  return all.map(({ labels, timestamps, values }) => [labels.toString(), [...timestamps], [...values]]);
}

interface Life {
  readonly hosts?: string[];
  readonly keeper?: Partial<KeeperSettings>;
  /** Hosts that the fleet does not know any more. */
  readonly unknown?: Set<string>;
  /** What the process does; it is done again by the next one. */
  readonly act: (store: TestStorage, mortal: Mortal) => Promise<void>;
  /** @param isDone whether a process has done everything */
  readonly check: (store: TestStorage, isDone: boolean) => Promise<void>;
}

/** Lets a process die after each number of steps, and looks what the next one finds. Returns the steps of a whole life. */
async function dieEverywhere({ hosts, act, check, ...options }: Life): Promise<readonly string[]> {
  for (let lifetime = 0; ; lifetime++) {
    using dir = tempDir();
    options.unknown?.clear();
    const first = open(dir.path, options);
    await write(first, hosts);
    const mortal = new Mortal(lifetime);
    const outcome = await act(first, mortal).then(
      () => 'done',
      (error: unknown) => (isDeath(error) ? 'dead' : error),
    );
    expect(['done', 'dead']).toContain(outcome);
    // Those who read go on in the meantime.
    await check(first, outcome === 'done');
    await first.close();
    const second = open(dir.path, options);
    await check(second, outcome === 'done');
    await act(second, new Mortal(Number.POSITIVE_INFINITY));
    await check(second, true);
    const snapshot = second.reader.snapshot();
    const files = snapshot.blocks().map(({ file }) => file);
    snapshot.close();
    await second.close();
    // The sweep of a third process takes what the second one let go.
    const third = open(dir.path, { ...options, keeper: {} });
    await third.seal(HOUR_MS);
    await check(third, true);
    await third.close();
    expect(nodeDisk.list(join(dir.path, 'blocks'))).toEqual(files.toSorted());
    if (outcome === 'done') return mortal.steps;
  }
}

async function wanted(): ReturnType<typeof everything> {
  using dir = tempDir();
  const store = open(dir.path);
  await write(store);
  const all = await everything(store);
  await store.close();
  return all;
}

test('sealing loses nothing and doubles nothing, wherever it dies', async () => {
  const all = await wanted();
  const steps = await dieEverywhere({
    act: (store, mortal) => store.sealMortally(mortal, 2 * HOUR_MS, BASE_MS),
    check: async (store) => expect(await everything(store)).toEqual(all),
  });
  // A file is durable, and durable under its name, before the catalogue speaks of it; the records go last.
  const ofWindow = ['open', 'write', 'sync', 'rename', 'sync folder', 'change', 'changed', 'delete'];
  const note = ['note', 'noted'];
  // The second look finds nothing to seal, and its name is forgotten.
  expect(steps).toEqual(['delete', ...note, ...ofWindow, ...note, ...note]);
}, 60_000);

test('merging loses nothing and doubles nothing, wherever it dies', async () => {
  const all = await wanted();
  const steps = await dieEverywhere({
    async act(store, mortal) {
      await store.seal(HOUR_MS, BASE_MS);
      await store.sealMortally(mortal, HOUR_MS, BASE_MS + 2 * DAY_MS);
    },
    check: async (store) => expect(await everything(store)).toEqual(all),
  });
  expect(steps.filter((step) => step === 'rename')).toHaveLength(3);
  expect(steps.lastIndexOf('sync folder')).toBeLessThan(steps.indexOf('change'));
}, 60_000);

const forever = { raw: 365 * DAY_MS, '5m': 365 * DAY_MS, '1h': 365 * DAY_MS };

/** By which an hour may go; each time the second one is not old enough. */
const LETTING_GO: readonly (readonly [why: string, keeper: Partial<KeeperSettings>, nowMs: number])[] = [
  [
    'too old',
    { retention: { ageMs: { ...forever, raw: 20 * HOUR_MS }, bytesMax: undefined } },
    BASE_MS + 20 * HOUR_MS + 80 * 60_000,
  ],
  // Of too much only what is older than a day goes.
  ['too much', { retention: { ageMs: forever, bytesMax: 1 } }, BASE_MS + DAY_MS + 90 * 60_000],
  [
    'in the way of the reserve',
    { retention: { ageMs: forever, bytesMax: undefined }, reserveBytes: Number.MAX_SAFE_INTEGER },
    BASE_MS + DAY_MS + 90 * 60_000,
  ],
];

test.each(LETTING_GO)(
  'an hour that is %s goes as a whole or not at all, wherever letting it go dies',
  async (_why, keeper, nowMs) => {
    const all = await wanted();
    const hourEndMs = BASE_MS + HOUR_MS;
    const kept = all.map(([labels, times, values]) => {
      const from = times.findIndex((timeMs) => timeMs >= hourEndMs);
      return [labels, times.slice(from), values.slice(from)];
    });
    expect(kept).not.toEqual(all);
    const steps = await dieEverywhere({
      keeper,
      async act(store, mortal) {
        await store.seal(HOUR_MS, BASE_MS);
        // The file goes with the second look that finds it without a name.
        await store.sealMortally(mortal, HOUR_MS, nowMs);
        await store.sealMortally(mortal, HOUR_MS, nowMs);
      },
      async check(store, isDone) {
        const found = await everything(store);
        expect(isDone ? [kept] : [all, kept]).toContainEqual(found);
      },
    });
    expect(steps.slice(0, 2)).toEqual(['change', 'changed']);
    expect(steps.filter((step) => step === 'remove')).toHaveLength(1);
    expect(steps.indexOf('remove')).toBeGreaterThan(steps.indexOf('changed'));
  },
  60_000,
);

test('a host that was deleted is gone at once, and nothing of the others, wherever its deletion dies', async () => {
  const all = await wanted();
  const others = all.map(([labels, ...rest]) => [labels.replace('instance="a"', 'instance="b"'), ...rest]);
  const nowMs = BASE_MS + DAY_MS + 1.5 * HOUR_MS;
  const unknown = new Set<string>();
  const steps = await dieEverywhere({
    hosts: [HOST, OTHER_HOST],
    unknown,
    async act(store, mortal) {
      await store.seal(2 * HOUR_MS, BASE_MS);
      unknown.add(HOST);
      await store.journal.deleteAgent(HOST);
      await store.sealMortally(mortal, 2 * HOUR_MS, nowMs);
    },
    async check(store, isDone) {
      expect(await everything(store)).toEqual(others);
      if (isDone) expect(hostsIn(store)).toEqual([COLLECTOR_AGENT_ID, OTHER_HOST]);
    },
  });
  expect(steps.filter((step) => step === 'rename')).toHaveLength(1);
  expect(steps.indexOf('sync folder')).toBeLessThan(steps.indexOf('change'));
}, 60_000);

/** Agent ids in all blocks and lanes with records, in order. */
function hostsIn({ reader, blocksDir }: TestStorage): readonly string[] {
  const snapshot = reader.snapshot();
  const hosts = new Set([...snapshot.lanes()].map(({ agentId }) => agentId));
  for (const { file } of snapshot.blocks()) {
    const bytes = nodeDisk.readFile(join(blocksDir, file), 2 ** 20);
    const block = openBlock(bytes);
    for (const hostId of block.hostIds()) hosts.add(hostId);
  }
  snapshot.close();
  return [...hosts].sort();
}
