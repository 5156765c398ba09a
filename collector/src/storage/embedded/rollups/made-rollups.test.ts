/** Rollups that are made of the sealed hours of a day that is not over, next to the samples themselves. */
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { nodeDisk, type Disk } from '@rollcall/shared/lib/disk.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../../journal/testing/test-journal.ts';
import { createMatcher } from '../../matcher.ts';
import type { SelectHints } from '../../storage.ts';
import { openTestStorage, type TestStorage } from '../testing/test-storage.ts';
import { twoSchemas } from '../testing/two-schemas.ts';

const HOUR_MS = 3_600_000;
const SPAN_MS = 300_000;
const BASE_MS = Date.UTC(2026, 5, 1);
const INTERVAL_MS = 60_000;
const HOURS = 6;
const NOW_MS = BASE_MS + HOURS * HOUR_MS + 1;
const calm = new AbortController().signal;

const schemas = twoSchemas(INTERVAL_MS, { read_bytes_total: 'counter', temperature: 'gauge' });
/** The other schema counts between these ticks: from the middle of a span on. */
const CHANGES = { from: 73, to: 200 };
/** The counter starts again here: within a span, at the end of one, and with an hour. */
const RESETS = [33, 129, 240];
const isSilent = (tick: number): boolean => tick > 150 && tick < 170;

/** Of each reading: its time, the counter, and the gauge. */
const written: (readonly [number, number, number])[] = [];
/** Names of the block files of which anything was read. */
const touched = new Set<string>();
const disk: Disk = {
  ...nodeDisk,
  open(path, how) {
    const file = nodeDisk.open(path, how);
    return {
      sizeBytes: file.sizeBytes,
      read(target, offsetBytes) {
        touched.add(basename(path));
        return file.read(target, offsetBytes);
      },
      write: (bytes, offsetBytes) => file.write(bytes, offsetBytes),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      sync: () => file.sync(),
      close: () => file.close(),
    };
  },
};
let dir = tempDir();
let store: TestStorage;
/** Resolves when everything that was written is committed. */
let committed: () => Promise<void>;
let write: (timeMs: number, counter: number, gauge: number, number?: number) => void;

beforeEach(async () => {
  dir = tempDir();
  store = opened(1e7);
  written.length = 0;
  let { session } = await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  const lane = new LaneWriter();
  for (const [at, schema] of schemas.entries())
    session.apply(lane.epochId, lane.schema(at + 1, schema, BASE_MS));
  write = (timeMs, counter, gauge, number = 0): void => {
    const schema = schemas[number];
    if (schema === undefined) throw new Error('no such schema');
    const values = schema.metrics.map(({ name }) => (name === 'read_bytes_total' ? counter : gauge));
    written.push([timeMs, counter, gauge]);
    session.apply(lane.epochId, lane.tick(timeMs, [valuesBlock(number + 1, schema, values)]));
  };
  committed = async () => {
    ({ session } = await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]));
  };
  let counter = 0;
  for (let tick = 0; tick < HOURS * 60; tick++) {
    counter = RESETS.includes(tick) ? 5 : counter + 1 + (tick % 11);
    if (isSilent(tick)) continue;
    write(
      BASE_MS + tick * INTERVAL_MS + 1_234,
      counter,
      (tick * 7) % 13,
      tick >= CHANGES.from && tick < CHANGES.to ? 1 : 0,
    );
  }
  await committed();
  await store.seal(HOUR_MS, NOW_MS);
});

afterEach(async () => {
  await store.close();
  dir[Symbol.dispose]();
});

function opened(cacheBytes: number): TestStorage {
  // The clock is far away, so nothing is read from memory.
  const wallMs = BASE_MS + 30 * HOUR_MS;
  return openTestStorage({ dir: dir.path, wallMs, identityOf: () => [['instance', 'a']], cacheBytes, disk });
}

async function read(name: string, functionName: string, other: { rangeMs?: number; toMs?: number } = {}) {
  const { rangeMs = 2 * HOUR_MS, toMs = BASE_MS + HOURS * HOUR_MS } = other;
  const hints: SelectHints = { rangeMs, stepMs: HOUR_MS, functionName };
  const matchers = [createMatcher('__name__', '=', name)];
  const range = { fromMs: BASE_MS, toMs, samplesMax: 1e6 };
  const [series] = await store.storage.select({ matchers, ...range, hints }, calm);
  const points = Array.from(series?.timestamps ?? [], (timeMs, at) => [timeMs, series?.values[at] ?? NaN]);
  return { points, counts: series?.counts };
}

