/** Chooses the storage adapter; besides assembly/ the only place that names one. */
import { createEmbeddedStorage, type EmbeddedOptions } from './embedded/embedded.ts';
import { createFollowingStorage, type FollowingOptions } from './embedded/following.ts';
import { MemoryStorage } from './memory/memory.ts';
import type { FollowingReader, Storage } from './storage.ts';

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

/**
 * The read side of the embedded store, for a thread that only reads.
 * @throws AppError STORAGE_UNAVAILABLE
 */
export function openFollowingReader(options: FollowingOptions): FollowingReader {
  return createFollowingStorage(options);
}

/** An empty store in memory, for commands that need one while they run. It needs no closing. */
export function openScratchStorage(): Storage {
  return new MemoryStorage();
}
