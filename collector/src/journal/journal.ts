/**
 * The journal: the durable log of what agents sent, and the only place an acknowledgement may come from. A record and
 * the watermark that covers it are written in one transaction; see docs/protocol.md for the table of answers.
 */
import type { ErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { EpochMark, EpochState } from '@rollcall/shared/protocol/handshake.ts';
import type { WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { FailedBlock, ValuesBlock } from '@rollcall/shared/protocol/samples.ts';

/** What the journal says to one record. */
export type ApplyOutcome =
  /** Joined the open group; acknowledged after its commit. */
  | { readonly kind: 'accepted'; readonly samples: number }
  /** Already there, byte for byte as far as can be told. */
  | { readonly kind: 'duplicate' }
  /** Consumed without being stored, for ever; the agent is told and goes on. */
  | { readonly kind: 'rejected'; readonly code: ErrorCode; readonly samples: number; readonly text: string }
  /** Nothing stored; the session must end with this error. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly text: string };

/** What a session hears from the journal, always after the fact and never from inside `apply`. */
export interface JournalSessionEvents {
  /** A group with records of this session is on stable storage. */
  committed(epochId: string, watermark: number): void;
  /** The group failed: nothing of it is stored, and the session must end with STORAGE_UNAVAILABLE. */
  failed(text: string): void;
}

/** One agent's live session. At most one per agent is open; opening another one closes it. */
export interface JournalSession {
  /** What the collector has of each of the agent's epochs, for WELCOME. */
  readonly marks: readonly EpochMark[];
  /**
   * Judges one record against the session's working watermark. Synchronous; the bytes are copied.
   * @param epochId one of the session's epochs, else refused with PROTOCOL_ERROR
   */
  apply(epochId: string, record: WireRecord): ApplyOutcome;
  /** The session ends; what already joined a group is still committed. */
  close(): void;
}

/** A tick as it was stored. */
export interface CommittedSamples {
  readonly pos: number;
  /** 32 hexadecimal digits. */
  readonly agentId: string;
  readonly epochId: string;
  /** Time of the record: its samples' time before each block's own offset. */
  readonly timeMs: number;
  readonly blocks: readonly (ValuesBlock | FailedBlock)[];
}

export interface JournalStats {
  readonly rows: number;
  readonly bytes: number;
  /** False while the last commit failed; nothing is acknowledged then. */
  readonly isWritable: boolean;
}

export interface Journal {
  /** Random, made with the database; agents notice by it that a store was replaced. 32 hexadecimal digits. */
  readonly storeId: string;
  /**
   * Opens the session of an agent after the group that is open has been settled, so that marks are what is durable.
   * @throws AppError STORAGE_UNAVAILABLE
   */
  openSession(
    agent: { readonly agentId: string; readonly epochs: readonly EpochState[] },
    events: JournalSessionEvents,
  ): Promise<JournalSession>;
  /** Calls `listener` after each commit with the ticks in it, in journal order. Returns the way to stop. */
  onCommitted(listener: (ticks: readonly CommittedSamples[]) => void): () => void;
  /** Samples lost and declared by the agent, by reason name (GAP_REASON_NAMES). */
  lostSamples(agentId: string): Readonly<Record<string, number>>;
  stats(): JournalStats;
  /** Commits what is open, then closes. */
  close(): Promise<void>;
}
