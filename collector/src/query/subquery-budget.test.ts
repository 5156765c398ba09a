import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { describe, expect, it } from 'vitest';
import { Labels } from '../storage/labels.ts';
import { MemoryStorage } from '../storage/memory/memory.ts';
import type { StorageReader } from '../storage/storage.ts';
import { createQueryEngine } from './query.ts';

const DAY_MS = 86_400_000;

/** What becomes of the stock rule `rollcall:collector_worked:max1d`, with a thousandth of its samples and of their limit. */
async function outcomeOf(fleet: {
  readonly seriesCount: number;
  readonly samplesEach: number;
  readonly parts: number;
}): Promise<string> {
  const storage = new MemoryStorage();
  const { seriesCount, samplesEach, parts } = fleet;
  await storage.append(
    Array.from({ length: seriesCount }, (_, i) => ({
      labels: Labels.of({
        __name__: 'node_scrape_collector_success',
        instance: `h${i % 20}`,
        collector: `${i}`,
      }),
      samples: Array.from({ length: samplesEach }, (_unused, at) => ({
        timeMs: DAY_MS - (samplesEach - 1 - at) * 600_000,
        value: 1,
      })),
    })),
  );
  const inParts: StorageReader = {
    hostParts: () => parts,
    async select({ part, ...request }, signal) {
      const all = await storage.select({ ...request, samplesMax: Infinity }, signal);
      const hostOf = (labels: Labels): number => Number(labels.get('instance').slice(1));
      return all.filter(({ labels }) => part === undefined || hostOf(labels) % part.count === part.index);
    },
    labelNames: (...args) => storage.labelNames(...args),
    labelValues: (...args) => storage.labelValues(...args),
    series: (...args) => storage.series(...args),
  };
  const engine = createQueryEngine({ storage: inParts, clock: systemClock, limits: { samplesMax: 50_000 } });
  const query = 'max_over_time(node_scrape_collector_success[1d:10m] offset 1m)';
  const options = { timeMs: DAY_MS + 120_000, isUnordered: true };
  try {
    const { value } = await engine.instant(query, options, new AbortController().signal);
    return value.kind === 'vector' ? `${value.samples.length} series` : value.kind;
  } catch (error) {
    return error instanceof AppError ? error.message : String(error);
  }
}

describe('a subquery over a large fleet', () => {
  it('is answered in parts of five hundred hosts when the fleet began just now', async () => {
    expect(await outcomeOf({ seriesCount: 360, samplesEach: 1, parts: 20 })).toBe('360 series');
  });

  it('is answered half a day later', async () => {
    expect(await outcomeOf({ seriesCount: 270, samplesEach: 80, parts: 20 })).toBe('270 series');
  });

  it('does not count the samples that it was made of twice', async () => {
    expect(await outcomeOf({ seriesCount: 200, samplesEach: 144, parts: 1 })).toBe('200 series');
  });

  it('is refused when there is much more of it than was read', async () => {
    expect(await outcomeOf({ seriesCount: 360, samplesEach: 1, parts: 1 })).toMatch(
      /^query processing would load/,
    );
  });
});
