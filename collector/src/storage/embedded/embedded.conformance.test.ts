import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { CONFORMANCE_BASE_MS, storageConformance, type StorageUnderTest } from '../conformance.ts';
import type { Storage } from '../storage.ts';
import { openTestStorage } from './testing/test-storage.ts';

const DAY_MS = 86_400_000;

/**
 * @param wallMs the store's clock: near the samples they are read from the window, far away from the journal
 * @param sealMs seal everything after each write, in windows of this length
 */
function create(wallMs: number, sealMs?: number): Promise<StorageUnderTest> {
  const dir = tempDir();
  const { storage, journal, reader, seal } = openTestStorage({ dir: dir.path, wallMs });
  const release = async (): Promise<void> => {
    await journal.close();
    reader.close();
    dir[Symbol.dispose]();
  };
  const sealed = sealMs === undefined ? storage : sealing(storage, () => seal(sealMs));
  return Promise.resolve({ storage: sealed, release });
}

/** A store that does `seal` after each write. */
function sealing(storage: Storage, seal: () => Promise<void>): Storage {
  let sealed = Promise.resolve();
  return {
    capabilities: storage.capabilities,
    async append(batch) {
      const result = await storage.append(batch);
      sealed = sealed.then(seal);
      await sealed;
      return result;
    },
    select: (request, signal) => storage.select(request, signal),
    series: (request, signal) => storage.series(request, signal),
    labelNames: (request, signal) => storage.labelNames(request, signal),
    labelValues: (name, request, signal) => storage.labelValues(name, request, signal),
    flush: () => storage.flush(),
    stats: () => storage.stats(),
    prune: (olderThanMs, signal) => storage.prune(olderThanMs, signal),
    close: () => storage.close(),
  };
}

storageConformance('embedded, from the recent window', () => create(CONFORMANCE_BASE_MS));
storageConformance('embedded, from the journal', () => create(CONFORMANCE_BASE_MS + 30 * DAY_MS));
storageConformance('embedded, from blocks', () => create(CONFORMANCE_BASE_MS + 30 * DAY_MS, DAY_MS));
