/**
 * The journal as a thread sees it that only reads: somebody else writes, and `poll` tells listeners what was committed
 * since. It looks like a journal so that a store can be opened on it, but nothing can be written through it.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { decodeRecord, recordBody } from '@rollcall/shared/protocol/record.ts';
import { decodeSamples } from '@rollcall/shared/protocol/samples.ts';
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import type { CommittedSamples, Journal, JournalStats } from './journal.ts';
import type { JournalReader, JournalSnapshot } from './reader.ts';
import { allocateValues } from './values.ts';

type Listener = (ticks: readonly CommittedSamples[]) => void;

const NO_STATS: JournalStats = {
  rows: 0,
  bytes: 0,
  samples: 0,
  isWritable: false,
  commits: 0,
  failedCommits: 0,
  duplicates: 0,
  rejectedRecords: 0,
  refusedBlocks: 0,
};

export class JournalFollower implements Journal {
  readonly storeId = '';
  readonly #reader: JournalReader;
  readonly #listeners = new Set<Listener>();
  /** Position up to which listeners know everything. */
  #pos: number;
  /** By lane and number; a number never changes its schema. */
  readonly #schemas = new Map<number, Map<number, Schema>>();

  /** Follows from the newest record on; what is older must be read through `reader`. */
  constructor(reader: JournalReader) {
    this.#reader = reader;
    const snapshot = reader.snapshot();
    this.#pos = snapshot.lastPos;
    snapshot.close();
  }

  /**
   * Tells listeners what was committed since the last call.
   * @returns false when that is not possible any more, because it is more than `rowsMax` records or some of them are
   *   gone already: then nobody was told, and the reader's own picture must be made anew
   * @throws AppError STORAGE_UNAVAILABLE
   */
  poll(rowsMax: number): boolean {
    if (this.#reader.lastPos() === this.#pos) return true;
    const snapshot = this.#reader.snapshot();
    try {
      const expected = snapshot.lastPos - this.#pos;
      if (expected === 0) return true;
      if (expected < 0 || expected > rowsMax || snapshot.countAfter(this.#pos) !== expected) return false;
      const ticks = Array.from(snapshot.ticksAfter(this.#pos), (tick): CommittedSamples => {
        const schemaOf = this.#schemasOf(snapshot, tick.laneId);
        // Listeners keep what is in it, so putting off the decoding would save nothing.
        const found = decodeSamples(recordBody(decodeRecord(tick.bytes, 0)), schemaOf, allocateValues);
        const blocks = found.filter((block) => block.kind !== 'unknown');
        const { pos, laneId, agentId, epochId, timeMs } = tick;
        return { pos, laneId, agentId, epochId, timeMs, blocks };
      });
      this.#pos = snapshot.lastPos;
      for (const listener of this.#listeners) listener(ticks);
      return true;
    } finally {
      snapshot.close();
    }
  }

  onCommitted(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  openSession(): Promise<never> {
    return Promise.reject(readOnly());
  }

  prune(): Promise<never> {
    return Promise.reject(readOnly());
  }

  lostSamples(): Readonly<Record<string, number>> {
    return {};
  }

  stats(): JournalStats {
    return NO_STATS;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #schemasOf(snapshot: JournalSnapshot, laneId: number): (number: number) => Schema | undefined {
    let ofLane = this.#schemas.get(laneId);
    if (ofLane === undefined) {
      ofLane = new Map();
      this.#schemas.set(laneId, ofLane);
    }
    const known = ofLane;
    return (number) => {
      let schema = known.get(number);
      if (schema !== undefined) return schema;
      schema = snapshot.schemaOf(laneId, number);
      if (schema !== undefined) known.set(number, schema);
      return schema;
    };
  }
}

function readOnly(): AppError {
  return new AppError('STORAGE_UNAVAILABLE', 'write to the journal: this thread only reads');
}
