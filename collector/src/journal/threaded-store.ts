/**
 * A journal store that is written in a thread: the event loop waits neither for the disk nor for the write-ahead log to be
 * moved into the database. What is read is read here, from what is committed.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { BlockChange, DeletedAgent } from './blocks.ts';
import type { JournalChanges } from './changes.ts';
import type { FromStore, StorePlace } from './store-messages.ts';
import { packBatch } from './store-messages.ts';
import type { CommitBatch, JournalStore, OwnStore, PruneStep } from './store.ts';
import { WritingThread, type StartWritingThread } from './writing-thread.ts';

export interface ThreadedStoreOptions {
  readonly path: string;
  readonly changes: JournalChanges;
  readonly clock: Clock;
  /** @default starts a real thread */
  readonly start?: StartWritingThread;
}

/** @param store of the same file, which is not written any more from now on */
export function threadedStore(
  store: OwnStore,
  { path, changes, clock, start = workerStarter({ path, changes: changes.shared }) }: ThreadedStoreOptions,
): JournalStore {
  return new ThreadedStore(store, start, clock);
}

/** Schemas that are known to be in the database; beyond that all are forgotten, and sent once more. */
const STORED_MAX = 50_000;

/** A commit group is bounded by JOURNAL_LIMITS.groupBytes, and a change of blocks is much less. */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 48 };

class ThreadedStore implements JournalStore {
  readonly #store: OwnStore;
  readonly #start: StartWritingThread;
  readonly #clock: Clock;
  #thread: WritingThread | undefined;
  /** Hashes of schemas that the database has. A new set begins with each deletion, which may take some of them. */
  #stored = new Set<string>();
  #reopening: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(store: OwnStore, start: StartWritingThread, clock: Clock) {
    this.#store = store;
    this.#start = start;
    this.#clock = clock;
  }

  get storeId(): string {
    return this.#store.storeId;
  }

  totals(): ReturnType<JournalStore['totals']> {
    return this.#store.totals();
  }

  lanesOf(agentId: string): ReturnType<JournalStore['lanesOf']> {
    return this.#store.lanesOf(agentId);
  }

  crcOf(laneId: number, seq: number): number | undefined {
    return this.#store.crcOf(laneId, seq);
  }

  schemasInForce(laneId: number): ReturnType<JournalStore['schemasInForce']> {
    return this.#store.schemasInForce(laneId);
  }

  schemaNumber(laneId: number, number: number): ReturnType<JournalStore['schemaNumber']> {
    return this.#store.schemaNumber(laneId, number);
  }

  lostSamples(agentId: string): ReadonlyMap<number, number> {
    return this.#store.lostSamples(agentId);
  }

  samplesAfter(pos: number): ReturnType<JournalStore['samplesAfter']> {
    return this.#store.samplesAfter(pos);
  }

  async commit(batch: CommitBatch): Promise<void> {
    const stored = this.#stored;
    const packed = packBatch(batch, stored);
    await this.#writing().ask({ kind: 'commit', batch: packed }, [
      packed.numbers.buffer,
      packed.bytes.buffer,
    ]);
    if (stored.size + batch.schemas.length > STORED_MAX) stored.clear();
    for (const { schema } of batch.schemas) stored.add(schema.hash);
  }

  async prune(olderThanMs: number, rows: number, keptAfterPos: number): Promise<PruneStep> {
    this.#stored = new Set();
    return this.#writing().step({ kind: 'prune', olderThanMs, rows, keptAfterPos });
  }

  async changeBlocks(change: BlockChange): Promise<void> {
    this.#stored = new Set();
    await this.#writing().ask({ kind: 'changeBlocks', change });
  }

  async deleteAgent(agent: DeletedAgent): Promise<void> {
    this.#stored = new Set();
    await this.#writing().ask({ kind: 'deleteAgent', agent });
  }

  async deleteSealed(rows: number, keptAfterPos: number): Promise<PruneStep> {
    this.#stored = new Set();
    return this.#writing().step({ kind: 'deleteSealed', rows, keptAfterPos });
  }

  reopen(): Promise<void> {
    this.#stored = new Set();
    this.#reopening = this.#reopen();
    return this.#reopening;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reopening.catch(() => undefined);
    await this.#thread?.end(this.#clock);
    await this.#store.close();
  }

  /** Whatever waits for the disk or for a lock does so in the new thread. */
  async #reopen(): Promise<void> {
    // A thread whose commit failed may hold a transaction, so it is gone before the database is tried.
    await this.#thread?.end(this.#clock);
    this.#thread = new WritingThread(this.#start);
    await this.#thread.ask({ kind: 'probe' });
    this.#store.reopenToRead();
  }

  /** Begins with the first change, so that a collector whose start fails before leaves no thread behind. */
  #writing(): WritingThread {
    if (this.#thread === undefined && this.#isClosed) throw new Error('the thread that writes ended');
    this.#thread ??= new WritingThread(this.#start);
    return this.#thread;
  }
}

/** Starts a real one. */
function workerStarter(place: StorePlace): StartWritingThread {
  return ({ message, broken, ended }) => {
    const worker = new Worker(new URL('./store-thread.ts', import.meta.url), {
      workerData: place,
      resourceLimits: HEAP_LIMITS,
    });
    let reason: Error | undefined;
    worker.on('message', (answer: FromStore) => message(answer));
    worker.on('messageerror', (error) => broken(error));
    // The exit follows.
    worker.on('error', (error) => (reason = error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', (code) => ended(reason ?? new Error(`the thread that writes ended with code ${code}`)));
    return {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      post: (sent, moved) => worker.postMessage(sent, [...moved]),
      async kill() {
        await worker.terminate();
      },
    };
  };
}
