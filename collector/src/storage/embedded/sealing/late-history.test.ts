/** Samples that come late to days and months that were merged, and are young enough to be kept. */
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { Labels } from '../../labels.ts';
import { createMatcher } from '../../matcher.ts';
import { openTestStorage, type TestStorage } from '../testing/test-storage.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BASE_MS = Date.UTC(2026, 5, 1);
const WINDOW_MS = 12 * HOUR_MS;

async function bring(
  { storage }: TestStorage,
  who: string,
  days: readonly number[],
  hours = [0, 3, 6, 9, 12, 15, 18, 21],
): Promise<void> {
  const samples = days.flatMap((day) =>
    hours.flatMap((hour) =>
      [0, 1].map((minute) => ({
        timeMs: BASE_MS + day * DAY_MS + hour * HOUR_MS + minute * 60_000,
        value: day * 24 + hour,
      })),
    ),
  );
  await storage.append([{ labels: Labels.of({ __name__: 'level', who }), samples }]);
}
async function found({ storage }: TestStorage, who: string, day: number): Promise<number> {
  const matchers = [createMatcher('__name__', '=', 'level'), createMatcher('who', '=', who)];
  const range = { fromMs: BASE_MS + day * DAY_MS, toMs: BASE_MS + (day + 1) * DAY_MS - 1 };
  const [series] = await storage.select(
    { matchers, ...range, samplesMax: 1e6 },
    new AbortController().signal,
  );
  return series?.timestamps.length ?? 0;
}
async function settle(store: TestStorage, nowMs: number, windowMs = WINDOW_MS): Promise<void> {
  for (let round = 0; round < 3; round++) await store.seal(windowMs, nowMs);
}

test('samples that are younger than raw-retention stay, where nothing was on a day of a month that is merged', async () => {
  using dir = tempDir();
  const now = BASE_MS + 47 * DAY_MS;
  const store = openTestStorage({ dir: dir.path, wallMs: now });
  await bring(store, 'a', [20, 21]);
  await settle(store, now);
  // The collector was off on day 25, 22 days ago; somebody brings it.
  await bring(store, 'b', [25]);
  await settle(store, now);
  expect(await found(store, 'b', 25)).toBe(16);
  await store.close();
});

test('with raw-retention of a year, samples that come to a month that is merged stay', async () => {
  using dir = tempDir();
  const now = BASE_MS + 60 * DAY_MS;
  const keeper = {
    retention: {
      ageMs: { raw: 365 * DAY_MS, '5m': 365 * DAY_MS, '1h': 1_825 * DAY_MS },
      bytesMax: undefined,
    },
  };
  const store = openTestStorage({ dir: dir.path, wallMs: now, keeper });
  await bring(store, 'a', [0, 1, 2, 3]);
  await settle(store, now);
  await bring(store, 'b', [1, 2]);
  await settle(store, now);
  expect([await found(store, 'a', 1), await found(store, 'b', 1)]).toEqual([16, 16]);
  await store.close();
});

test('rollups are made of a day that came with little, though other days of its month came with much', async () => {
  using dir = tempDir();
  const now = BASE_MS + 47 * DAY_MS;
  const store = openTestStorage({ dir: dir.path, wallMs: now });
  await bring(store, 'a', [20, 21, 22]);
  await settle(store, now, HOUR_MS);
  // A file that begins in the evening of day 21.
  await bring(store, 'b', [21], [18, 21]);
  await bring(store, 'b', [22]);
  await settle(store, now, HOUR_MS);
  await settle(store, now + 7 * HOUR_MS, HOUR_MS);
  expect(await found(store, 'b', 21)).toBe(4);
  // When samples are gone, rollups are left.
  await settle(store, BASE_MS + 70 * DAY_MS, HOUR_MS);
  expect([await found(store, 'a', 21), await found(store, 'b', 22), await found(store, 'b', 21)]).toEqual([
    8, 8, 2,
  ]);
  await store.close();
});