/** What is known of the gauge by spans, each dated with its last millisecond. */
function spans(of: (values: readonly number[]) => number): readonly (readonly number[])[] {
  const bySpan = Map.groupBy(written, ([timeMs]) => (Math.floor(timeMs / SPAN_MS) + 1) * SPAN_MS - 1);
  return Array.from(bySpan, ([timeMs, all]) => [timeMs, of(all.map(([, , gauge]) => gauge))]);
}

it('sums up each five minutes of a gauge, also where the schema changed within', async () => {
  for (let round = 0; round < 2; round++) {
    expect((await read('temperature', 'min_over_time')).points).toEqual(spans((all) => Math.min(...all)));
    expect((await read('temperature', 'max_over_time')).points).toEqual(spans((all) => Math.max(...all)));
    expect((await read('temperature', 'last_over_time')).points).toEqual(spans((all) => all.at(-1) ?? NaN));
    const { points, counts } = await read('temperature', 'avg_over_time');
    const sums = points.map(([timeMs = 0, mean = 0], at) => [timeMs, Math.round(mean * (counts?.[at] ?? 0))]);
    expect(sums).toEqual(spans((all) => all.reduce((sum, value) => sum + value, 0)));
    expect([...(counts ?? [])]).toEqual(spans((all) => all.length).map(([, count]) => count));
  }
});

it('knows what a counter rose by, also where it started again', async () => {
  const { points } = await read('read_bytes_total', 'increase');
  const risen = new Map<number, number>();
  let total = 0;
  for (const [at, [timeMs, counter]] of written.entries()) {
    const before = written[at - 1]?.[1] ?? counter;
    total += counter >= before ? counter - before : counter;
    risen.set((Math.floor(timeMs / SPAN_MS) + 1) * SPAN_MS - 1, total);
  }
  const [, base = 0] = points[0] ?? [];
  const [[, first] = [0, 0]] = [...risen];
  expect(points.map(([timeMs, value = 0]) => [timeMs, value - base + first])).toEqual([...risen]);
});

it('leaves short windows, and functions of which rollups know nothing, to the samples', async () => {
  const samples = written.map(([timeMs, , gauge]) => [timeMs, gauge]);
  const short = { rangeMs: HOUR_MS };
  expect((await read('temperature', 'max_over_time', short)).points).toEqual(samples);
  expect((await read('temperature', 'stddev_over_time')).points).toEqual(samples);
});

it('puts late readings between the others, before and after they are sealed', async () => {
  await read('temperature', 'max_over_time');
  const lateMs = BASE_MS + 2.5 * HOUR_MS + 61_234;
  write(lateMs, 1, 100);
  await committed();
  const unsealed = (await read('temperature', 'max_over_time')).points;
  expect(unsealed).toContainEqual([lateMs, 100]);
  expect(unsealed).toHaveLength(written.length);
  await store.seal(HOUR_MS, NOW_MS);
  const sealed = (await read('temperature', 'max_over_time')).points;
  expect(sealed).toContainEqual([lateMs, 100]);
  // Only the hour that the late one belongs to is read as samples.
  const apart = sealed.filter(([timeMs = 0]) => (timeMs + 1) % SPAN_MS !== 0);
  expect(apart.length).toBeGreaterThan(30);
  expect(apart.every(([timeMs = 0]) => Math.floor((timeMs - BASE_MS) / HOUR_MS) === 2)).toBe(true);
});

it('makes those of an hour once: when another hour is sealed, only that one is read', async () => {
  await read('temperature', 'max_over_time');
  const before = await read('temperature', 'max_over_time');
  const known = new Set(readdirSync(store.blocksDir));
  const nextMs = BASE_MS + HOURS * HOUR_MS + 1_234;
  write(nextMs, 1, 100);
  await committed();
  const toMs = nextMs + HOUR_MS;
  const open = await read('temperature', 'max_over_time', { toMs });
  expect(open.points).toEqual([...before.points, [nextMs, 100]]);
  await store.seal(HOUR_MS, NOW_MS + HOUR_MS);
  touched.clear();
  const { points } = await read('temperature', 'max_over_time', { toMs });
  expect(points.slice(0, -1)).toEqual(before.points);
  expect(points.at(-1)?.[1]).toBe(100);
  expect(touched.size).toBe(1);
  expect([...touched].filter((name) => known.has(name))).toEqual([]);
});
