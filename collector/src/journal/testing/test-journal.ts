/** A journal for tests: on a fake clock, with a store that can fail, and with sessions that write down what they hear. */
import { randomBytes } from 'node:crypto';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { JournalChanges } from '../changes.ts';
import type { Journal, JournalSession, SealableJournal } from '../journal.ts';
import { openJournal } from '../open-journal.ts';
import { SchemaCache } from '../schema-cache.ts';
import type { CommitBatch } from '../store.ts';
import { FaultyStore } from './faulty-store.ts';

/** A commit that writes nothing. */
export const NOTHING: CommitBatch = {
  marks: [],
  closedLanes: [],
  measuredLanes: [],
  records: [],
  gaps: [],
  rejects: [],
  schemas: [],
};

export interface TestJournal {
  readonly journal: SealableJournal;
  readonly clock: FakeClock;
  readonly schemas: SchemaCache;
  readonly changes: JournalChanges;
  readonly store: FaultyStore;
  /** Lets the open group be committed. */
  readonly commit: () => Promise<void>;
}

export function openTestJournal(path = ':memory:', clock = new FakeClock()): TestJournal {
  const schemas = new SchemaCache();
  const changes = new JournalChanges();
  const stores: FaultyStore[] = [];
  const journal = openJournal({
    path,
    clock,
    log: silentLogger,
    randomBytes,
    yieldToLoop: nextTurn,
    schemas,
    changes,
    wrapStore(store) {
      const faulty = new FaultyStore(store);
      stores.push(faulty);
      return faulty;
    },
  });
  const [store] = stores;
  if (store === undefined) throw new Error('the journal opened no store');
  return { journal, clock, schemas, changes, store, commit: () => clock.advance(50) };
}

export interface HeardSession {
  readonly session: JournalSession;
  /** `epoch:watermark` per commit, `failed` at a failure. */
  readonly heard: string[];
}

export async function openHeardSession(
  journal: Journal,
  agentId: string,
  epochIds: readonly string[],
  next = 1_000_000,
): Promise<HeardSession> {
  const heard: string[] = [];
  const epochs = epochIds.map((id) => ({ id, bootId: 'boot', first: 1, next, acked: 0 }));
  const session = await journal.openSession(
    { agentId, epochs },
    {
      committed: (epochId, watermark) => heard.push(`${epochId}:${watermark}`),
      failed: () => heard.push('failed'),
    },
  );
  return { session, heard };
}
