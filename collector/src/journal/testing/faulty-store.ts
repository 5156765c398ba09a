/** A journal store whose commits fail when a test wants it. */
import type { BlockChange, DeletedAgent } from '../blocks.ts';
import type { CommitBatch, JournalStore, PruneStep } from '../store.ts';

/**
 * How a commit fails: `lost` writes nothing; `arrived` writes everything and reports an error all the same, as an fsync
 * that failed after the data reached the disk.
 */
export type CommitFault = 'lost' | 'arrived';

export class FaultyStore implements JournalStore {
  readonly #store: JournalStore;
  #faults: (CommitFault | undefined)[] = [];
  #isBroken = false;
  /** Commits that were tried. */
  commits = 0;
  /** Rows that each deletion of sealed records was allowed. */
  readonly deletions: number[] = [];

  constructor(store: JournalStore) {
    this.#store = store;
  }

  /** Faults of the next commits, in order; afterwards they succeed. */
  failNext(...faults: readonly (CommitFault | undefined)[]): void {
    this.#faults = [...faults];
  }

  /** Whether the database stays unwritable after a failed commit. */
  setBroken(isBroken: boolean): void {
    this.#isBroken = isBroken;
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

  async commit(batch: CommitBatch): Promise<void> {
    this.commits++;
    const fault = this.#faults.shift();
    if (this.#isBroken || fault === 'lost') throw diskFull();
    await this.#store.commit(batch);
    if (fault === 'arrived') throw diskFull();
  }

  samplesAfter(pos: number): ReturnType<JournalStore['samplesAfter']> {
    return this.#store.samplesAfter(pos);
  }

  async prune(olderThanMs: number, rows: number, keptAfterPos: number): Promise<PruneStep> {
    if (this.#isBroken) throw diskFull();
    return this.#store.prune(olderThanMs, rows, keptAfterPos);
  }

  async changeBlocks(change: BlockChange): Promise<void> {
    const fault = this.#faults.shift();
    if (this.#isBroken || fault === 'lost') throw diskFull();
    await this.#store.changeBlocks(change);
    if (fault === 'arrived') throw diskFull();
  }

  async deleteAgent(agent: DeletedAgent): Promise<void> {
    if (this.#isBroken) throw diskFull();
    await this.#store.deleteAgent(agent);
  }

  async deleteSealed(rows: number, keptAfterPos: number): Promise<PruneStep> {
    if (this.#isBroken) throw diskFull();
    this.deletions.push(rows);
    return this.#store.deleteSealed(rows, keptAfterPos);
  }

  async reopen(): Promise<void> {
    if (this.#isBroken) throw diskFull();
    await this.#store.reopen();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

function diskFull(): Error {
  return Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 });
}
