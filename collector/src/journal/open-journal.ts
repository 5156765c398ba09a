/**
 * The journal behind its seam: sessions, group commit, recovery after a commit that failed. Long, because all of it turns
 * around one open group.
 */
import { backoffDelayMs } from '@rollcall/shared/lib/backoff.ts';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { GAP_REASON_NAMES } from '@rollcall/shared/protocol/gap.ts';
import type { EpochMark, EpochState } from '@rollcall/shared/protocol/handshake.ts';
import { storedBody } from './stored-body.ts';
import { decodeSamples } from '@rollcall/shared/protocol/samples.ts';
import type { BlockChange } from './blocks.ts';
import type { ReceiveTime } from './apply.ts';
import type { JournalChanges } from './changes.ts';
import { ClockGuard } from './clock-guard.ts';
import { CommitGroup } from './group.ts';
import {
  COLLECTOR_AGENT_ID,
  type ApplyOutcome,
  type CommittedSamples,
  type HoldReason,
  type JournalAgent,
  type JournalSession,
  type JournalSessionEvents,
  type JournalStats,
  type PruneResult,
  type SealableJournal,
} from './journal.ts';
import { emptyMark, Lane } from './lane.ts';
import { JOURNAL_LIMITS } from './limits.ts';
import { SchemaCache } from './schema-cache.ts';
import { Session, type SessionHost } from './session.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { CommitBatch, JournalStore, OwnStore, PruneStep, StoredLane } from './store.ts';

/** Between attempts to write again after a failed commit. */
const PROBE_BACKOFF = { baseMs: 1_000, maxMs: 30_000, factor: 2 } as const;
const PROBE_MS_MIN = 100;

export interface JournalOptions {
  /** The database file; its folder exists. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** For the store's id and for jitter. */
  readonly randomBytes: (count: number) => Buffer;
  /** Resolves in a later turn of the event loop. */
  readonly yieldToLoop: () => Promise<void>;
  /** Shared with the reader, so that each schema is in memory once. */
  readonly schemas?: SchemaCache;
  /** Told of everything that changes in the database. */
  readonly changes?: JournalChanges;
  /** Puts something between the journal and its database; tests inject faults here. */
  readonly wrapStore?: (store: OwnStore) => JournalStore;
}

/** @throws AppError DATA_DIR_UNUSABLE, DATABASE_TOO_NEW */
export function openJournal(options: JournalOptions): SealableJournal {
  const schemas = options.schemas ?? new SchemaCache();
  const newStoreId = options.randomBytes(16).toString('hex');
  const { path, clock, changes } = options;
  const store = openSqliteStore({ path, clock, newStoreId, schemas, changes });
  return new StoreJournal(options.wrapStore?.(store) ?? store, schemas, options);
}

