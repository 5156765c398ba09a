/**
 * The presence of all hosts: feeds each host's state machine with what the gateway sees and with time, writes the
 * transitions down and tells who listens. Only states are judged here; what they mean for alerts is alerting's matter, and
 * whether hosts are away together that of outage-watch.ts.
 */
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { ByeReason } from '@rollcall/shared/protocol/messages.ts';
import type { HostState } from '../api/types.ts';
import type { Database } from '../state/database.ts';
import type { CommittedSamples } from '../journal/journal.ts';
import type { Hosts } from './hosts.ts';
import { LateRecords } from './late-records.ts';
import { PresenceHistory, type LastStanding, type PresenceRecord } from './presence-history.ts';
import type { OutageNow } from './mass-outage.ts';
import { missedSince, OutageWatch, type OutageHost } from './outage-watch.ts';
import {
  nextPresence,
  unknownPresence,
  type Presence,
  type PresenceEvent,
  type PresenceReason,
} from './presence-machine.ts';
import { startGraceMs, type PresenceWatchSettings } from './presence-settings.ts';

/** Looks at time that it takes from the end of the start's grace to the verdict on those who did not come. */
const START_TICKS = 3;
const SEEN_WRITE_MS = 60_000;
/** How often the time of the last look is written: what a crash can hide of it. */
const WATCHED_WRITE_MS = 15_000;
/** A tick so much too late means that this process stood still, not that the hosts were silent. */
const STALL_MS = 2_000;

const TICK: PresenceEvent = { kind: 'tick' };
const WORK: PresenceEvent = { kind: 'maintenance', isOpen: true };
const NO_WORK: PresenceEvent = { kind: 'maintenance', isOpen: false };

/** At which hosts there is planned work at a moment of the wall clock, by id. */
export type PlannedWork = (wallMs: number) => (hostId: string) => boolean;

export interface PresenceChange {
  readonly hostId: string;
  readonly from: HostState;
  readonly to: HostState;
  readonly reason: PresenceReason;
  /** Wall clock. */
  readonly atMs: number;
}

export interface PresenceNow {
  readonly state: HostState;
  /** Wall clock. */
  readonly sinceMs: number;
  /** Wall clock; null when the host was never heard of. */
  readonly lastSeenMs: number | null;
}

interface Watched extends OutageHost {
  presence: Presence;
  sinceWallMs: number;
  lastSeenMs: number | null;
  writtenSeenMs: number;
  /** It was there when the collector last ran: that it does not come after the start is news. */
  readonly isMissed: boolean;
  missedSinceMs: number | null;
  /** It has been here. Until then its history stays UNKNOWN: nobody promised that it was up. */
  hasCome: boolean;
}

export class PresenceWatch {
  readonly #history: PresenceHistory;
  readonly #lateRecords: LateRecords;
  readonly #hosts: Hosts;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #settings: PresenceWatchSettings;
  readonly #watched = new Map<string, Watched>();
  readonly #counts: Record<HostState, number> = { unknown: 0, up: 0, suspect: 0, down: 0, planned: 0 };
  readonly #listeners = new Set<(change: PresenceChange) => void>();
  readonly #outage: OutageWatch;
  readonly #stopHosts: () => void;
  #stalledMs = 0;
  /** When the next look at time should be. */
  #tickDueMonoMs: number;
  #writtenWatchedMs = 0;
  #revision = 0;
  #isWriteFailing = false;
  #timer: Timer | undefined;
  #plannedWork: PlannedWork | undefined;

