/** Chooses the storage adapter; besides app.ts the only place that names one. */
import { createEmbeddedStorage, type EmbeddedOptions, type EmbeddedStorage } from './embedded/embedded.ts';
import { MemoryStorage } from './memory/memory.ts';
import type { Storage } from './storage.ts';

/** Where time series are kept, as the configuration says it. `memory` is for tests and trials: it sees no agents. */
export type StorageKind = 'embedded' | 'memory';

/** A store, and what only the embedded one can do. */
export type OpenedStorage =
  | { readonly kind: 'embedded'; readonly storage: EmbeddedStorage }
  | { readonly kind: 'memory'; readonly storage: Storage };

/** @throws AppError STORAGE_UNAVAILABLE */
export function openStorage(kind: StorageKind, options: EmbeddedOptions): OpenedStorage {
  switch (kind) {
    case 'embedded':
      return { kind, storage: createEmbeddedStorage(options) };
    case 'memory':
      return { kind, storage: new MemoryStorage() };
  }
}
