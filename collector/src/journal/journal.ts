/**
 * The journal: the durable log of what agents sent, and the only place an acknowledgement may come from. A record and
 * the watermark that covers it are written in one transaction; see docs/protocol.md for the table of answers.
 */
import type { ErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { EpochMark, EpochState } from '@rollcall/shared/protocol/handshake.ts';
import type { WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { FailedBlock, ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import type { BlockChange } from './blocks.ts';
import type { BootReading } from './boot-time.ts';

/**
 * The agent id under which the collector stores what it measures or computes itself. Its schemas carry complete label
 * sets, and its records may be of any time. No agent can have it: enrolment never gives it out.
 */
export const COLLECTOR_AGENT_ID = '0'.repeat(32);

/** What the journal says to one record. */
export type ApplyOutcome =
  /** Joined the open group; acknowledged after its commit. `refusedBlocks` were dropped alone, their schema is unknown. */
  | { readonly kind: 'accepted'; readonly samples: number; readonly refusedBlocks: number }
  /** Already there, byte for byte as far as can be told. */
  | { readonly kind: 'duplicate' }
  /** Consumed without being stored, for ever; the agent is told and goes on. */
  | { readonly kind: 'rejected'; readonly code: ErrorCode; readonly samples: number; readonly text: string }
  /** Nothing stored; the session must end with this error. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly text: string };

/**
 * What a session hears from the journal, always after the fact and never from inside `apply`. After its end it hears
 * nothing more.
 */
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
   * Judges one record against the session's working watermark. Synchronous; the bytes belong to the journal from then on
   * and must not change.
   * @param epochId one of the session's epochs, else refused with PROTOCOL_ERROR
   * @returns refused with SUPERSEDED after the session's end, with STORAGE_UNAVAILABLE while nothing can be written
   */
  apply(epochId: string, record: WireRecord): ApplyOutcome;
  /** The session ends; what already joined a group is still committed. */
  close(): void;
}

/** Who opens a session. */
export interface JournalAgent {
  readonly agentId: string;
  readonly epochs: readonly EpochState[];
  /** What the login told of its machine's boot clock; without it, its wall clock is believed. */
  readonly bootReading?: BootReading | undefined;
}

/** A tick as it was stored. */
export interface CommittedSamples {
  readonly pos: number;
  /** The lane's number in the journal, as the reader uses it. */
  readonly laneId: number;
  /** 32 hexadecimal digits. */
  readonly agentId: string;
  readonly epochId: string;
  /** Time of the record: its samples' time before each block's own offset. */
  readonly timeMs: number;
  /** Known to be whole; values may be decoded when they are first asked for, and take no time or memory until then. */
  readonly blocks: readonly (ValuesBlock | FailedBlock)[];
}

export interface JournalStats {
  /** What the journal holds now. */
  readonly rows: number;
  readonly bytes: number;
  readonly samples: number;
  /** False while the last commit failed; nothing is acknowledged then. */
  readonly isWritable: boolean;
  /** Counters since the start. */
  readonly commits: number;
  readonly failedCommits: number;
  readonly duplicates: number;
  readonly rejectedRecords: number;
  readonly refusedBlocks: number;
  /** Ticks whose machine's wall clock was wrong, and that were stored by its boot clock. */
  readonly correctedTicks: number;
}

export interface PruneResult {
  readonly rows: number;
  readonly bytes: number;
}

export interface Journal {
  /** Random, made with the database; agents notice by it that a store was replaced. 32 hexadecimal digits. */
  readonly storeId: string;
  /**
   * Opens the session of an agent. An older session of it ends, and a group that holds records of it is settled first,
   * so that marks are what is durable. Works while nothing can be written.
   * @throws AppError STORAGE_UNAVAILABLE (cannot even be read), SUPERSEDED (a still newer session was opened meanwhile),
   *   DRAINING (the journal is closed)
   */
  openSession(agent: JournalAgent, events: JournalSessionEvents): Promise<JournalSession>;
  /**
   * Calls `listener` after each commit with the ticks in it, in journal order. Returns the way to stop. Blocks belong to
   * all listeners together and are not changed.
   */
  onCommitted(listener: (ticks: readonly CommittedSamples[]) => void): () => void;
  /** Samples lost and declared by the agent, by reason name (GAP_REASON_NAMES). */
  lostSamples(agentId: string): Readonly<Record<string, number>>;
  stats(): JournalStats;
  /**
   * Deletes records whose time is before `olderThanMs`, in steps of a few milliseconds between which everything else
   * goes on. Not to be called again before it is done.
   * @throws AppError QUERY_CANCELED, STORAGE_UNAVAILABLE; what was deleted until then stays deleted
   */
  prune(olderThanMs: number, signal: AbortSignal): Promise<PruneResult>;
  /** Commits what is open, then closes. */
  close(): Promise<void>;
}

/** What may stop the journal: a full disk, or stores that are away for too long. */
export type HoldReason = 'disk' | 'feed';

/** A journal whose records blocks replace. */
export interface SealableJournal extends Journal {
  /**
   * Changes the catalogue of blocks, all of it or nothing. Whoever reads from now on sees it.
   * @throws AppError STORAGE_UNAVAILABLE: nobody knows whether it happened; read the catalogue to find out
   */
  changeBlocks(change: BlockChange): Promise<void>;
  /**
   * Notes that all data of an agent is to go: its records with the next `deleteSealed`, its samples in blocks when those are
   * written anew. Its id must never be used again.
   * @throws AppError STORAGE_UNAVAILABLE
   */
  deleteAgent(agentId: string): Promise<void>;
  /**
   * Deletes the records that blocks have replaced, in steps of a few milliseconds. Not to be called again before it is
   * done, nor together with `prune`.
   * @throws AppError QUERY_CANCELED, STORAGE_UNAVAILABLE; what was deleted until then stays deleted
   */
  deleteSealed(signal: AbortSignal): Promise<PruneResult>;
  /**
   * While somebody gives a reason nothing is accepted or acknowledged, as if the disk could not be written.
   * @param who has the reason; others have theirs
   * @param text why; undefined to go on
   */
  hold(who: HoldReason, text: string | undefined): void;
  /**
   * Records after the position stay, sealed or too old, because somebody has to read them yet. Infinity, which is the
   * beginning, keeps none. Those of deleted agents go all the same.
   */
  keepAfter(pos: number): void;
}
