/** The data folder of the collector and what is kept in it: identity, state and journal. */
import { join } from 'node:path';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import { openIdentity } from '../fleet/identity.ts';
import { JournalChanges } from '../journal/changes.ts';
import type { SealableJournal } from '../journal/journal.ts';
import { openJournal } from '../journal/open-journal.ts';
import { openJournalReader, type JournalReader } from '../journal/reader.ts';
import { threadedStore } from '../journal/threaded-store.ts';
import { SchemaCache } from '../journal/schema-cache.ts';
import { AgeClock } from '../state/age-clock.ts';
import { prepareDataDir } from '../state/data-dir.ts';
import type { Database } from '../state/database.ts';
import { lockDataDir } from '../state/lock.ts';
import { openState, stateFile } from '../state/state.ts';
import { requireWholeStore } from '../storage/embedded/repair/restore.ts';
import type { Basics } from './basics.ts';

export interface DataDir {
  readonly identity: Identity;
  readonly state: Database;
  /** By which things are too old. */
  readonly ages: AgeClock;
  readonly journal: SealableJournal;
  readonly reader: JournalReader;
  /** Of journal and reader together, so that each schema is in memory once. */
  readonly schemas: SchemaCache;
  /** Of the journal. */
  readonly changes: JournalChanges;
  /** Where the files are, for threads that open them on their own. */
  readonly paths: {
    readonly state: string;
    readonly journal: string;
    /** Folder of the block files. */
    readonly blocks: string;
  };
}

/**
 * Makes the folder when there is none, and keeps it locked until the stop.
 * @throws AppError DATA_DIR_UNUSABLE, DATABASE_TOO_NEW
 */
export function openDataDir({
  config,
  clock,
  log,
  randomBytes,
  onStop,
}: Pick<Basics, 'clock' | 'log' | 'randomBytes' | 'onStop'> & {
  readonly config: Pick<Basics['config'], 'data-dir'>;
}): DataDir {
  const root = config['data-dir'];
  const paths = { state: stateFile(root), journal: join(root, 'journal.db'), blocks: join(root, 'blocks') };
  prepareDataDir(root);
  // First: a restore that is under way has it.
  onStop(lockDataDir(root));
  requireWholeStore(root, nodeDisk);
  const identity = openIdentity(root);
  const state = openState(paths.state);
  onStop(() => state.close());

  const schemas = new SchemaCache();
  const changes = new JournalChanges();
  const journal = openJournal({
    path: paths.journal,
    clock,
    log,
    randomBytes,
    yieldToLoop: nextTurn,
    schemas,
    changes,
    wrapStore: (store) => threadedStore(store, { path: paths.journal, changes, clock }),
  });
  onStop(() => journal.close());
  const reader = openJournalReader({ path: paths.journal, schemas, changes });
  onStop(() => reader.close());
  const snapshot = reader.snapshot();
  const newestMs = snapshot.blocks().reduce((newest, { madeMs }) => Math.max(newest, madeMs), 0);
  snapshot.close();
  const ages = new AgeClock({ database: state, clock, log, newestMs });
  return { identity, state, ages, journal, reader, schemas, changes, paths };
}
