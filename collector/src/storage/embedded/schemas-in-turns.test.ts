/** Long charts of a sampler whose schemas take turns, as with a device that comes and goes. */
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LaneWriter, valuesBlock } from '../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../journal/testing/test-journal.ts';
import { createMatcher } from '../matcher.ts';
import { openTestStorage, type TestStorage } from './testing/test-storage.ts';
import { twoSchemas } from './testing/two-schemas.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BASE_MS = Date.UTC(2026, 5, 1);
/** Six hours each from midnight on. */
const DAY_MINUTES = 6 * 60;
const calm = new AbortController().signal;

const SCHEMAS = twoSchemas(MINUTE_MS, { c_total: 'counter', heat: 'gauge' });

let dir: ReturnType<typeof tempDir>;
let store: TestStorage;

beforeEach(() => {
  dir = tempDir();
  store = openTestStorage({
    dir: dir.path,
    wallMs: BASE_MS + 3 * DAY_MS,
    identityOf: () => [['instance', 'a']],
  });
});

afterEach(async () => {
  await store.close();
  dir[Symbol.dispose]();
});

/** Writes two days, a second more each second, and merges what is due at `nowMs`. */
async function write(schemaOf: (minute: number) => 0 | 1, nowMs: number): Promise<void> {
  const { session } = await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  const lane = new LaneWriter();
  for (const [at, schema] of SCHEMAS.entries())
    session.apply(lane.epochId, lane.schema(at + 1, schema, BASE_MS));
  for (let minute = 0; minute < 2 * DAY_MINUTES; minute++) {
    const at = schemaOf(minute);
    const schema = SCHEMAS[at] ?? SCHEMAS[0];
    if (schema === undefined) throw new Error('there are schemas');
    // In order of names.
    const values = [1e9 + minute * 60, ...(at === 0 ? [] : [1]), minute % 7];
    session.apply(lane.epochId, lane.tick(timeOf(minute), [valuesBlock(at + 1, schema, values)]));
  }
  await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  await store.seal(HOUR_MS, nowMs);
}

function timeOf(minute: number): number {
  const day = Math.floor(minute / DAY_MINUTES);
  return BASE_MS + day * DAY_MS + (minute % DAY_MINUTES) * MINUTE_MS + 1_000;
}

async function read(name: string, functionName: string, hours: number) {
  const request = { matchers: [createMatcher('__name__', '=', name)], samplesMax: 1e6 };
  const range = { fromMs: BASE_MS, toMs: BASE_MS + 2 * DAY_MS };
  const hints = { rangeMs: hours * HOUR_MS, stepMs: hours * HOUR_MS, functionName };
  const [series, ...others] = await store.storage.select({ ...request, ...range, hints }, calm);
  if (series === undefined || others.length > 0) throw new Error('one series is there');
  return series;
}

describe.each([
  ['there and back within a span', (minute: number) => (minute === 187 ? 1 : 0)],
  ['every minute', (minute: number) => (minute % 2 === 0 ? 0 : 1)],
  ['every 20 minutes', (minute: number) => (Math.floor(minute / 20) % 2 === 0 ? 0 : 1)],
] as const)('%s', (_name, schemaOf) => {
  describe.each([
    ['days', BASE_MS + 3 * DAY_MS, DAY_MS],
    ['a month', BASE_MS + 60 * DAY_MS, 30 * DAY_MS],
  ] as const)('in files of %s', (_files, nowMs, windowMs) => {
    test.each([
      ['5 minutes', 1, 5],
      ['an hour', 4, 60],
    ])('rollups of %s say what the samples do', async (_span, hours, spanMinutes) => {
      await write(schemaOf, nowMs);
      const snapshot = store.reader.snapshot();
      const files = snapshot.blocks().filter(({ resolution }) => resolution === (hours === 1 ? '5m' : '1h'));
      snapshot.close();
      expect(new Set(files.map(({ fromMs, toMs }) => toMs - fromMs))).toEqual(new Set([windowMs]));

      const counter = await read('c_total', 'increase', hours);
      const spans = (2 * DAY_MINUTES) / spanMinutes;
      expect(counter.values).toHaveLength(spans);
      // What it rose by within the first span is not between two rollups.
      const steps = Array.from(counter.values, (value, at) => value - (counter.values[at - 1] ?? value));
      expect(steps).toEqual([0, ...Array.from({ length: spans - 1 }, () => spanMinutes * 60)]);

      const minutes = Array.from({ length: 2 * DAY_MINUTES }, (_, minute) => minute);
      const wanted = (compute: (values: readonly number[]) => number) =>
        Array.from({ length: spans }, (_, span) =>
          compute(minutes.slice(span * spanMinutes, (span + 1) * spanMinutes).map((minute) => minute % 7)),
        );
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
      const found = async (functionName: string) => [...(await read('heat', functionName, hours)).values];
      expect(await found('min_over_time')).toEqual(wanted((values) => Math.min(...values)));
      expect(await found('max_over_time')).toEqual(wanted((values) => Math.max(...values)));
      expect(await found('sum_over_time')).toEqual(wanted(sum));
      expect(await found('last_over_time')).toEqual(wanted((values) => values.at(-1) ?? Number.NaN));
      const mean = await read('heat', 'avg_over_time', hours);
      expect([...mean.values]).toEqual(wanted((values) => sum(values) / values.length));
      expect([...(mean.counts ?? [])]).toEqual(wanted((values) => values.length));
    });
  });
});
