/** The store of a data folder, opened by a command instead of a collector. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { Hosts } from '../fleet/hosts.ts';
import { JournalFollower } from '../journal/follower.ts';
import type { Journal } from '../journal/journal.ts';
import { openJournal } from '../journal/open-journal.ts';
import { openJournalReader, type JournalReader } from '../journal/reader.ts';
import { SchemaCache } from '../journal/schema-cache.ts';
import { prepareDataDir } from '../state/data-dir.ts';
import { lockDataDir } from '../state/lock.ts';
import { openState, stateFile } from '../state/state.ts';
import type { Labels } from '../storage/labels.ts';
import { BlockSet } from '../storage/embedded/blocks/block-set.ts';
import { openStorage } from '../storage/open.ts';
import type { Storage } from '../storage/storage.ts';

export interface OfflinePorts {
  readonly clock: Clock;
  /** Hears of damage that reads go on without. */
  readonly complain: (text: string) => void;
}

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
export function openForReading(dataDir: string, ports: OfflinePorts): OfflineStore {
  if (!existsSync(join(dataDir, 'journal.db'))) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `data folder ${dataDir} holds no samples: name another with --data-dir`,
    );
  }
  return openWith(dataDir, ports, (path, schemas) => {
    const reader = openJournalReader({ path, schemas });
    return { journal: new JournalFollower(reader), reader };
  });
}

/**
 * Opens the store for writing, which no collector may do at the same time.
 * @throws AppError DATA_DIR_UNUSABLE, DATABASE_TOO_NEW, STORAGE_UNAVAILABLE
 */
export function openForWriting(dataDir: string, ports: OfflinePorts): OfflineStore {
  prepareDataDir(dataDir);
  const unlock = lockDataDir(dataDir);
  try {
    const store = openWith(dataDir, ports, (path, schemas) => {
      const journal = openJournal({
        path,
        clock: ports.clock,
        log: silentLogger,
        randomBytes,
        yieldToLoop: nextTurn,
        schemas,
      });
      return { journal, reader: openJournalReader({ path, schemas }) };
    });
    return { ...store, close: () => store.close().finally(unlock) };
  } catch (error) {
    unlock();
    throw error;
  }
}

function openWith(
  dataDir: string,
  { clock, complain }: OfflinePorts,
  openIt: (
    path: string,
    schemas: SchemaCache,
  ) => { readonly journal: Journal; readonly reader: JournalReader },
): OfflineStore {
  const { journal, reader } = openIt(join(dataDir, 'journal.db'), new SchemaCache());
  const state = openState(stateFile(dataDir));
  const hosts = new Hosts({ database: state, clock, log: silentLogger });
  const blocks = new BlockSet({
    disk: nodeDisk,
    dir: join(dataDir, 'blocks'),
    damaged: (text, file) => complain(`${file} is damaged, what it held there is left out: ${text}\n`),
  });
  const storage = openStorage('embedded', {
    journal,
    reader,
    identityOf: (agentId) => hosts.identityLabels(agentId),
    clock,
    randomBytes,
    yieldToLoop: nextTurn,
    blocks,
  });
  const close = async (): Promise<void> => {
    await storage.close();
    blocks.close();
    state.close();
    reader.close();
    await journal.close();
  };
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
