/** The store of a data folder, opened by a command instead of a collector. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { Hosts } from '../fleet/hosts.ts';
import type { Journal } from '../journal/journal.ts';
import { openJournal } from '../journal/open-journal.ts';
import { openJournalReader } from '../journal/reader.ts';
import { SchemaCache } from '../journal/schema-cache.ts';
import { prepareDataDir } from '../state/data-dir.ts';
import { lockDataDir } from '../state/lock.ts';
import { openState, stateFile } from '../state/state.ts';
import type { Labels } from '../storage/labels.ts';
import { openStorage } from '../storage/open.ts';
import type { Storage } from '../storage/storage.ts';

export interface OfflineStore {
  readonly storage: Storage;
  /** Labels under which a host of the fleet reports. */
  readonly reserved: { has(labels: Labels): boolean };
  close(): Promise<void>;
}

/**
 * Opens the store for reading, also while a collector runs on the same folder: then it is what was committed up to now.
 * @throws AppError DATA_DIR_UNUSABLE, DATABASE_TOO_NEW, STORAGE_UNAVAILABLE
 */
export function openForReading(dataDir: string, clock: Clock): OfflineStore {
  if (!existsSync(join(dataDir, 'journal.db'))) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `data folder ${dataDir} holds no samples: name another with --data-dir`,
    );
  }
  return openWith(dataDir, clock, () => UNWRITTEN_JOURNAL);
}

/**
 * Opens the store for writing, which no collector may do at the same time.
 * @throws AppError DATA_DIR_UNUSABLE, DATABASE_TOO_NEW, STORAGE_UNAVAILABLE
 */
export function openForWriting(dataDir: string, clock: Clock): OfflineStore {
  prepareDataDir(dataDir);
  const unlock = lockDataDir(dataDir);
  try {
    const store = openWith(dataDir, clock, (path, schemas) =>
      openJournal({ path, clock, log: silentLogger, randomBytes, yieldToLoop: nextTurn, schemas }),
    );
    return { ...store, close: () => store.close().finally(unlock) };
  } catch (error) {
    unlock();
    throw error;
  }
}

function openWith(
  dataDir: string,
  clock: Clock,
  openIt: (path: string, schemas: SchemaCache) => Journal,
): OfflineStore {
  const path = join(dataDir, 'journal.db');
  const schemas = new SchemaCache();
  const closers: (() => void | Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  const journal = openIt(path, schemas);
  closers.push(() => journal.close());
  const reader = openJournalReader({ path, schemas });
  closers.push(() => reader.close());
  const state = openState(stateFile(dataDir));
  closers.push(() => state.close());
  const hosts = new Hosts({ database: state, clock, log: silentLogger });
  const storage = openStorage('embedded', {
    journal,
    reader,
    identityOf: (agentId) => hosts.identityLabels(agentId),
    clock,
    randomBytes,
    yieldToLoop: nextTurn,
  });
  closers.push(() => storage.close());
  return { storage, reserved: identitiesOf(hosts), close };
}

function identitiesOf(hosts: Hosts): { has(labels: Labels): boolean } {
  const identities = new Set(
    [...hosts.all()].map(({ id }) => identityKey(new Map(hosts.identityLabels(id)))),
  );
  return {
    has: (labels) => identities.has(identityKey(new Map(labels.entries()))),
  };
}

function identityKey(labels: ReadonlyMap<string, string>): string {
  return JSON.stringify([labels.get('instance'), labels.get('job')]);
}

/** Stands where a journal is wanted and nothing is written. */
const UNWRITTEN_JOURNAL: Journal = {
  storeId: '',
  openSession: () => Promise.reject(readOnly()),
  onCommitted: () => () => {},
  lostSamples: () => ({}),
  stats: () => ({
    rows: 0,
    bytes: 0,
    samples: 0,
    isWritable: false,
    commits: 0,
    failedCommits: 0,
    duplicates: 0,
    rejectedRecords: 0,
    refusedBlocks: 0,
  }),
  prune: () => Promise.reject(readOnly()),
  close: () => Promise.resolve(),
};

function readOnly(): AppError {
  return new AppError('STORAGE_UNAVAILABLE', 'the store is open for reading only');
}
