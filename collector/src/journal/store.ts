/**
 * What the journal asks of its database. Whatever changes it is asynchronous at this border, because it takes place in a thread
 * (threaded-store.ts); changes take place in the order in which they are asked for. Reads are small and synchronous.
 */
import type { ErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { BlockChange, DeletedAgent } from './blocks.ts';
import type { BootTime } from './boot-time.ts';

/** State of a lane at its watermark. */
export interface LaneMark {
  readonly id: number;
  readonly agentId: string;
  readonly epochId: string;
  readonly bootId: string;
  readonly watermark: number;
  /** Checksum of the record at the watermark; undefined when a gap ends there or nothing came yet. */
  readonly crc: number | undefined;
  /** Cumulative counts of the epoch up to the watermark: applied, rejected and lost together. */
  readonly ticks: number;
  readonly samples: number;
  /** The counts are not exact, because something could not be decoded. */
  readonly isEstimated: boolean;
  /** Numbers by fate; their sum is the watermark. */
  readonly applied: number;
  readonly rejected: number;
  readonly gapped: number;
  /** Blocks dropped alone, because their schema was unknown or refused. */
  readonly refusedBlocks: number;
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  /** Largest distance of a block's reading from its record's time. */
  readonly offsetMsMax: number;
  /** What is known of the boot clock by which the epoch's records may be corrected; see boot-time.ts. */
  readonly bootTimes: readonly BootTime[];
}

export interface StoredLane extends LaneMark {
  readonly isClosed: boolean;
}

/** A record to be stored. */
export interface RecordRow {
  readonly pos: number;
  readonly laneId: number;
  readonly seq: number;
  readonly timeMs: number;
  readonly receivedMs: number;
  readonly kind: number;
  /** The checksum that names the record towards its agent; `bytes` may have another one, see `decodeInflatedRecord`. */
  readonly crc: number;
  readonly samples: number;
  /** The record as it came, or with its body inflated; nobody changes it. */
  readonly bytes: Buffer;
}

export interface GapRow {
  readonly laneId: number;
  readonly from: number;
  readonly to: number;
  readonly reason: number;
  readonly isEstimated: boolean;
  /** Lost, not cumulative. */
  readonly ticks: number;
  readonly samples: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly receivedMs: number;
}

export interface RejectRow {
  readonly laneId: number;
  readonly seq: number;
  readonly code: ErrorCode;
  readonly text: string;
  readonly samples: number;
  readonly receivedMs: number;
  readonly head: Uint8Array;
}

/** A schema under its number in a lane. */
export interface SchemaNumber {
  readonly number: number;
  readonly schema: HashedSchema;
  /** Record that declared it last; the newest declaration of a sampler is the one in force. */
  readonly declaredSeq: number;
  /** Time of the first reading with it; undefined while there is none. */
  readonly firstMs: number | undefined;
  /** Time of the newest reading with it, rounded up to the hour, so that it seldom has to be written. */
  readonly lastMs: number | undefined;
}

/** What the database keeps of a schema under its number. */
export type DeclaredSchema = Omit<SchemaNumber, 'schema'> & {
  readonly laneId: number;
  /** Bytes may be left out of what the database has for certain. */
  readonly schema: Pick<HashedSchema, 'hash' | 'sampler'> & { readonly bytes: Uint8Array | undefined };
};

/** Everything that one commit writes, or nothing of it. */
export interface CommitBatch {
  readonly marks: readonly LaneMark[];
  readonly closedLanes: readonly number[];
  /** Lanes whose `bootTimes` changed; other marks leave them as they are. */
  readonly measuredLanes: readonly number[];
  readonly records: readonly RecordRow[];
  readonly gaps: readonly GapRow[];
  readonly rejects: readonly RejectRow[];
  readonly schemas: readonly DeclaredSchema[];
}

export interface StoreTotals {
  readonly rows: number;
  readonly bytes: number;
  readonly samples: number;
  /** Highest position ever given out. */
  readonly lastPos: number;
  readonly lastLaneId: number;
  readonly newestReceivedMs: number;
}

/** Reads of single lanes, on the writer's connection. */
export interface LaneLookup {
  lanesOf(agentId: string): readonly StoredLane[];
  /** Checksum of a stored record, undefined when there is no such row. */
  crcOf(laneId: number, seq: number): number | undefined;
  /** Schemas in force: per sampler the one declared last. */
  schemasInForce(laneId: number): readonly SchemaNumber[];
  schemaNumber(laneId: number, number: number): SchemaNumber | undefined;
}

export interface JournalStore extends LaneLookup {
  readonly storeId: string;
  totals(): StoreTotals;
  /** Samples lost and declared, by GAP_REASON. */
  lostSamples(agentId: string): ReadonlyMap<number, number>;
  /** Writes all of it in one transaction and returns when it is on stable storage. Rejects when nothing is certain. */
  commit(batch: CommitBatch): Promise<void>;
  /** Rows of samples that were stored after `pos`, for a commit that failed although it arrived. */
  samplesAfter(pos: number): readonly (RecordRow & { readonly agentId: string; readonly epochId: string })[];
  /** Deletes at most `rows` records older than `olderThanMs`, none after position `keptAfterPos`. */
  prune(olderThanMs: number, rows: number, keptAfterPos: number): Promise<PruneStep>;
  /** Changes the catalogue of blocks in one transaction. */
  changeBlocks(change: BlockChange): Promise<void>;
  /** Notes that the data of an agent is to go. */
  deleteAgent(agent: DeletedAgent): Promise<void>;
  /**
   * Deletes at most `rows` records that blocks have replaced, or whose agent was deleted. A range of sealed records waits
   * as a whole while one of them may lie after position `keptAfterPos`.
   */
  deleteSealed(rows: number, keptAfterPos: number): Promise<PruneStep>;
  /** Opens the database anew and proves with a commit that it can be written. Rejects while it cannot. */
  reopen(): Promise<void>;
  /** Resolves when everything that was asked for is done. */
  close(): Promise<void>;
}

/** A store by itself. The event loop reads by one what a thread writes by another one. */
export interface OwnStore extends JournalStore {
  /** Proves with a commit that the database can be written. Rejects while it cannot. */
  probe(): Promise<void>;
  /** Opens the database anew, for reading only and without writing anything to it; when that fails the store is as before. */
  reopenToRead(): void;
}

export interface Deleted {
  readonly rows: number;
  readonly bytes: number;
  readonly samples: number;
  readonly isDone: boolean;
}

export interface PruneStep extends Deleted {
  /** How long it took by itself, without waiting for what was asked for before. */
  readonly tookMs: number;
}
