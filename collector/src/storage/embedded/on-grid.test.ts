/** Charts with steps of a minute or more, which are read at their times only: what is passed over, and what is asked again. */
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { JournalReader } from '../../journal/reader.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../journal/testing/test-journal.ts';
import { createMatcher } from '../matcher.ts';
import type { SelectHints } from '../storage.ts';
import { createFollowingStorage } from './following.ts';
import { openTestStorage } from './testing/test-storage.ts';

const NEVER = new AbortController().signal;
const BASE_MS = Date.UTC(2026, 5, 1, 12);
const NOW_MS = BASE_MS + 4_000_000;
const AGENT = 'a'.repeat(32);
const SCHEMA = gaugeSchema('cpu', { load: [] });

async function world() {
  const folder = tempDir();
  const store = openTestStorage({ dir: folder.path, wallMs: NOW_MS });
  const lane = new LaneWriter('e'.repeat(16));
  const open = async () => (await openHeardSession(store.journal, AGENT, [lane.epochId])).session;
  (await open()).apply(lane.epochId, lane.schema(1, SCHEMA, BASE_MS));
  let looks = 0;
  const clock = new FakeClock(NOW_MS);
  const following = createFollowingStorage({
    reader: watched(store.reader, () => void looks++),
    identityOf: () => [['a', 'a']],
    identitiesVersion: () => 0,
    clock,
    yieldToLoop: nextTurn,
    memory: 'columns',
    blocks: {
      disk: nodeDisk,
      dir: join(folder.path, 'blocks'),
      cacheBytes: 1e6,
      damaged(text) {
        throw new Error(text);
      },
    },
  });
  return {
    /** One record each, and its reading `offsetMs` from it. */
    async write(fromMs: number, count: number, offsetMs = 0) {
      const session = await open();
      for (let i = 0; i < count; i++) {
        const block = valuesBlock(1, SCHEMA, [i], offsetMs);
        session.apply(lane.epochId, lane.tick(fromMs + i * 10_000, [block]));
      }
      // The commit that comes with the next one has all of them.
      await open();
    },
    seal: store.seal,
    looks: () => looks,
    async chart(range: { fromMs: number; toMs: number }, hints: SelectHints) {
      await following.catchUp();
      const request = { matchers: [createMatcher('__name__', '=', 'load')], ...range, samplesMax: 1e6 };
      const [series] = await following.select({ ...request, hints }, NEVER);
      return [...(series?.timestamps ?? [])];
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      folder[Symbol.dispose]();
    },
  };
}

/** Calls `look` for each run of records that is asked for. */
function watched(reader: JournalReader, look: () => void): JournalReader {
  return withCalls(reader, {
    snapshot: (...args: Parameters<JournalReader['snapshot']>) =>
      withCalls(reader.snapshot(...args), { ticks: look, ticksBackwards: look }),
  });
}

/** Functions of an object preceded by others; what one of those gives is given instead. */
function withCalls<T extends object>(target: T, before: Partial<Record<keyof T, unknown>>): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== 'function') return value;
      const first: unknown = Reflect.get(before, name);
      return (...args: unknown[]): unknown => {
        const instead: unknown = typeof first === 'function' ? Reflect.apply(first, object, args) : undefined;
        return instead ?? Reflect.apply(value, object, args);
      };
    },
  });
}

it.each([30_000, 60_000])(
  'asks the journal nothing a second time where all is sealed, at %i ms',
  async (stepMs) => {
    await using all = await world();
    await all.write(BASE_MS, 200);
    await all.seal(300_000);
    await all.write(BASE_MS + 2_000_000, 200);
    const range = { fromMs: BASE_MS, toMs: BASE_MS + 1_800_000 };
    for (let i = 0; i < 3; i++) await all.chart(range, { stepMs });
    const before = all.looks();
    expect(before).toBeGreaterThan(0);
    await all.chart(range, { stepMs });
    expect(all.looks()).toBe(before);
  },
);

it('asks the journal nothing a second time where rollups are made of what is sealed, until a reading is late', async () => {
  await using all = await world();
  await all.write(BASE_MS, 200);
  await all.seal(300_000);
  await all.write(BASE_MS + 2_000_000, 200);
  const range = { fromMs: BASE_MS, toMs: BASE_MS + 1_800_000 };
  const hints = { rangeMs: 7_200_000, stepMs: 3_600_000, functionName: 'max_over_time' };
  const rolledUp = await all.chart(range, hints);
  expect(rolledUp).toHaveLength(6);
  const before = all.looks();
  expect(before).toBeGreaterThan(0);
  expect(await all.chart(range, hints)).toEqual(rolledUp);
  expect(all.looks()).toBe(before);
  // Nor in turns with a chart of samples.
  await all.chart(range, { stepMs: 30_000 });
  const after = all.looks();
  await all.chart(range, hints);
  await all.chart(range, { stepMs: 30_000 });
  expect(all.looks()).toBe(after);
  const lateMs = BASE_MS + 60_005;
  await all.write(lateMs, 1);
  expect(await all.chart(range, hints)).toContain(lateMs);
});

it('sees the first reading after a pause also when its record is younger than the time of the grid', async () => {
  await using all = await world();
  const firstMs = BASE_MS + 1_800_000;
  await all.write(firstMs, 3, -5_000);
  const range = { fromMs: BASE_MS, toMs: firstMs - 2_000 };
  expect(await all.chart(range, { stepMs: 60_000 })).toEqual([firstMs - 5_000]);
});
