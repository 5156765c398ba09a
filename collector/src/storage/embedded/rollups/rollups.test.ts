/** Long charts from rollups, next to the same charts from samples. */
import { createSchema } from '@rollcall/shared/protocol/schema.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../../journal/testing/test-journal.ts';
import { createMatcher } from '../../matcher.ts';
import type { SelectHints, Series } from '../../storage.ts';
import { openTestStorage, type TestStorage } from '../testing/test-storage.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BASE_MS = Date.UTC(2026, 5, 1);
const INTERVAL_MS = 60_000;
const TICKS = (2 * DAY_MS) / INTERVAL_MS;
/** The counter starts again here: within a span, at the end of one, and at midnight. */
const RESETS = [100, 605, DAY_MS / INTERVAL_MS];
/** Nothing is reported in these ticks; afterwards the host goes on. */
const GAP = { from: 1_000, to: 1_100 };
const calm = new AbortController().signal;

const schema = createSchema({
  sampler: 'disk',
  intervalMs: INTERVAL_MS,
  metrics: [metric('read_bytes_total', 'counter'), metric('temperature', 'gauge')],
});

function metric(name: string, type: 'counter' | 'gauge') {
  return { name, unit: '', type, encoding: 'float64' as const, scale: 0, labelNames: [], series: [[]] };
}

const dir = tempDir();
let store: TestStorage;
/** What was written: time, counter, gauge. */
const written: (readonly [number, number, number])[] = [];
let increased = 0;

beforeAll(async () => {
  // The clock is far away, so nothing is read from memory.
  store = openTestStorage({
    dir: dir.path,
    wallMs: BASE_MS + 3 * DAY_MS,
    identityOf: () => [['instance', 'a']],
  });
  const { session } = await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  const lane = new LaneWriter();
  session.apply(lane.epochId, lane.schema(1, schema, BASE_MS));
  let counter = 0;
  for (let tick = 0; tick < TICKS; tick++) {
    if (tick >= GAP.from && tick < GAP.to) continue;
    counter = RESETS.includes(tick) ? 5 : counter + 10;
    if (tick > 0) increased += RESETS.includes(tick) ? 5 : 10;
    const gauge = tick % 60;
    const timeMs = BASE_MS + tick * INTERVAL_MS;
    written.push([timeMs, counter, gauge]);
    session.apply(lane.epochId, lane.tick(timeMs, [valuesBlock(1, schema, [counter, gauge])]));
  }
  await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  await store.seal(6 * HOUR_MS, BASE_MS + 3 * DAY_MS);
}, 60_000);

afterAll(async () => {
  await store.close();
  dir[Symbol.dispose]();
});

async function read(
  name: string,
  hints: SelectHints,
  range = { fromMs: BASE_MS, toMs: BASE_MS + 2 * DAY_MS },
) {
  const matchers = [createMatcher('__name__', '=', name)];
  const [series, ...others] = await store.storage.select(
    { matchers, ...range, samplesMax: 1e6, hints },
    calm,
  );
  expect(others).toEqual([]);
  if (series === undefined) throw new Error('nothing was read');
  return series;
}

function pairs({ timestamps, values }: Series): (readonly [number, number])[] {
  return Array.from(timestamps, (timeMs, at) => [timeMs, values[at] ?? Number.NaN] as const);
}

test('samples, rollups of 5 minutes and of an hour stand in a block for each day', () => {
  const snapshot = store.reader.snapshot();
  const blocks = snapshot.blocks();
  snapshot.close();
  const all = blocks.map(({ resolution, fromMs, toMs }) => [
    resolution,
    (fromMs - BASE_MS) / DAY_MS,
    toMs - fromMs,
  ]);
  const wanted = ['1h', '5m', 'raw'].flatMap((resolution) => [0, 1].map((day) => [resolution, day, DAY_MS]));
  expect(new Set(all.map(String))).toEqual(new Set(wanted.map(String)));
  expect(all).toHaveLength(wanted.length);
});

describe('a counter', () => {
  const hints = (hours: number): SelectHints => ({
    stepMs: hours * HOUR_MS,
    rangeMs: hours * HOUR_MS,
    functionName: 'increase',
  });

  test.each([
    ['5 minutes', 1, 300_000],
    ['an hour', 4, HOUR_MS],
  ])('over rollups of %s only rises, by what it rose', async (_name, hours, spanMs) => {
    const series = await read('read_bytes_total', hints(hours));
    expect(series.timestamps.every((timeMs) => (timeMs + 1) % spanMs === 0)).toBe(true);
    const { values } = series;
    expect(values.every((value, at) => at === 0 || value >= (values[at - 1] ?? 0))).toBe(true);
    const first = values[0] ?? Number.NaN;
    // What it rose by within the first rollup is not between two of them.
    const inFirst = 10 * (spanMs / INTERVAL_MS - 1);
    expect((values.at(-1) ?? Number.NaN) - first).toBe(increased - inFirst);
    expect(values.at(-1)).toBe(written.at(-1)?.[1]);
  });

  test('is read from its samples when the window is short', async () => {
    const series = await read('read_bytes_total', { ...hints(1), rangeMs: 300_000 });
    expect(series.values).toHaveLength(written.length);
  });
});

describe('a gauge', () => {
  test.each([
    ['min_over_time', Math.min],
    ['max_over_time', Math.max],
    ['sum_over_time', (...all: number[]) => all.reduce((sum, value) => sum + value, 0)],
    ['last_over_time', (...all: number[]) => all.at(-1) ?? Number.NaN],
    ['avg_over_time', (...all: number[]) => all.reduce((sum, value) => sum + value, 0) / all.length],
  ])('for %s has what is asked for of each span', async (functionName, compute) => {
    const series = await read('temperature', { stepMs: HOUR_MS, rangeMs: HOUR_MS, functionName });
    const spans = Map.groupBy(written, ([timeMs]) => Math.floor(timeMs / 300_000));
    const wanted = Array.from(spans, ([span, list]) => [
      (span + 1) * 300_000 - 1,
      compute(...list.map(([, , gauge]) => gauge)),
    ]);
    expect(pairs(series)).toEqual(wanted);
  });

  test('at each step has the value of the newest span, and none in the gap', async () => {
    const stepMs = 3 * HOUR_MS;
    const series = await read('temperature', { stepMs });
    const values = new Map(pairs(series));
    for (let timeMs = BASE_MS + stepMs; timeMs < BASE_MS + 2 * DAY_MS; timeMs += stepMs) {
      const span = written.filter(([at]) => at >= timeMs - HOUR_MS && at < timeMs);
      expect(values.get(timeMs)).toBe(span.at(-1)?.[2]);
    }
    // Whoever looks back from the end of the last day finds its newest value.
    expect(values.size).toBe(15);
    expect(series.timestamps.at(-1)).toBe(BASE_MS + 2 * DAY_MS - 1);
    const inGap = BASE_MS + (GAP.from + 90) * INTERVAL_MS;
    const request = { matchers: [createMatcher('__name__', '=', 'temperature')], samplesMax: 1e6 };
    const range = { fromMs: inGap - 300_000, toMs: inGap };
    expect(await store.storage.select({ ...request, ...range, hints: { stepMs } }, calm)).toEqual([]);
  });

  test('for anything else is read from its samples', async () => {
    for (const functionName of ['stddev_over_time', 'count_over_time', 'deriv']) {
      const series = await read('temperature', { stepMs: DAY_MS, rangeMs: DAY_MS, functionName });
      expect(series.values).toHaveLength(written.length);
    }
    expect((await read('temperature', { stepMs: 60_000 })).values).toHaveLength(written.length);
  });
});
