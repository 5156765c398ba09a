/** Rollups that are read as one, next to the same rollups read file by file. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../../journal/testing/test-journal.ts';
import { createMatcher } from '../../matcher.ts';
import type { SelectHints, Series } from '../../storage.ts';
import { openTestStorage, type TestStorage } from '../testing/test-storage.ts';
import { twoSchemas } from '../testing/two-schemas.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BASE_MS = Date.UTC(2026, 5, 1);
const INTERVAL_MS = 600_000;
const DAYS = 4;
const calm = new AbortController().signal;

/** With each of these the host replaces its schema once and again, so that one change goes against the order of hashes. */
const schemas = twoSchemas(INTERVAL_MS, { read_bytes_total: 'counter', temperature: 'gauge' });
/** From these ticks on the other schema counts: in the middle of a span, twice. */
const CHANGES = [(1.51 * DAY_MS) / INTERVAL_MS, (2.26 * DAY_MS) / INTERVAL_MS];

const isSilent = (tick: number): boolean => tick % 97 > 80;
const temperatureAt = (tick: number): number => tick % 13;

const dir = tempDir();

beforeAll(async () => {
  const store = openTestStorage({ dir: dir.path, wallMs: BASE_MS + (DAYS + 1) * DAY_MS });
  const { session } = await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  const lane = new LaneWriter();
  for (const [at, schema] of schemas.entries())
    session.apply(lane.epochId, lane.schema(at + 1, schema, BASE_MS));
  let counter = 0;
  for (let tick = 0; tick < (DAYS * DAY_MS) / INTERVAL_MS; tick++) {
    // Hours without a reading, and starts at any time.
    if (isSilent(tick)) continue;
    counter = tick % 61 === 0 ? tick % 7 : counter + (tick % 11);
    const number = CHANGES.filter((from) => tick >= from).length % 2;
    const schema = schemas[number];
    if (schema === undefined) throw new Error('no such schema');
    const values = Array.from(schema.metrics, ({ name }) =>
      name === 'read_bytes_total' ? counter : tick % 13,
    );
    const timeMs = BASE_MS + tick * INTERVAL_MS;
    session.apply(lane.epochId, lane.tick(timeMs, [valuesBlock(number + 1, schema, values)]));
  }
  await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  await store.seal(6 * HOUR_MS, BASE_MS + (DAYS + 1) * DAY_MS);
  await store.close();
}, 60_000);

afterAll(() => {
  dir[Symbol.dispose]();
});

/** The collector again, with a cache or without one. */
function opened(cacheBytes: number, damaged?: () => void): TestStorage {
  return openTestStorage({
    dir: dir.path,
    wallMs: BASE_MS + (DAYS + 1) * DAY_MS,
    identityOf: () => [['instance', 'a']],
    cacheBytes,
    ...(damaged === undefined ? {} : { damaged }),
  });
}

const FUNCTIONS = ['increase', 'avg_over_time', 'min_over_time', 'last_over_time', undefined];

async function readAll({ storage }: TestStorage): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for (const functionName of FUNCTIONS) {
    for (const hours of [1, 4]) {
      for (const [fromHours, toHours] of [
        [0, 24 * DAYS],
        [30, 24 * DAYS],
        [5, 60],
        [37, 38],
      ] as const) {
        const stepMs = hours * HOUR_MS;
        const hints: SelectHints =
          functionName === undefined ? { stepMs } : { stepMs, rangeMs: stepMs, functionName };
        const range = { fromMs: BASE_MS + fromHours * HOUR_MS, toMs: BASE_MS + toHours * HOUR_MS };
        const matchers = [createMatcher('__name__', '=~', '.+')];
        const series = await storage.select({ matchers, ...range, samplesMax: 1e6, hints }, calm);
        all.push({ functionName, hours, fromHours, series: series.map(plain) });
      }
    }
  }
  return all;
}

function plain({ labels, timestamps, values, stale, counts }: Series) {
  return { key: labels.key, timestamps, values, stale: [...(stale ?? [])].join(''), counts };
}

it('gives what the files give one by one, again and again', async () => {
  const apart = opened(0);
  const wanted = await readAll(apart);
  await apart.close();
  expect(wanted.length).toBeGreaterThan(0);
  // With little memory everything is forgotten all the time, also while it is put together.
  for (const cacheBytes of [1e7, 6_000, 1]) {
    const store = opened(cacheBytes);
    expect(await readAll(store)).toEqual(wanted);
    expect(await readAll(store)).toEqual(wanted);
    await store.close();
  }
});

it('has the last reading of each hour, also where the schema changed in it', async () => {
  const store = opened(1e7);
  const stepMs = 4 * HOUR_MS;
  const [series] = await store.storage.select(
    {
      matchers: [createMatcher('__name__', '=', 'temperature')],
      fromMs: BASE_MS,
      toMs: BASE_MS + DAYS * DAY_MS,
      samplesMax: 1e6,
      hints: { stepMs, rangeMs: stepMs, functionName: 'last_over_time' },
    },
    calm,
  );
  await store.close();
  const last = new Map<number, number>();
  for (let tick = 0; tick < (DAYS * DAY_MS) / INTERVAL_MS; tick++) {
    const hour = Math.floor((tick * INTERVAL_MS) / HOUR_MS);
    if (!isSilent(tick)) last.set(BASE_MS + (hour + 1) * HOUR_MS - 1, temperatureAt(tick));
  }
  const found = Array.from(series?.timestamps ?? [], (timeMs, at) => [timeMs, series?.values[at]] as const);
  expect(new Map(found)).toEqual(last);
});

it('misses no more than the files do when some of them are damaged', async () => {
  const blocks = join(dir.path, 'blocks');
  const rolled = readdirSync(blocks).filter((name) => !name.startsWith('raw'));
  expect(rolled).toHaveLength(2 * DAYS);
  let damages = 0;
  for (const [at, name] of rolled.entries()) {
    // In what stands behind the header: times or columns of the only host.
    const bytes = readFileSync(join(blocks, name));
    const place = 30 + 37 * at;
    bytes.writeUInt8(bytes.readUInt8(place) ^ 0x10, place);
    if (at % 3 === 0) writeFileSync(join(blocks, name), bytes);
  }
  const apart = opened(0, () => damages++);
  const wanted = await readAll(apart);
  await apart.close();
  expect(damages).toBeGreaterThan(0);
  const store = opened(1e7, () => {});
  expect(await readAll(store)).toEqual(wanted);
  expect(await readAll(store)).toEqual(wanted);
  await store.close();
});
