/** The thread that writes the journal's database. Started by threaded-store.ts only. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { JournalChanges } from './changes.ts';
import { SchemaCache } from './schema-cache.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { unpackBatch, type Change, type FromStore, type StorePlace, type ToStore } from './store-messages.ts';
import type { PruneStep } from './store.ts';

if (parentPort === null) throw new Error('store-thread.ts is no program of its own');
const port = parentPort;
const { path, changes }: StorePlace = workerData;
// The collector has opened the database before, so that it has an id.
const store = openSqliteStore({
  path,
  clock: systemClock,
  newStoreId: '',
  schemas: new SchemaCache(),
  changes: new JournalChanges(changes),
});

port.on('message', (message: ToStore) => void take(message));
// What came next would be answered in its place.
port.on('messageerror', (error: Error) => {
  throw error;
});

async function take(message: ToStore): Promise<void> {
  if (message.kind === 'close') {
    await store.close();
    port.close();
    return;
  }
  // What the store does it does at once, so changes cannot overtake one another.
  const answer = await write(message.change).then(
    (step): FromStore => ({ kind: 'done', step }),
    (error: unknown): FromStore => ({ kind: 'failed', text: describeError(error) }),
  );
  port.postMessage(answer);
}

async function write(change: Change): Promise<PruneStep | undefined> {
  switch (change.kind) {
    case 'probe':
      await store.probe();
      return undefined;
    case 'commit':
      await store.commit(unpackBatch(change.batch));
      return undefined;
    case 'changeBlocks':
      await store.changeBlocks(change.change);
      return undefined;
    case 'deleteAgent':
      await store.deleteAgent(change.agent);
      return undefined;
    case 'prune':
      return store.prune(change.olderThanMs, change.rows, change.keptAfterPos);
    case 'deleteSealed':
      return store.deleteSealed(change.rows, change.keptAfterPos);
  }
}
