/** Chooses the storage adapter; besides app.ts the only place that names one. */
import { createEmbeddedStorage, type EmbeddedOptions } from './embedded/embedded.ts';
import { MemoryStorage } from './memory/memory.ts';
import type { Storage } from './storage.ts';

/** Where time series are kept, as the configuration says it. `memory` is for tests and trials: it sees no agents. */
export type StorageKind = 'embedded' | 'memory';

/** @throws AppError STORAGE_UNAVAILABLE */
export function openStorage(kind: StorageKind, options: EmbeddedOptions): Storage {
  switch (kind) {
    case 'embedded':
      return createEmbeddedStorage(options);
    case 'memory':
      return new MemoryStorage();
  }
}

/** An empty store in memory, for commands that need one while they run. It needs no closing. */
export function openScratchStorage(): Storage {
  return new MemoryStorage();
}