class StoreJournal implements SealableJournal, SessionHost {
  readonly storeId: string;
  readonly schemas: SchemaCache;
  readonly #store: JournalStore;
  readonly #options: JournalOptions;
  readonly #clockGuard: ClockGuard;
  readonly #sessions = new Map<string, Session>();
  readonly #listeners = new Set<(ticks: readonly CommittedSamples[]) => void>();
  /** By agent, until a gap of it is stored; asked for every host every ten seconds, and seldom anything new. */
  readonly #lostSamples = new Map<string, Readonly<Record<string, number>>>();
  readonly #held: { rows: number; bytes: number; samples: number };
  readonly #counts = {
    commits: 0,
    failedCommits: 0,
    duplicates: 0,
    rejectedRecords: 0,
    refusedBlocks: 0,
    correctedTicks: 0,
  };
  #open = new CommitGroup();
  #inFlight: CommitGroup | undefined;
  #commitTimer: Timer | undefined;
  #isCommitDue = false;
  #commits: Promise<void> = Promise.resolve();
  #probeTimer: Timer | undefined;
  #unavailable: string | undefined;
  readonly #holdReasons = new Map<HoldReason, string>();
  #keptAfterPos = Number.POSITIVE_INFINITY;
  #lastPos: number;
  #lastLaneId: number;
  #durablePos: number;
  #isClosed = false;

  constructor(store: JournalStore, schemas: SchemaCache, options: JournalOptions) {
    this.#store = store;
    this.schemas = schemas;
    this.#options = options;
    this.storeId = store.storeId;
    const totals = store.totals();
    this.#held = { rows: totals.rows, bytes: totals.bytes, samples: totals.samples };
    this.#lastPos = totals.lastPos;
    this.#durablePos = totals.lastPos;
    this.#lastLaneId = totals.lastLaneId;
    this.#clockGuard = new ClockGuard(options.clock, totals.newestReceivedMs);
  }

  async openSession(agent: JournalAgent, events: JournalSessionEvents): Promise<JournalSession> {
    if (this.#isClosed) throw new AppError('DRAINING', 'the journal is closed');
    const { agentId } = agent;
    this.#sessions.get(agentId)?.close();
    const session = new Session(this, agent, events);
    this.#sessions.set(agentId, session);
    if (this.#open.hasAgent(agentId) || this.#inFlight?.hasAgent(agentId) === true) await this.#settle();
    if (this.#sessions.get(agentId) !== session) {
      throw new AppError('SUPERSEDED', `a newer session of agent ${agentId} was opened`);
    }
    try {
      this.#start(session, agent.epochs);
    } catch (error) {
      this.#sessions.delete(agentId);
      throw new AppError(
        'STORAGE_UNAVAILABLE',
        `read the marks of agent ${agentId}: ${describeError(error)}`,
        {
          cause: error,
          isRetryable: true,
        },
      );
    }
    return session;
  }

  onCommitted(listener: (ticks: readonly CommittedSamples[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  lostSamples(agentId: string): Readonly<Record<string, number>> {
    const known = this.#lostSamples.get(agentId);
    if (known !== undefined) return known;
    const lost: Record<string, number> = {};
    for (const [reason, samples] of this.#store.lostSamples(agentId)) {
      const name = GAP_REASON_NAMES[reason] ?? 'other';
      lost[name] = (lost[name] ?? 0) + samples;
    }
    this.#lostSamples.set(agentId, lost);
    return lost;
  }

  stats(): JournalStats {
    return { ...this.#held, isWritable: this.unavailable === undefined, ...this.#counts };
  }

  prune(olderThanMs: number, signal: AbortSignal): Promise<PruneResult> {
    return this.#deleteInSteps((rows) => this.#store.prune(olderThanMs, rows, this.#keptAfterPos), signal);
  }

  async changeBlocks(change: BlockChange): Promise<void> {
    if (this.#unavailable !== undefined) throw this.#unavailableError(this.#unavailable);
    try {
      await this.#store.changeBlocks(change);
    } catch (error) {
      throw this.#unavailableError(describeError(error));
    }
  }

  async deleteAgent(agentId: string): Promise<void> {
    if (this.#unavailable !== undefined) throw this.#unavailableError(this.#unavailable);
    try {
      await this.#store.deleteAgent({ agentId, deletedMs: this.#options.clock.wallMs() });
      this.#lostSamples.delete(agentId);
    } catch (error) {
      throw this.#unavailableError(describeError(error));
    }
  }

  hold(who: HoldReason, text: string | undefined): void {
    if (text === undefined) this.#holdReasons.delete(who);
    else this.#holdReasons.set(who, text);
  }

  keepAfter(pos: number): void {
    this.#keptAfterPos = pos;
  }

  deleteSealed(signal: AbortSignal): Promise<PruneResult> {
    return this.#deleteInSteps((rows) => this.#store.deleteSealed(rows, this.#keptAfterPos), signal);
  }

  /** Repeats `step` with as many rows as fit in a few milliseconds, until it says that it is done. */
  async #deleteInSteps(
    step: (rows: number) => Promise<PruneStep>,
    signal: AbortSignal,
  ): Promise<PruneResult> {
    const { yieldToLoop } = this.#options;
    let pruned = { rows: 0, bytes: 0 };
    let limit: number = JOURNAL_LIMITS.pruneRows;
    for (;;) {
      if (signal.aborted || this.#isClosed) throw new AppError('QUERY_CANCELED', 'pruning was stopped');
      if (this.#unavailable !== undefined) throw this.#unavailableError(this.#unavailable);
      const { rows, bytes, samples, isDone, tookMs } = await this.#deleteStep(() => step(limit));
      this.#held.rows -= rows;
      this.#held.bytes -= bytes;
      this.#held.samples -= samples;
      pruned = { rows: pruned.rows + rows, bytes: pruned.bytes + bytes };
      if (isDone) return pruned;
      limit =
        tookMs > JOURNAL_LIMITS.pruneStepMs
          ? Math.max(JOURNAL_LIMITS.pruneRows, Math.floor(limit / 2))
          : Math.min(JOURNAL_LIMITS.pruneRowsMax, limit * 2);
      await yieldToLoop();
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#settle();
    this.#probeTimer?.cancel();
    for (const session of this.#sessions.values()) session.close();
    await this.#store.close();
  }

  #holdReason(): string | undefined {
    for (const text of this.#holdReasons.values()) return text;
    return undefined;
  }

  // For sessions.

  get unavailable(): string | undefined {
    return this.#isClosed ? 'the journal is closed' : (this.#unavailable ?? this.#holdReason());
  }

  receiveTime(): ReceiveTime {
    return this.#clockGuard.read();
  }

  monoMs(): number {
    return this.#options.clock.monoMs();
  }

  corrected(): void {
    this.#counts.correctedTicks++;
  }

  nextPos(): number {
    this.#lastPos++;
    return this.#lastPos;
  }

  openGroup(): CommitGroup {
    if (this.#commitTimer === undefined && !this.#isCommitDue) {
      this.#commitTimer = this.#options.clock.setTimer(JOURNAL_LIMITS.groupMs, () => this.#commitSoon());
    }
    return this.#open;
  }

  joined(): void {
    if (this.#open.isFull) this.#commitSoon();
  }

  listenerFailed(error: unknown): void {
    this.#options.log.error('listener of the journal failed', { error: describeError(error) });
  }

  ended(session: Session): void {
    if (this.#sessions.get(session.agentId) === session) this.#sessions.delete(session.agentId);
  }

  count(outcome: ApplyOutcome): void {
    if (outcome.kind === 'duplicate') this.#counts.duplicates++;
    else if (outcome.kind === 'rejected') this.#counts.rejectedRecords++;
    else if (outcome.kind === 'accepted') this.#counts.refusedBlocks += outcome.refusedBlocks;
  }

  /** Gives a new session its lanes and marks from what is durable. */
  #start(session: Session, epochs: readonly EpochState[]): void {
    const { agentId } = session;
    const origin = agentId === COLLECTOR_AGENT_ID ? 'collector' : 'agent';
    const stored = new Map(this.#store.lanesOf(agentId).map((lane) => [lane.epochId, lane]));
    const lanes = new Map<string, Lane>();
    const marks: EpochMark[] = [];
    for (const { id: epochId, bootId, next } of epochs) {
      const known = stored.get(epochId);
      stored.delete(epochId);
      const mark = known ?? emptyMark(this.#nextLaneId(), { agentId, epochId, bootId });
      const lane = new Lane(mark, origin, this.#store);
      lanes.set(epochId, lane);
      marks.push({ id: epochId, watermark: mark.watermark, crcs: crcPairs(lane, next) });
      // An epoch that is listed again is open again.
      if (known?.isClosed === true && this.#unavailable === undefined) this.openGroup().touch(lane, session);
    }
    for (const lane of stored.values()) this.#closeLane(lane);
    session.start(lanes, marks);
  }

  #closeLane(lane: StoredLane): void {
    // While nothing can be written the next session of the agent does it.
    if (lane.isClosed || this.#unavailable !== undefined) return;
    this.openGroup().closeLane(lane.id);
  }

  #nextLaneId(): number {
    this.#lastLaneId++;
    return this.#lastLaneId;
  }

  /** Resolves when everything that is open now has been committed or has failed. */
  async #settle(): Promise<void> {
    this.#commitSoon();
    await this.#commits;
  }

  /** Commits the open group as soon as the one under way is done, never from inside the caller. */
  #commitSoon(): void {
    this.#commitTimer?.cancel();
    this.#commitTimer = undefined;
    if (this.#isCommitDue) return;
    this.#isCommitDue = true;
    this.#commits = this.#commits.then(() => this.#commitOpen());
  }

  async #commitOpen(): Promise<void> {
    this.#isCommitDue = false;
    this.#commitTimer?.cancel();
    this.#commitTimer = undefined;
    const group = this.#open;
    if (group.isEmpty || this.#unavailable !== undefined) return;
    this.#open = new CommitGroup();
    this.#inFlight = group;
    const batch = group.batch();
    try {
      await this.#store.commit(batch);
    } catch (error) {
      this.#fail(group, error);
      return;
    } finally {
      this.#inFlight = undefined;
    }
    this.#committed(group, batch);
  }

  #committed(group: CommitGroup, batch: CommitBatch): void {
    this.#counts.commits++;
    for (const { pos, bytes, samples } of batch.records) {
      this.#durablePos = pos;
      this.#held.rows++;
      this.#held.bytes += bytes.length;
      this.#held.samples += samples;
    }
    if (batch.gaps.length > 0) for (const { agentId } of batch.marks) this.#lostSamples.delete(agentId);
    group.settle(batch);
    this.#tell(group.ticks);
  }

  #tell(ticks: readonly CommittedSamples[]): void {
    if (ticks.length === 0) return;
    for (const listener of this.#listeners) {
      try {
        listener(ticks);
      } catch (error) {
        this.listenerFailed(error);
      }
    }
  }

  /**
   * A commit failed: nobody knows what is durable, so every session with records in the group, or in the one that was
   * collected meanwhile, must start anew from what the database says.
   */
  #fail(group: CommitGroup, error: unknown): void {
    this.#counts.failedCommits++;
    const text = describeError(error);
    this.#unavailable = text;
    const members = new Set([...group.members(), ...this.#open.members()]);
    this.#open = new CommitGroup();
    this.#commitTimer?.cancel();
    this.#commitTimer = undefined;
    this.#options.log.error('journal cannot be written', { error: text, sessions: members.size });
    for (const member of members) member.onFailed(text);
    this.#probeLater(0);
  }

  #probeLater(attempt: number): void {
    const random = (): number => this.#options.randomBytes(4).readUInt32LE() / 2 ** 32;
    const delayMs = PROBE_MS_MIN + backoffDelayMs(PROBE_BACKOFF, attempt, random);
    this.#probeTimer = this.#options.clock.setTimer(delayMs, () => void this.#probe(attempt), {
      isBackground: true,
    });
  }

  async #probe(attempt: number): Promise<void> {
    if (this.#isClosed) return;
    try {
      await this.#store.reopen();
      if (!this.#isClosed) this.#recovered();
    } catch (error) {
      this.#options.log.debug('journal still cannot be written', { error: describeError(error) });
      this.#probeLater(attempt + 1);
    }
  }

  /** A commit that was reported as failed may have arrived; then its ticks are told now. */
  #recovered(): void {
    const totals = this.#store.totals();
    const ticks = this.#arrivedAfter(this.#durablePos);
    this.#held.rows = totals.rows;
    this.#held.bytes = totals.bytes;
    this.#held.samples = totals.samples;
    this.#durablePos = Math.max(this.#durablePos, totals.lastPos);
    this.#unavailable = undefined;
    this.#lostSamples.clear();
    this.#options.log.info('journal can be written again', { arrivedTicks: ticks.length });
    this.#tell(ticks);
  }

  #arrivedAfter(pos: number): CommittedSamples[] {
    return this.#store.samplesAfter(pos).map(({ bytes, pos, laneId, agentId, epochId, timeMs }) => {
      const schemaOf = (number: number) => this.#store.schemaNumber(laneId, number)?.schema;
      const body = storedBody(bytes);
      const blocks = body === undefined ? [] : decodeSamples(body, schemaOf);
      return {
        pos,
        laneId,
        agentId,
        epochId,
        timeMs,
        blocks: blocks.filter((block) => block.kind !== 'unknown'),
      };
    });
  }

  async #deleteStep(step: () => Promise<PruneStep>): Promise<PruneStep> {
    try {
      return await step();
    } catch (error) {
      throw this.#unavailableError(describeError(error));
    }
  }

  #unavailableError(text: string): AppError {
    return new AppError('STORAGE_UNAVAILABLE', `write to the journal: ${text}`, { isRetryable: true });
  }
}

/**
 * Numbers N, N-1, N-2, N-4, N-8 … with their checksums, as far as the records are still there. N is the watermark, or
 * the last number that the agent has assigned if that is lower: it cannot compare what it does not have.
 */
function crcPairs(lane: Lane, next: number): { readonly seq: number; readonly crc: number }[] {
  const newest = Math.min(lane.mark.watermark, next - 1);
  const pairs: { seq: number; crc: number }[] = [];
  for (let back = 0; back < newest; back = back === 0 ? 1 : back * 2) {
    const seq = newest - back;
    const crc = lane.crcOf(seq);
    if (crc !== undefined) pairs.push({ seq, crc });
  }
  return pairs;
}