  /** Every host that is not revoked begins UNKNOWN. @param options.agesMs by which history is too old @default now, UTC */
  constructor(options: {
    readonly database: Database;
    readonly hosts: Hosts;
    readonly clock: Clock;
    readonly agesMs?: number;
    readonly log: Logger;
    readonly settings: PresenceWatchSettings;
  }) {
    this.#hosts = options.hosts;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#settings = options.settings;
    this.#tickDueMonoMs = this.#clock.monoMs() + this.#settings.tickMs;
    const startedMs = this.#clock.wallMs();
    this.#history = new PresenceHistory(options.database, options.agesMs ?? startedMs);
    this.#lateRecords = new LateRecords((hostId, span) => {
      if (this.#watched.has(hostId)) this.#history.prove(hostId, { ...span, proof: 'records' });
    });
    let vanishedMs = startedMs;
    for (const host of this.#hosts.all()) {
      if (host.revokedMs !== null) continue;
      const standing = this.#history.lastStanding(host.id);
      if (standing.kind === 'vanished') vanishedMs = Math.min(vanishedMs, standing.sinceMs);
      this.#watch(host.id, standing, host.lastSeenMs);
    }
    this.#outage = new OutageWatch({
      hosts: this.#watched,
      step: (hostId, event) => this.#step(hostId, event),
      log: this.#log,
      settings: this.#settings.mass,
      startedMs,
      unclearUntilMs: this.#nowMs() + this.#startGraceMs + START_TICKS * this.#settings.tickMs,
    });
    this.#outage.resume(vanishedMs);
    this.#stopHosts = this.#hosts.onChange(({ kind, id }) => {
      if (kind === 'added') this.#watch(id, null, null);
      else this.#unwatch(id, kind === 'revoked');
    });
  }

  /**
   * A session of the host was established. Unknown ids are ignored, here and below.
   * @param uptimeMs how long the host says that it has been running, 0 when it does not say
   */
  welcomed(hostId: string, uptimeMs = 0): void {
    this.#proveUptime(hostId, uptimeMs);
    this.#saw(hostId);
    this.#step(hostId, { kind: 'welcomed' });
  }

  /** Anything came from an established session. */
  heard(hostId: string): void {
    this.#saw(hostId);
    this.#step(hostId, { kind: 'heard' });
  }

  /** The host's session ended without a farewell, and no newer one has taken over. */
  disconnected(hostId: string): void {
    this.#step(hostId, { kind: 'disconnected' });
  }

  /** Ticks that were just stored; the late ones correct the history. */
  committed(ticks: readonly CommittedSamples[]): void {
    this.#lateRecords.committed(ticks, this.#clock.wallMs());
  }

  bye(hostId: string, reason: ByeReason): void {
    this.#saw(hostId);
    this.#step(hostId, { kind: 'bye', reason });
  }

  /** UNKNOWN since 0 for a host that is not watched: revoked, deleted or never enrolled. */
  now(hostId: string): PresenceNow {
    const watched = this.#watched.get(hostId);
    if (watched === undefined) return { state: 'unknown', sinceMs: 0, lastSeenMs: null };
    return {
      state: watched.presence.state,
      sinceMs: watched.sinceWallMs,
      lastSeenMs: watched.lastSeenMs,
    };
  }

  /** Ids and states of all hosts that are watched. */
  *all(): IterableIterator<readonly [string, HostState]> {
    for (const [hostId, { presence }] of this.#watched) yield [hostId, presence.state];
  }

  /** Grows whenever a host comes, goes or changes its state; while it is the same, `all` gives the same. */
  get revision(): number {
    return this.#revision;
  }

  counts(): Readonly<Record<HostState, number>> {
    return { ...this.#counts };
  }

  /** Whether many hosts are away together, so that the collector or its network is the likelier cause. */
  outage(): OutageNow {
    return this.#outage.at(this.#nowMs());
  }

  /** Whether a host is away together with many. */
  isInOutage(hostId: string): boolean {
    return this.#outage.has(hostId);
  }

  /** Calls `listener` right after an outage of many hosts began or ended. Returns the way to stop. */
  onOutage(listener: () => void): () => void {
    return this.#outage.onChange(listener);
  }

  /** Calls `listener` right after each transition. Returns the way to stop. */
  onChange(listener: (change: PresenceChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The states of a host in [fromMs, toMs]; the first ones may have begun earlier.
   * @throws AppError LIMIT_EXCEEDED when it came and went too often in it
   */
  history(hostId: string, range: { readonly fromMs: number; readonly toMs: number }): PresenceRecord {
    // While the database takes no writes the tick alone tries: whoever asks of all hosts would try for each of them.
    if (this.#history.hasUnwritten && !this.#isWriteFailing) this.#write();
    return this.#history.read(hostId, range);
  }

  /** From now on hosts that are away while there is work at them are PLANNED. */
  followPlannedWork(plannedWork: PlannedWork): void {
    this.#plannedWork = plannedWork;
  }

  start(): void {
    this.#timer ??= this.#clock.setTimer(
      this.#settings.tickMs,
      () => {
        this.#timer = undefined;
        this.#tick();
        this.start();
      },
      { isBackground: true },
    );
  }

  /** Stops watching: from now on nothing is known, and the history says so. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#stopHosts();
    this.#listeners.clear();
    this.#outage.close();
    const atMs = this.#clock.wallMs();
    for (const [hostId, watched] of this.#watched) {
      this.#recordSeen(hostId, watched);
      const isOnRecord = watched.hasCome && watched.presence.state !== 'unknown';
      if (isOnRecord) this.#history.note(hostId, atMs, 'unknown', 'collector_stop');
    }
    this.#watched.clear();
    this.#revision++;
    this.#write();
  }

  /**
   * Monotonic time without the spans in which this process stood still. What waited in the sockets meanwhile may come
   * before the late tick, so each look finds out; else a deadline set by it would lie the standstill too far ahead.
   */
  #nowMs(): number {
    const monoMs = this.#clock.monoMs();
    const lateMs = monoMs - this.#tickDueMonoMs;
    if (lateMs > STALL_MS) {
      this.#stalledMs += lateMs;
      this.#tickDueMonoMs = monoMs;
      this.#log.warn('collector stood still', { lateMs: Math.round(lateMs) });
    }
    return monoMs - this.#stalledMs;
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    this.#tickDueMonoMs = this.#clock.monoMs() + this.#settings.tickMs;
    const wallMs = this.#clock.wallMs();
    const hasWork = this.#plannedWork?.(wallMs);
    this.#outage.judge(nowMs, hasWork);
    for (const [hostId, watched] of this.#watched) {
      const { state, untilMs } = watched.presence;
      // Nearly all hosts, once a second: there, or not missed yet.
      const isQuiet = (state === 'up' || state === 'unknown') && nowMs < untilMs;
      if (!isQuiet) this.#lookAt(hostId, watched, hasWork?.(hostId) === true);
      if (Math.abs(wallMs - watched.writtenSeenMs) >= SEEN_WRITE_MS) this.#recordSeen(hostId, watched);
    }
    if (this.#history.hasUnwritten || Math.abs(wallMs - this.#writtenWatchedMs) >= WATCHED_WRITE_MS)
      this.#write();
  }

  /** What time, and planned work that is or is not going on, make of a host. */
  #lookAt(hostId: string, watched: Watched, hasWork: boolean): void {
    // Before the time that a farewell gives runs out, and after the silence was noticed.
    if (watched.presence.state === 'planned') this.#step(hostId, hasWork ? WORK : NO_WORK);
    this.#step(hostId, TICK);
    const { state } = watched.presence;
    if ((state === 'suspect' || state === 'down') && hasWork) this.#step(hostId, WORK);
  }

  #step(hostId: string, event: PresenceEvent): void {
    const watched = this.#watched.get(hostId);
    if (watched === undefined) return;
    const before = watched.presence;
    const after = nextPresence(before, event, this.#nowMs(), this.#settings);
    watched.presence = after;
    if (after.state === before.state && after.reason === before.reason) return;
    const atMs = this.#clock.wallMs();
    if (after.state === before.state) {
      // Only the reason has changed: whether it is away together with many, or that it said farewell twice.
      this.#revision++;
      if (after.state !== 'unknown') this.#note(hostId, watched, atMs);
      return;
    }
    watched.sinceWallMs = atMs;
    watched.missedSinceMs = missedSince(watched);
    this.#revision++;
    this.#counts[before.state]--;
    this.#counts[after.state]++;
    this.#note(hostId, watched, atMs);
    if (before.state === 'up') this.#recordSeen(hostId, watched);
    const change = { hostId, from: before.state, to: after.state, reason: after.reason, atMs };
    for (const listener of this.#listeners) listener(change);
  }

  /** That a host is awaited which was enrolled and never came is a matter of alerts, not of its history. */
  #note(hostId: string, watched: Watched, atMs: number): void {
    const { state, reason } = watched.presence;
    if ((watched.hasCome ||= state === 'up')) this.#history.note(hostId, atMs, state, reason);
  }

  #saw(hostId: string): void {
    const watched = this.#watched.get(hostId);
    if (watched !== undefined) watched.lastSeenMs = this.#clock.wallMs();
  }

  #recordSeen(hostId: string, watched: Watched): void {
    const { lastSeenMs } = watched;
    if (lastSeenMs === null || lastSeenMs === watched.writtenSeenMs) return;
    watched.writtenSeenMs = lastSeenMs;
    this.#hosts.recordSeen(hostId, lastSeenMs);
  }

  /** @param standing where it was when it was last watched, `null` for one that was just enrolled */
  #watch(hostId: string, standing: LastStanding | null, lastSeenMs: number | null): void {
    const atMs = this.#clock.wallMs();
    this.#watched.set(hostId, {
      presence: unknownPresence(reasonOf(standing), this.#nowMs(), this.#startGraceMs),
      sinceWallMs: atMs,
      lastSeenMs,
      writtenSeenMs: lastSeenMs ?? 0,
      isMissed: standing?.kind === 'there',
      missedSinceMs: null,
      // The time is written some seconds after the state, so that after a crash either may tell.
      hasCome: lastSeenMs !== null || (standing !== null && standing.kind !== 'away'),
    });
    this.#revision++;
    this.#counts.unknown++;
    if (standing === null) this.#history.note(hostId, atMs, 'unknown', 'enrolled');
  }

  get #startGraceMs(): number {
    return this.#settings.startGraceMs ?? startGraceMs(this.#hosts.count);
  }

  #unwatch(hostId: string, hasHistory: boolean): void {
    // Also of one that was revoked before: that may not be written yet.
    if (!hasHistory) this.#history.drop(hostId);
    const watched = this.#watched.get(hostId);
    if (watched === undefined) return;
    this.#counts[watched.presence.state]--;
    this.#watched.delete(hostId);
    this.#revision++;
    this.#lateRecords.forget(hostId);
    if (hasHistory) this.#history.note(hostId, this.#clock.wallMs(), 'unknown', 'revoked');
  }

  #write(): void {
    const watchedMs = this.#clock.wallMs();
    try {
      this.#history.write(watchedMs);
      this.#writtenWatchedMs = watchedMs;
      if (this.#isWriteFailing) this.#log.info('presence is written again', this.#history.takeDropped());
      this.#isWriteFailing = false;
    } catch (error) {
      if (!this.#isWriteFailing)
        this.#log.error('presence cannot be written', { error: describeError(error) });
      this.#isWriteFailing = true;
    }
  }

  /** A host that comes back and has not stopped since was only cut off, or its agent was. */
  #proveUptime(hostId: string, uptimeMs: number): void {
    const watched = this.#watched.get(hostId);
    if (watched === undefined || watched.presence.state === 'up' || watched.lastSeenMs === null) return;
    const toMs = this.#clock.wallMs();
    const fromMs = Math.max(toMs - uptimeMs, watched.lastSeenMs);
    if (fromMs < toMs) this.#history.prove(hostId, { fromMs, toMs, proof: 'uptime' });
  }
}

function reasonOf(standing: LastStanding | null): PresenceReason {
  if (standing === null) return 'enrolled';
  return standing.kind === 'vanished' ? 'vanished_together' : 'collector_start';
}
