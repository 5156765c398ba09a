/** Samples that are older than samples are kept, as an import brings them: their rollups are made, whatever is there already. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { Labels } from '../../labels.ts';
import { createMatcher } from '../../matcher.ts';
import { isDeath, Mortal } from '../testing/mortal.ts';
import { openTestStorage, type TestStorage } from '../testing/test-storage.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BASE_MS = Date.UTC(2026, 5, 1);
/** Months later: samples are kept for 30 days. */
const NOW_MS = BASE_MS + 90 * DAY_MS;
/** Few, because each takes a file of its own. */
const WINDOW_MS = 12 * HOUR_MS;
const DAYS = [0, 1, 2, 3, 4];

const open = (dir: string): TestStorage => openTestStorage({ dir, wallMs: NOW_MS });

/** Each three hours a sample, of a gauge and a counter. */
async function bring({ storage }: TestStorage, who: string, days: readonly number[]): Promise<void> {
  const samples = days.flatMap((day) =>
    [0, 3, 6, 9, 12, 15, 18, 21].map((hour) => ({
      timeMs: BASE_MS + day * DAY_MS + hour * HOUR_MS,
      value: day * 24 + hour,
    })),
  );
  await storage.append(
    ['level', 'work_total'].map((name) => ({ labels: Labels.of({ __name__: name, who }), samples })),
  );
}

/** How many samples each day of a series has left, in rollups of five minutes, and whether their values are right. */
async function found({ storage }: TestStorage, name: string, who: string): Promise<readonly number[]> {
  const matchers = [createMatcher('__name__', '=', name), createMatcher('who', '=', who)];
  const request = { matchers, fromMs: 0, toMs: NOW_MS, samplesMax: 1e6 };
  const [series] = await storage.select(request, new AbortController().signal);
  const counts = DAYS.map(() => 0);
  for (const [at, timeMs] of (series?.timestamps ?? []).entries()) {
    const hours = (timeMs - BASE_MS - 299_999) / HOUR_MS;
    expect(series?.values[at]).toBe(hours);
    counts[Math.floor(hours / 24)] = (counts[Math.floor(hours / 24)] ?? 0) + 1;
  }
  return counts;
}

/** A round that seals and merges, and one that finds nothing to merge but what is too old. */
async function settle(store: TestStorage): Promise<void> {
  for (let round = 0; round < 2; round++) await store.seal(WINDOW_MS, NOW_MS);
}

const all = DAYS.map(() => 8);

test('rollups of all days of a month are made before the month is', async () => {
  using dir = tempDir();
  const store = open(dir.path);
  await bring(store, 'a', DAYS);
  await settle(store);
  for (const name of ['level', 'work_total']) expect(await found(store, name, 'a')).toEqual(all);
  const snapshot = store.reader.snapshot();
  expect(snapshot.blocks().map(({ resolution }) => resolution)).toEqual(['5m', '1h']);
  snapshot.close();
  await store.close();
});

test('history that is brought to a month that has some stays, and so does what was there', async () => {
  using dir = tempDir();
  const store = open(dir.path);
  await bring(store, 'a', [0, 1]);
  await settle(store);
  await bring(store, 'b', DAYS);
  // The same series again, later than what is stored of it.
  await bring(store, 'a', [2, 3, 4]);
  await settle(store);
  for (const who of ['a', 'b'])
    for (const name of ['level', 'work_total']) expect(await found(store, name, who)).toEqual(all);
  await bring(store, 'c', [4]);
  await settle(store);
  expect(await found(store, 'level', 'c')).toEqual([0, 0, 0, 0, 8]);
  expect(await found(store, 'work_total', 'a')).toEqual(all);
  await store.close();
});

test('the increase of a counter goes through the seams of days', async () => {
  using dir = tempDir();
  const store = open(dir.path);
  await bring(store, 'b', DAYS);
  await settle(store);
  await bring(store, 'a', DAYS);
  await settle(store);
  const hints = { func: 'increase', rangeMs: 5 * DAY_MS, stepMs: DAY_MS };
  for (const who of ['a', 'b']) {
    const matchers = [createMatcher('__name__', '=', 'work_total'), createMatcher('who', '=', who)];
    const range = { fromMs: BASE_MS, toMs: BASE_MS + 5 * DAY_MS };
    const [series] = await store.storage.select(
      { matchers, ...range, samplesMax: 1e6, hints },
      new AbortController().signal,
    );
    const values = [...(series?.values ?? [])];
    expect((values.at(-1) ?? 0) - (values[0] ?? 0)).toBe(4 * 24 + 21);
    expect(values.length).toBeGreaterThan(1);
  }
  await store.close();
});

test('nothing of it is lost wherever sealing and merging die', async () => {
  using dir = tempDir();
  const before = join(dir.path, 'before');
  mkdirSync(before);
  const first = open(before);
  await bring(first, 'a', [0]);
  await settle(first);
  await bring(first, 'b', [0, 1]);
  await first.close();
  for (let lifetime = 0, isDone = false; !isDone; lifetime += 9) {
    const path = join(dir.path, `${lifetime}`);
    cpSync(before, path, { recursive: true });
    const store = open(path);
    const outcome = await store.sealMortally(new Mortal(lifetime), WINDOW_MS, NOW_MS).then(
      () => undefined,
      (error: unknown) => error,
    );
    isDone = outcome === undefined;
    expect(isDone || isDeath(outcome)).toBe(true);
    await settle(store);
    expect(await found(store, 'level', 'a')).toEqual([8, 0, 0, 0, 0]);
    expect(await found(store, 'level', 'b')).toEqual([8, 8, 0, 0, 0]);
    await store.close();
  }
}, 60_000);
