import { AppError } from '@rollcall/shared/lib/errors.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../storage/labels.ts';
import { Pacer } from './evaluate/evaluation.ts';
import { storeSizes } from './store-sizes.ts';

/** Every look at it shows a time 10 ms later. */
class HurriedClock extends FakeClock {
  #looks = 0;

  override monoMs(): number {
    return ++this.#looks * 10;
  }
}

const EXTENT = { seriesCount: 7, oldestMs: 1, newestMs: 2 };

/** Sizes of a store with these series. `onTurn` is called for each turn of the event loop that others get. */
function sizesOf(
  series: readonly Labels[] | AppError,
  top: number,
  {
    signal = new AbortController().signal,
    onTurn = () => {},
  }: { signal?: AbortSignal; onTurn?: () => void } = {},
) {
  const yieldTurn = (): Promise<void> => {
    onTurn();
    return Promise.resolve();
  };
  const pacer = new Pacer({ clock: new HurriedClock(), yieldTurn, signal });
  const storage = {
    series: () => (series instanceof AppError ? Promise.reject(series) : Promise.resolve(series)),
  };
  return storeSizes(top, { storage, extent: () => Promise.resolve(EXTENT), signal, pacer });
}

/** The same counts, the plain way. */
function counted(keys: readonly string[], weight: (key: string) => number = () => 1) {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + weight(key));
  return [...counts]
    .map(([name, value]) => ({ name, value }))
    .sort((left, right) => right.value - left.value);
}

describe('sizes of a store', () => {
  it('are those of counting the plain way, for any labels and any length of the tables', async () => {
    const word = fc.constantFrom('a', 'b', 'c', 'long one', '__name__', 'ü');
    const labels = fc.dictionary(word, word, { maxKeys: 4 }).map((pairs) => Labels.of(pairs));
    await fc.assert(
      fc.asyncProperty(
        fc.array(labels, { maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        async (series, top) => {
          const pairs = series.flatMap((one) => [...one.entries()].map(([name, value]) => ({ name, value })));
          const texts = pairs.map(({ name, value }) => `${name}=${value}`);
          const distinct = [...new Set(texts)];
          const lengths = new Map<string, number>();
          for (const { name, value } of pairs) lengths.set(name, (lengths.get(name) ?? 0) + value.length);
          expect((await sizesOf(series, top)).sizes).toEqual({
            headStats: {
              numSeries: 7,
              numLabelPairs: distinct.length,
              chunkCount: 0,
              minTime: 1,
              maxTime: 2,
            },
            seriesCountByMetricName: counted(series.map((one) => one.metricName)).slice(0, top),
            labelValueCountByLabelName: counted(
              distinct.map((text) => text.slice(0, text.indexOf('='))),
            ).slice(0, top),
            memoryInBytesByLabelName: [...lengths]
              .map(([name, value]) => ({ name, value }))
              .sort((left, right) => right.value - left.value)
              .slice(0, top),
            seriesCountByLabelValuePair: counted(texts).slice(0, top),
          });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('find the largest among more names than are sorted at a time', async () => {
    const series = Array.from({ length: 3_000 }, (_, i) =>
      Labels.of({ __name__: `m${i % 1_500}`, i: String(i) }),
    );
    series.push(Labels.of({ __name__: 'm1499', i: 'x' }), Labels.of({ __name__: 'm7', i: 'y' }));
    const { sizes } = await sizesOf(series, 3);
    expect(sizes.seriesCountByMetricName).toEqual([
      { name: 'm7', value: 3 },
      { name: 'm1499', value: 3 },
      { name: 'm0', value: 2 },
    ]);
  });

  it('are a number and times, with a warning, where there are too many series to list', async () => {
    const { sizes, warnings } = await sizesOf(new AppError('QUERY_LIMIT', 'too many'), 3);
    expect(sizes.headStats).toMatchObject({ numSeries: 7, minTime: 1, maxTime: 2 });
    expect(sizes.seriesCountByMetricName).toEqual([]);
    expect(warnings).toHaveLength(1);
    const failing = sizesOf(new AppError('STORAGE_UNAVAILABLE', 'gone'), 3);
    await expect(failing).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('give others a turn now and then, and end when nobody waits for them', async () => {
    const series = Array.from({ length: 10_000 }, (_, i) => Labels.of({ __name__: 'm', i: String(i) }));
    let turns = 0;
    await sizesOf(series, 1, { onTurn: () => turns++ });
    expect(turns).toBeGreaterThan(10);
    const left = new AbortController();
    const sizes = sizesOf(series, 1, { signal: left.signal, onTurn: () => left.abort() });
    await expect(sizes).rejects.toThrow(
      new AppError('QUERY_CANCELED', 'query was canceled in expression evaluation'),
    );
  });
});
