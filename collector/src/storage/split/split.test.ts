import { describe, expect, test } from 'vitest';
import { assert, constantFrom, property, tuple, uniqueArray, integer } from 'fast-check';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { Labels } from '../labels.ts';
import { createMatcher } from '../matcher.ts';
import { MemoryStorage } from '../memory/memory.ts';
import type { ExternalReader, Series } from '../storage.ts';
import { joinSeries } from './join.ts';
import { splitStorage } from './split.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = 1_000 * HOUR_MS;
const RECENT_MS = 2 * HOUR_MS;
const calm = (): AbortSignal => new AbortController().signal;

/** Own and other hold the same series, told apart by their values: 1 and 2. */
async function world({ ownFromMs = 0, isAway = false } = {}) {
  const [own, other] = [new MemoryStorage(), new MemoryStorage()];
  const ownOnly = { labels: Labels.of({ __name__: 'new' }), samples: [{ timeMs: NOW_MS - 1_000, value: 1 }] };
  for (const [storage, value, fromMs] of [
    [own, 1, ownFromMs],
    [other, 2, 0],
  ] as const) {
    const samples = Array.from({ length: 600 }, (_, i) => ({ timeMs: NOW_MS - (599 - i) * 60_000, value }));
    const kept = samples.filter(({ timeMs }) => timeMs >= fromMs);
    if (kept.length > 0) await storage.append([{ labels: Labels.of({ __name__: 'm' }), samples: kept }]);
  }
  if (ownFromMs < NOW_MS) await own.append([ownOnly]);
  let asked = 0;
  const away = <T>(work: () => Promise<T>): Promise<T> => {
    asked++;
    return isAway ? Promise.reject(new AppError('STORE_FAILED', 'away')) : work();
  };
  const store: ExternalReader = {
    select: (request, signal) => away(() => other.select(request, signal)),
    series: (request, signal) => away(() => other.series(request, signal)),
    labelNames: (request, signal) => away(() => other.labelNames(request, signal)),
    labelValues: (name, request, signal) => away(() => other.labelValues(name, request, signal)),
    close: () => {},
  };
  const clock = new FakeClock(NOW_MS);
  return { storage: splitStorage(own, { store, clock, recentMs: RECENT_MS }), asked: () => asked };
}

const matchers = [createMatcher('__name__', '=', 'm')];
const select = (fromMs: number, toMs: number, samplesMax = 1_000) => ({ matchers, fromMs, toMs, samplesMax });
const valuesOf = ([series]: readonly Series[]): readonly number[] => [...new Set(series?.values)];

describe('a store that is read elsewhere', () => {
  test('answers what is recent itself, also when the other one is away', async () => {
    const { storage, asked } = await world({ isAway: true });
    expect(valuesOf(await storage.select(select(NOW_MS - RECENT_MS, NOW_MS), calm()))).toEqual([1]);
    const lists = { matcherSets: [], fromMs: NOW_MS - HOUR_MS, toMs: NOW_MS, limit: 0 };
    expect(await storage.labelValues('__name__', lists, calm())).toEqual(['m', 'new']);
    expect(asked()).toBe(0);
    await expect(storage.select(select(0, NOW_MS), calm())).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  test('asks the other one for what is older, and joins the two', async () => {
    const { storage } = await world();
    expect(valuesOf(await storage.select(select(0, NOW_MS - 3 * HOUR_MS), calm()))).toEqual([2]);
    const all = await storage.select(select(0, NOW_MS), calm());
    expect(all[0]?.timestamps).toHaveLength(600);
    expect(valuesOf(all)).toEqual([2, 1]);
    const lists = { matcherSets: [], fromMs: 0, toMs: NOW_MS, limit: 0 };
    expect(await storage.labelNames(lists, calm())).toEqual(['__name__']);
    expect(await storage.labelValues('__name__', lists, calm())).toEqual(['m', 'new']);
    expect(await storage.labelValues('__name__', { ...lists, limit: 1 }, calm())).toEqual(['m']);
    expect((await storage.series(lists, calm())).map(String)).toEqual(['m', 'new']);
  });

  test('knows how far back its own samples reach', async () => {
    const { storage } = await world({ ownFromMs: NOW_MS - HOUR_MS });
    const found = await storage.select(select(NOW_MS - RECENT_MS, NOW_MS), calm());
    expect(found[0]?.timestamps).toHaveLength(121);
    expect(valuesOf(found)).toEqual([2, 1]);
    const empty = await world({ ownFromMs: Infinity });
    expect(valuesOf(await empty.storage.select(select(0, NOW_MS), calm()))).toEqual([2]);
  });

  test('counts the samples of both against the limit', async () => {
    const { storage } = await world();
    expect(await storage.select(select(0, NOW_MS, 600), calm())).toHaveLength(1);
    await expect(storage.select(select(0, NOW_MS, 599), calm())).rejects.toMatchObject({
      code: 'QUERY_LIMIT',
    });
  });
});

test('joined series have every time once, in order, and the newer sample where both have one', () => {
  const labels = Labels.of({ __name__: 'm' });
  const times = uniqueArray(integer({ min: 0, max: 20 })).map((list) => list.sort((a, b) => a - b));
  const seriesOf = (list: readonly number[], value: number, isStale: boolean): Series => ({
    labels,
    timestamps: Float64Array.from(list),
    values: Float64Array.from(list, () => value),
    stale: isStale ? Uint8Array.from(list, () => 1) : undefined,
  });
  assert(
    property(tuple(times, times), constantFrom(true, false), ([older, newer], isStale) => {
      const [joined] = joinSeries([seriesOf(older, 1, false)], [seriesOf(newer, 2, isStale)]);
      const wanted = [...new Set([...older, ...newer])].sort((a, b) => a - b);
      expect([...(joined?.timestamps ?? [])]).toEqual(wanted);
      expect([...(joined?.values ?? [])]).toEqual(wanted.map((time) => (newer.includes(time) ? 2 : 1)));
      const marked = wanted.map((time) => (newer.includes(time) ? 1 : 0));
      expect([...(joined?.stale ?? [])]).toEqual(isStale ? marked : []);
    }),
  );
});
