/**
 * The seam between sampling and sending: a bounded queue of numbered records. Sampling never waits for it, and what it
 * has to drop it declares with a gap record of exact counts.
 */
import type { EpochState } from '@rollcall/shared/protocol/handshake.ts';
import type { RecordDraft } from '@rollcall/shared/protocol/record.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';

/** What a record adds to the counts that gaps are computed from. */
export interface RecordCounts {
  /** 1 for the record of a tick, else 0. */
  readonly ticks: number;
  /** Present values in it. */
  readonly samples: number;
}

export interface SpoolStats {
  readonly isDurable: boolean;
  readonly recordsHeld: number;
  readonly bytesHeld: number;
  readonly bytesMax: number;
  /** Wall clock of the oldest record held that is not acknowledged, undefined when none is waiting. */
  readonly oldestUnackedMs: number | undefined;
  /** Values that were dropped before they were acknowledged, since the process started. */
  readonly samplesDropped: number;
}

/** Records ready to be sent: consecutive numbers of one epoch, or a gap in front of them. */
export interface SpoolBatch {
  readonly epochId: string;
  /** Whole records; views that stay valid until the next call of a method of the spool. */
  readonly records: readonly Buffer[];
  /** Number to continue from after these. */
  readonly nextSeq: number;
  /** Nothing more of the epoch could be read now. */
  readonly isEnd: boolean;
}

/** Single-threaded; no method may be called from inside another one's callback. */
export interface Spool {
  /**
   * The number of `schema` in the current epoch; its schema record stands in front of whatever is appended next. Equal
   * hashes are the same schema. Call it for every schema of a record before each `append`: a number is good for the
   * next record only, because the spool may begin another epoch after any of them.
   */
  declareSchema(schema: HashedSchema): number;
  /**
   * Numbers the record and keeps it. Never throws for lack of room: the oldest records make way.
   * @throws AppError LIMIT_EXCEEDED when the record by itself is larger than the wire allows
   */
  append(draft: RecordDraft, counts: RecordCounts): void;
  /** Epochs that still hold records or are current, oldest first, the current one last. */
  epochs(): readonly EpochState[];
  /**
   * Records of the epoch from number `fromSeq` on, oldest first; a gap record where numbers were dropped or, because
   * they had been acknowledged, freed. At least one record if there is any, even a larger one than `maxBytes`; empty
   * when there is none.
   */
  read(
    epochId: string,
    fromSeq: number,
    limits: { readonly maxBytes: number; readonly maxRecords: number },
  ): SpoolBatch;
  /** Checksum of the record with this number, undefined when it is not held. */
  crcOf(epochId: string, seq: number): number | undefined;
  /** Everything up to `watermark` is durable at the collector; the records may be freed. */
  acknowledge(epochId: string, watermark: number): void;
  /**
   * Puts a fresh epoch in the place of `epochId`; it is the current one if that was. Held records above `rehomeAfter`
   * move into it with new numbers, together with the schemas that they use and the gaps between them; what lies below
   * is forgotten. An epoch that is not held is left alone.
   */
  rotateEpoch(options: { readonly epochId: string; readonly rehomeAfter: number }): void;
  /**
   * Gives up one held record and declares it lost in a gap record with the same number. Does nothing when no record
   * with this number is held.
   * @param reason one of GAP_REASON
   */
  giveUp(record: { readonly epochId: string; readonly seq: number; readonly reason: number }): void;
  /** Called after each append, so that the link can send. One listener. */
  onAppend(listener: () => void): void;
  stats(): SpoolStats;
  close(): void;
}
