/** A sampler that goes back to a schema: a device or a container that comes and goes makes another one each time. */
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, it } from 'vitest';
import { LaneWriter, valuesBlock } from '../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../journal/testing/test-journal.ts';
import { createMatcher } from '../matcher.ts';
import { openTestStorage } from './testing/test-storage.ts';
import { twoSchemas } from './testing/two-schemas.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const HOURS = 6;
const BASE_MS = Date.UTC(2026, 5, 1);
const START = 1e9;
const NEVER = new AbortController().signal;

/** The same counter, alone and beside something else. */
const SCHEMAS = twoSchemas(MINUTE_MS, { c_total: 'counter' });

it.each([
  { when: 'for one reading', schemaAt: (minute: number) => (minute === 100 ? 1 : 0) },
  { when: 'every minute', schemaAt: (minute: number) => minute % 2 },
  { when: 'every twenty minutes', schemaAt: (minute: number) => Math.floor(minute / 20) % 2 },
])('rates of today count what a counter rose by once, with another schema $when', async ({ schemaAt }) => {
  using dir = tempDir();
  const wallMs = BASE_MS + HOURS * HOUR_MS;
  const store = openTestStorage({
    dir: dir.path,
    wallMs,
    identityOf: () => [['instance', 'a']],
    cacheBytes: 1e7,
  });
  const { session } = await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  const lane = new LaneWriter();
  for (const [at, schema] of SCHEMAS.entries())
    session.apply(lane.epochId, lane.schema(at + 1, schema, BASE_MS));
  for (let minute = 0; minute < HOURS * 60; minute++) {
    const at = schemaAt(minute);
    const schema = SCHEMAS[at] ?? SCHEMAS[0];
    if (schema === undefined) throw new Error('no schema');
    const values = schema.metrics.map(() => START + minute * 60);
    session.apply(
      lane.epochId,
      lane.tick(BASE_MS + minute * MINUTE_MS + 1_000, [valuesBlock(at + 1, schema, values)]),
    );
  }
  // Whoever opens a session waits for what was applied before.
  await openHeardSession(store.journal, 'a'.repeat(32), ['e'.repeat(16)]);
  await store.seal(HOUR_MS, wallMs + 1);
  const request = {
    matchers: [createMatcher('__name__', '=', 'c_total')],
    fromMs: BASE_MS,
    toMs: wallMs,
    samplesMax: 1e6,
    hints: { rangeMs: 2 * HOUR_MS, stepMs: HOUR_MS, functionName: 'rate' },
  };
  const [series] = await store.storage.select(request, NEVER);
  const values = [...(series?.values ?? [])];
  const rises = values.slice(1).map((value, at) => value - (values[at] ?? 0));
  expect(Math.min(...rises)).toBeGreaterThanOrEqual(0);
  expect(rises.reduce((sum, rise) => sum + rise, 0)).toBe((HOURS * 60 - 1) * 60);
  await store.close();
});
