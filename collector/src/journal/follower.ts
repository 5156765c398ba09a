/**
 * The journal as a thread sees it that only reads: somebody else writes, and `poll` tells listeners what was committed
 * since. It looks like a journal so that a store can be opened on it, but nothing can be written through it.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { decodeSamples } from '@rollcall/shared/protocol/samples.ts';
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import type { CommittedSamples, Journal, JournalStats } from './journal.ts';
import type { JournalReader, JournalSnapshot, LaneTick } from './reader.ts';
import { storedBody } from './stored-body.ts';
import { allocateValues } from './values.ts';

type Listener = (ticks: readonly CommittedSamples[]) => void;

export interface PollLimits {
  /** Records that one call takes. */
  readonly rowsMax: number;
  /** Records that all calls together are worth. */
  readonly rowsBehindMax: number;
}

/** `behind` asks for another call. */
export type PollResult = 'caught-up' | 'behind' | 'lost';

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
  correctedTicks: 0,
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
   * Tells listeners what was committed since the last call, in the order of the journal and so much of it at a time.
   * @returns lost when that is not possible any more, because it is more than `rowsBehindMax` records or the next ones are
   *   gone already: then the reader's own picture must be made anew
   * @throws AppError STORAGE_UNAVAILABLE; nobody was told then
   */
  poll({ rowsMax, rowsBehindMax }: PollLimits): PollResult {
    if (this.#reader.lastPos() === this.#pos) return 'caught-up';
    const snapshot = this.#reader.snapshot();
    try {
      const behind = snapshot.lastPos - this.#pos;
      const rows = Math.min(behind, rowsMax);
      const toPos = this.#pos + rows;
      const isLost = behind < 0 || behind > rowsBehindMax || snapshot.countAfter(this.#pos, toPos) !== rows;
      if (isLost) return 'lost';
      const ticks = Array.from(snapshot.ticksAfter(this.#pos, toPos), (tick) => this.#decode(snapshot, tick));
      this.#pos = toPos;
      for (const listener of this.#listeners) listener(ticks);
      return rows === behind ? 'caught-up' : 'behind';
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

  /** Listeners keep what is in it, so putting off the decoding would save nothing. */
  #decode(snapshot: JournalSnapshot, tick: LaneTick): CommittedSamples {
    const { pos, laneId, agentId, epochId, timeMs, bytes } = tick;
    const body = storedBody(bytes);
    const found =
      body === undefined ? [] : decodeSamples(body, this.#schemasOf(snapshot, laneId), allocateValues);
    const blocks = found.filter((block) => block.kind !== 'unknown');
    return { pos, laneId, agentId, epochId, timeMs, blocks };
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
