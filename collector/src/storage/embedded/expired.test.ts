/** Queries over time whose samples have expired, next to the same queries of a store that still has all of them. */
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../journal/testing/test-journal.ts';
import { createQueryEngine } from '../../query/query.ts';
import { Labels } from '../labels.ts';
import { MemoryStorage } from '../memory/memory.ts';
import type { AppendSample, StorageReader } from '../storage.ts';
import { openTestStorage, type TestStorage } from './testing/test-storage.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const BASE_MS = Date.UTC(2026, 5, 1);
const NOW_MS = BASE_MS + 3 * DAY_MS;
/** The newest sample of the first day is older than this, that of the second is not. */
const RAW_AGE_MS = 1.5 * DAY_MS;
/** The host reports by another schema from here on, in the middle of a span. */
const SECOND_SCHEMA_TICK = 603;

const dir = tempDir();
const whole = new MemoryStorage();
let store: TestStorage;

beforeAll(async () => {
  const random = seededRandom(11);
  store = openTestStorage({
    dir: dir.path,
    wallMs: NOW_MS,
    identityOf: () => [['instance', 'a']],
    keeper: {
      retention: { ageMs: { raw: RAW_AGE_MS, '5m': 9 * DAY_MS, '1h': 9 * DAY_MS }, bytesMax: undefined },
    },
  });
  const { session } = await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  const lane = new LaneWriter();
  const schemas = [
    gaugeSchema('room', { warmth: [] }),
    gaugeSchema('room', { warmth: [], wetness: [] }),
  ] as const;
  for (const [at, schema] of schemas.entries())
    session.apply(lane.epochId, lane.schema(at + 1, schema, BASE_MS));
  const samples: AppendSample[] = [];
  for (let tick = 0; tick < (2 * DAY_MS) / MINUTE_MS; tick++) {
    // Spans have between none and five samples, and a mean of each that has nothing to do with how many.
    if (random() < ((tick / 5) % 3) / 3) continue;
    const timeMs = BASE_MS + tick * MINUTE_MS;
    const value = Math.floor(random() * 100);
    samples.push({ timeMs, value });
    const block =
      tick < SECOND_SCHEMA_TICK
        ? valuesBlock(1, schemas[0], [value])
        : valuesBlock(2, schemas[1], [value, 0]);
    session.apply(lane.epochId, lane.tick(timeMs, [block]));
  }
  await whole.append([{ labels: Labels.of({ __name__: 'warmth', instance: 'a' }), samples }]);
  await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  await store.seal(6 * 60 * MINUTE_MS, NOW_MS);
  // The first round made the rollups; the second lets the samples go.
  await store.seal(6 * 60 * MINUTE_MS, NOW_MS);
}, 60_000);

afterAll(async () => {
  await store.close();
  dir[Symbol.dispose]();
});

async function evaluate(
  storage: StorageReader,
  text: string,
  range: { startMs: number; endMs: number; stepMs: number },
) {
  const { value } = await createQueryEngine({ storage, clock: systemClock }).range(
    text,
    range,
    new AbortController().signal,
  );
  if (value.kind !== 'matrix') throw new Error(value.kind);
  return value.series.map(({ labels, timestamps, values }) => ({
    labels: labels.toString(),
    points: Array.from(timestamps, (timeMs, at) => [timeMs, values[at] ?? Number.NaN] as const),
  }));
}

test('the samples of the first day are gone, those of the second are there', () => {
  const snapshot = store.reader.snapshot();
  const blocks = snapshot
    .blocks()
    .map(({ resolution, fromMs }) => `${resolution} ${(fromMs - BASE_MS) / DAY_MS}`);
  snapshot.close();
  expect(blocks.sort()).toEqual(['1h 0', '1h 1', '5m 0', '5m 1', 'raw 1']);
});

test.each(['count', 'avg', 'sum', 'min', 'max', 'last', 'present'])(
  '%s_over_time is what it is over the samples, before, across and behind the border',
  async (name) => {
    // Windows that end with a span hold whole spans.
    const range = { startMs: BASE_MS + 60 * MINUTE_MS - 1, endMs: BASE_MS + 2 * DAY_MS - 1 };
    for (const [window, stepMs] of [
      ['30m', 5 * MINUTE_MS],
      ['5m', 5 * MINUTE_MS],
      ['1d', 25 * MINUTE_MS],
      // Coarse enough for rollups where the samples are there too.
      ['4h', 60 * MINUTE_MS],
    ] as const) {
      const text = `${name}_over_time(warmth[${window}])`;
      const [found, ...others] = await evaluate(store.storage, text, { ...range, stepMs });
      const [wanted] = await evaluate(whole, text, { ...range, stepMs });
      expect(others).toEqual([]);
      expect(found?.labels).toBe(wanted?.labels);
      expect(found?.points.map(([timeMs]) => timeMs)).toEqual(wanted?.points.map(([timeMs]) => timeMs));
      for (const [at, [, value]] of (wanted?.points ?? []).entries())
        expect(found?.points[at]?.[1]).toBeCloseTo(value, 9);
    }
  },
);

test('a window that no span ends in has nothing, and one with a single rollup has no rate', async () => {
  const range = { startMs: BASE_MS + 33 * MINUTE_MS, endMs: BASE_MS + 33 * MINUTE_MS, stepMs: MINUTE_MS };
  for (const text of ['sum_over_time(warmth[2m])', 'rate(warmth[5m])']) {
    expect(await evaluate(whole, text, range)).toHaveLength(1);
    expect(await evaluate(store.storage, text, range)).toEqual([]);
  }
});
