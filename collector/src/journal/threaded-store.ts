/**
 * A journal store that is written in a thread: the event loop waits neither for the disk nor for the write-ahead log to be
 * moved into the database. What is read is read here, from what is committed.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { BlockChange, DeletedAgent } from './blocks.ts';
import type { JournalChanges } from './changes.ts';
import type { Change, FromStore, StorePlace, ToStore } from './store-messages.ts';
import { packBatch } from './store-messages.ts';
import type { CommitBatch, JournalStore, PruneStep } from './store.ts';

export interface ThreadedStoreOptions {
  readonly path: string;
  readonly changes: JournalChanges;
  readonly clock: Clock;
}

/** @param store of the same file, which is not written any more from now on, but by its own `reopen` */
export function threadedStore(
  store: JournalStore,
  { path, changes, clock }: ThreadedStoreOptions,
): JournalStore {
  return new ThreadedStore(store, { path, changes: changes.shared }, clock);
}

/** Schemas that are known to be in the database; beyond that all are forgotten, and sent once more. */
const STORED_MAX = 50_000;

/** A thread that has nothing more to do ends within this time, or is ended. */
const END_MS = 5_000;

interface Asked {
  readonly resolve: (step: PruneStep | undefined) => void;
  readonly reject: (error: Error) => void;
}

class ThreadedStore implements JournalStore {
  readonly #store: JournalStore;
  readonly #place: StorePlace;
  readonly #clock: Clock;
  #thread: StoreThread;
  /** Hashes of schemas that the database has. A new set begins with each deletion, which may take some of them. */
  #stored = new Set<string>();
  #reopening: Promise<void> = Promise.resolve();

  constructor(store: JournalStore, place: StorePlace, clock: Clock) {
    this.#store = store;
    this.#place = place;
    this.#clock = clock;
    this.#thread = new StoreThread(place);
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
    await this.#thread.ask({ kind: 'commit', batch: packed }, [packed.numbers.buffer, packed.bytes.buffer]);
    if (stored.size + batch.schemas.length > STORED_MAX) stored.clear();
    for (const { schema } of batch.schemas) stored.add(schema.hash);
  }

  prune(olderThanMs: number, rows: number, keptAfterPos: number): Promise<PruneStep> {
    this.#stored = new Set();
    return this.#thread.step({ kind: 'prune', olderThanMs, rows, keptAfterPos });
  }

  async changeBlocks(change: BlockChange): Promise<void> {
    this.#stored = new Set();
    await this.#thread.ask({ kind: 'changeBlocks', change });
  }

  async deleteAgent(agent: DeletedAgent): Promise<void> {
    this.#stored = new Set();
    await this.#thread.ask({ kind: 'deleteAgent', agent });
  }

  deleteSealed(rows: number, keptAfterPos: number): Promise<PruneStep> {
    this.#stored = new Set();
    return this.#thread.step({ kind: 'deleteSealed', rows, keptAfterPos });
  }

  reopen(): Promise<void> {
    this.#stored = new Set();
    // A thread whose commit failed may hold a transaction, so it is gone before the database is tried.
    this.#reopening = this.#thread
      .end(this.#clock)
      .then(() => this.#store.reopen())
      .then(() => {
        this.#thread = new StoreThread(this.#place);
      });
    return this.#reopening;
  }

  async close(): Promise<void> {
    await this.#reopening.catch(() => undefined);
    await this.#thread.end(this.#clock);
    await this.#store.close();
  }
}

/** One thread and who waits for it. */
class StoreThread {
  readonly #worker: Worker;
  /** In the order of their questions. */
  readonly #asked: Asked[] = [];
  #ended: Error | undefined;

  constructor(place: StorePlace) {
    this.#worker = new Worker(new URL('./store-thread.ts', import.meta.url), { workerData: place });
    this.#worker.on('message', (answer: FromStore) => {
      const asked = this.#asked.shift();
      if (answer.kind === 'done') asked?.resolve(answer.step);
      else asked?.reject(new Error(answer.text));
    });
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', (code) => this.#end(new Error(`the thread that writes ended with code ${code}`)));
  }

  /** Resolves when a change is durable; rejects when nobody knows whether it took place. */
  ask(change: Change, moved: readonly ArrayBuffer[] = []): Promise<PruneStep | undefined> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#post({ kind: 'change', change }, moved);
    });
  }

  /** The same for a deletion, which always says how far it came. */
  async step(change: Change): Promise<PruneStep> {
    const step = await this.ask(change);
    if (step === undefined) throw new TypeError(`${change.kind} without a step`);
    return step;
  }

  /** Lets it finish what it was asked; resolves when it is gone. */
  async end(clock: Clock): Promise<void> {
    if (this.#ended !== undefined) return;
    const exit = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#post({ kind: 'close' });
    const timer = clock.setTimer(END_MS, () => void this.#worker.terminate());
    await exit;
    timer.cancel();
  }

  #post(message: ToStore, moved: readonly ArrayBuffer[] = []): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(message, [...moved]);
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    for (const { reject } of this.#asked.splice(0)) reject(this.#ended);
  }
}
