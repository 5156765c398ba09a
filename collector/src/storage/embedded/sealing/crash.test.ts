/** Death at every step of sealing, merging and letting go: what was acknowledged is there once, and nothing lies around. */
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../../journal/testing/test-journal.ts';
import { Labels } from '../../labels.ts';
import { createMatcher } from '../../matcher.ts';
import { isDeath, Mortal } from '../testing/mortal.ts';
import { openTestStorage, type TestStorage } from '../testing/test-storage.ts';
import type { KeeperSettings } from './keeper.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const BASE_MS = Date.UTC(2026, 5, 1);
const HOST = 'a'.repeat(32);
const calm = new AbortController().signal;

function open(path: string, keeper: Partial<KeeperSettings> = {}): TestStorage {
  const identityOf = () => [['instance', 'a']] as const;
  return openTestStorage({
    dir: path,
    wallMs: BASE_MS + DAY_MS,
    identityOf,
    keeper,
    limits: { windowMs: 0 },
  });
}

/** Two hours of two schemas of an agent, one record of them late, and series of the collector's own. */
async function write({ journal, storage }: TestStorage): Promise<void> {
  const { session } = await openHeardSession(journal, HOST, ['e'.repeat(16)]);
  const lane = new LaneWriter();
  const schemas = [gaugeSchema('disk', { free: ['a', 'b'] }), gaugeSchema('cpu', { load: [] })] as const;
  for (const [at, schema] of schemas.entries())
    session.apply(lane.epochId, lane.schema(at + 1, schema, BASE_MS));
  for (const minute of [0, 10, 20, 40, 50, 60, 70, 110, 30]) {
    const blocks = [valuesBlock(1, schemas[0], [minute, 1]), valuesBlock(2, schemas[1], [0.5])];
    session.apply(lane.epochId, lane.tick(BASE_MS + minute * 60_000, blocks));
  }
  const samples = [0, 45, 90].map((minute) => ({ timeMs: BASE_MS + minute * 60_000, value: minute }));
  await storage.append([{ labels: Labels.of({ __name__: 'up' }), samples }]);
  await openHeardSession(journal, HOST, ['e'.repeat(16)]);
}

async function everything({ storage }: TestStorage): Promise<unknown[]> {
  const matchers = [createMatcher('__name__', '=~', '.+')];
  const all = await storage.select({ matchers, fromMs: 0, toMs: 2 * BASE_MS, samplesMax: 1e6 }, calm);
  return all.map(({ labels, timestamps, values }) => [labels.toString(), [...timestamps], [...values]]);
}

/** Lets a process die after each number of steps, and looks what the next one finds. Returns the steps of a whole life. */
async function dieEverywhere(
  act: (store: TestStorage, mortal: Mortal) => Promise<void>,
  check: (store: TestStorage) => Promise<void>,
): Promise<readonly string[]> {
  for (let lifetime = 0; ; lifetime++) {
    using dir = tempDir();
    const first = open(dir.path);
    await write(first);
    const mortal = new Mortal(lifetime);
    const outcome = await act(first, mortal).then(
      () => 'done',
      (error: unknown) => (isDeath(error) ? 'dead' : error),
    );
    expect(['done', 'dead']).toContain(outcome);
    // Those who read go on in the meantime.
    await check(first);
    await first.close();
    const second = open(dir.path);
    await check(second);
    await act(second, new Mortal(Number.POSITIVE_INFINITY));
    await check(second);
    const snapshot = second.reader.snapshot();
    const files = snapshot.blocks().map(({ file }) => file);
    snapshot.close();
    await second.close();
    // The sweep of a third process takes what the second one let go.
    const third = open(dir.path);
    await third.seal(HOUR_MS);
    await check(third);
    await third.close();
    expect(nodeDisk.list(join(dir.path, 'blocks'))).toEqual(files.toSorted());
    if (outcome === 'done') return mortal.steps;
  }
}

async function wanted(): Promise<unknown[]> {
  using dir = tempDir();
  const store = open(dir.path);
  await write(store);
  const all = await everything(store);
  await store.close();
  return all;
}

test('sealing loses nothing and doubles nothing, wherever it dies', async () => {
  const all = await wanted();
  const steps = await dieEverywhere(
    (store, mortal) => store.sealMortally(mortal, 2 * HOUR_MS, BASE_MS),
    async (store) => expect(await everything(store)).toEqual(all),
  );
  // A file is durable, and durable under its name, before the catalogue speaks of it; the records go last.
  const ofWindow = ['open', 'write', 'sync', 'rename', 'sync folder', 'change', 'changed', 'delete'];
  expect(steps).toEqual(['delete', ...ofWindow]);
}, 60_000);

test('merging loses nothing and doubles nothing, wherever it dies', async () => {
  const all = await wanted();
  const steps = await dieEverywhere(
    async (store, mortal) => {
      await store.seal(HOUR_MS, BASE_MS);
      await store.sealMortally(mortal, HOUR_MS, BASE_MS + 2 * DAY_MS);
    },
    async (store) => expect(await everything(store)).toEqual(all),
  );
  expect(steps.filter((step) => step === 'rename')).toHaveLength(3);
  expect(steps.lastIndexOf('sync folder')).toBeLessThan(steps.indexOf('change'));
}, 60_000);
