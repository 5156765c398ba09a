import { expect, test } from 'vitest';
import { storageConformance } from '../conformance.ts';
import { Labels } from '../labels.ts';
import { MemoryStorage } from './memory.ts';

storageConformance('memory', () => Promise.resolve({ storage: new MemoryStorage() }));

test('forgets what is older than the time it is told, and series without samples with it', async () => {
  const storage = new MemoryStorage();
  const signal = new AbortController().signal;
  const named = (name: string) => Labels.of({ __name__: name });
  await storage.append([
    { labels: named('old'), samples: [{ timeMs: 1, value: 1 }] },
    { labels: named('both'), samples: [1, 2].map((timeMs) => ({ timeMs, value: timeMs })) },
  ]);
  await storage.prune(2, signal);
  expect((await storage.stats()).sampleCount).toBe(1);
  expect((await storage.stats()).seriesCount).toBe(1);
});
