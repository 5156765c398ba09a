/**
 * What is on record of the presence of hosts: each transition when it was seen, and what proved later that a host ran
 * although it could not be seen. "Cut off" is not "down", so reading puts the two together; nothing is ever rewritten.
 */
import type { StatementSync } from 'node:sqlite';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { HostState } from '../api/types.ts';
import type { Database } from '../state/database.ts';
import type { PresenceReason } from './presence-machine.ts';
import { integerOf, textOf } from './row.ts';

/** Older transitions are forgotten when the collector starts. */
const HISTORY_MS = 400 * 86_400_000;
/** More are not read at once: it would hold up everybody else. */
const ENTRIES_READ_MAX = 10_000;
/** What waits for a database that does not write. */
const UNWRITTEN_MAX = 100_000;

/** A state and the time from which it held until the next entry. */
export interface PresenceEntry {
  readonly atMs: number;
  readonly state: HostState;
  /** A PresenceReason of this version or an older one, or a Proof for which the host counts as up. */
  readonly reason: string;
}

/** What is on record of a host, oldest first; both empty when nothing is. */
export interface PresenceRecord {
  /** As it was seen at the time. */
  readonly seen: readonly PresenceEntry[];
  /** The host counts as up where something proved later that it ran. */
  readonly corrected: readonly PresenceEntry[];
}

/**
 * Why it is known that a host ran: `records` of that time came later, or by its `uptime` it had not stopped when it came
 * back.
 */
export type Proof = 'records' | 'uptime';

/** A span in which a host ran, both ends included. */
export interface Evidence {
  readonly fromMs: number;
  readonly toMs: number;
  readonly proof: Proof;
}

/** See `lastStanding`. */
export type LastStanding =
  | { readonly kind: 'there' | 'away' }
  /** Since when, wall clock. */
  | { readonly kind: 'vanished'; readonly sinceMs: number };

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

export class PresenceHistory {
  readonly #database: Database;
  #standing: StatementSync | undefined;
  #seenRows: StatementSync | undefined;
  #provenRows: StatementSync | undefined;
  #transitions: { hostId: string; atMs: number; state: HostState; reason: PresenceReason }[] = [];
  /** By host, proof and beginning. */
  #evidence = new Map<string, { readonly hostId: string; readonly evidence: Evidence }>();
  #dropped = 0;

  /** @param nowMs UTC milliseconds; entries are forgotten that are too old by it, and were when hosts were watched last */
  constructor(database: Database, nowMs: number) {
    this.#database = database;
    const row = database.connection.prepare('SELECT watched_ms FROM presence_watch').get();
    const watchedMs = row === undefined ? undefined : integerOf(row, 'watched_ms');
    // A machine whose clock is years ahead when it starts must not take all that is on record for old.
    this.#forgetOld(Math.min(nowMs, watchedMs ?? nowMs) - HISTORY_MS);
    if (watchedMs !== undefined) this.#noteTimeNotWatched(watchedMs);
  }

  get hasUnwritten(): boolean {
    return this.#transitions.length > 0 || this.#evidence.size > 0;
  }

  /** To be written with the next `write`. */
  note(hostId: string, atMs: number, state: HostState, reason: PresenceReason): void {
    if (this.#transitions.length < UNWRITTEN_MAX) this.#transitions.push({ hostId, atMs, state, reason });
    else this.#dropped++;
  }

  /** Proof that a host ran, to be written with the next `write`; a longer span from the same beginning replaces it. */
  prove(hostId: string, evidence: Evidence): void {
    const key = `${hostId} ${evidence.proof} ${evidence.fromMs}`;
    if (this.#evidence.size < UNWRITTEN_MAX || this.#evidence.has(key))
      this.#evidence.set(key, { hostId, evidence });
    else this.#dropped++;
  }

  /** How many entries and proofs found no room while the database did not write, since the last call. */
  takeDropped(): { readonly dropped: number } {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return { dropped };
  }

  /** The host is deleted: its rows would break the foreign key, and with it everybody's. */
  drop(hostId: string): void {
    this.#transitions = this.#transitions.filter((entry) => entry.hostId !== hostId);
    for (const [key, entry] of this.#evidence) if (entry.hostId === hostId) this.#evidence.delete(key);
  }

  /**
   * Writes what was noted, and that the hosts were watched until now. What fails stays for the next time.
   * @throws Error of the database
   */
  write(watchedMs: number): void {
    const { connection } = this.#database;
    this.#database.transaction(() => {
      const transition = connection.prepare(
        `INSERT INTO presence_history (host_id, at_ms, state, reason) SELECT ?1, ?2, ?3, ?4
         WHERE EXISTS (SELECT 1 FROM hosts WHERE id = ?1)`,
      );
      for (const { hostId, atMs, state, reason } of this.#transitions)
        transition.run(hostId, atMs, state, reason);
      const proof = connection.prepare(
        `INSERT INTO presence_evidence (host_id, from_ms, to_ms, proof) SELECT ?1, ?2, ?3, ?4
         WHERE EXISTS (SELECT 1 FROM hosts WHERE id = ?1)
         ON CONFLICT DO UPDATE SET to_ms = max(to_ms, excluded.to_ms)`,
      );
      for (const { hostId, evidence } of this.#evidence.values())
        proof.run(hostId, evidence.fromMs, evidence.toMs, evidence.proof);
      connection
        .prepare(
          'INSERT INTO presence_watch (id, watched_ms) VALUES (1, ?1) ON CONFLICT DO UPDATE SET watched_ms = ?1',
        )
        .run(watchedMs);
    });
    this.#transitions = [];
    this.#evidence.clear();
  }

  /**
   * Where a host was when it was last watched, whatever is unknown since: there, or vanished only then; vanished together
   * with many; or away, also when nothing is on record.
   */
  lastStanding(hostId: string): LastStanding {
    const row = (this.#standing ??= this.#database.connection.prepare(
      `SELECT at_ms, state, reason FROM presence_history WHERE host_id = ?
       AND state <> 'unknown' AND NOT (state = 'suspect' AND reason IN ('never_came', 'planned_over'))
       ORDER BY id DESC LIMIT 1`,
    )).get(hostId);
    if (row === undefined) return { kind: 'away' };
    if (textOf(row, 'reason') === 'vanished_together')
      return { kind: 'vanished', sinceMs: integerOf(row, 'at_ms') };
    const state = parseState(textOf(row, 'state'));
    return { kind: state === 'up' || state === 'suspect' ? 'there' : 'away' };
  }

  /**
   * What is on record of a host in [fromMs, toMs]; the first entries may begin before it.
   * @throws AppError LIMIT_EXCEEDED
   */
  read(hostId: string, range: Range): PresenceRecord {
    const seen = this.#seen(hostId, range);
    return { seen, corrected: correct(seen, this.#proven(hostId, range), range.toMs) };
  }

  #seen(hostId: string, { fromMs, toMs }: Range): PresenceEntry[] {
    const rows = (this.#seenRows ??= this.#database.connection.prepare(
      `SELECT at_ms, state, reason FROM presence_history WHERE host_id = ?1 AND at_ms <= ?3 AND at_ms >= coalesce(
         (SELECT max(at_ms) FROM presence_history WHERE host_id = ?1 AND at_ms <= ?2), 0) ORDER BY id LIMIT ?4`,
    )).all(hostId, fromMs, toMs, ENTRIES_READ_MAX + 1);
    if (rows.length > ENTRIES_READ_MAX) {
      throw new AppError(
        'LIMIT_EXCEEDED',
        `the host came and went more than ${ENTRIES_READ_MAX} times in this span: ask for a shorter one`,
      );
    }
    return rows.map((row) => ({
      atMs: integerOf(row, 'at_ms'),
      state: parseState(textOf(row, 'state')),
      reason: textOf(row, 'reason'),
    }));
  }

  #proven(hostId: string, { fromMs, toMs }: Range): Evidence[] {
    const rows = (this.#provenRows ??= this.#database.connection.prepare(
      'SELECT from_ms, to_ms, proof FROM presence_evidence WHERE host_id = ? AND to_ms >= ? AND from_ms <= ? LIMIT ?',
    )).all(hostId, fromMs, toMs, ENTRIES_READ_MAX);
    return rows.map((row) => ({
      fromMs: integerOf(row, 'from_ms'),
      toMs: integerOf(row, 'to_ms'),
      proof: textOf(row, 'proof') === 'uptime' ? 'uptime' : 'records',
    }));
  }

  /**
   * After a crash the newest rows say what was known then. From the last look on nothing was known, so every host whose
   * newest state is another one gets a row that says so.
   */
  #noteTimeNotWatched(watchedMs: number): void {
    this.#database.connection
      .prepare(
        `INSERT INTO presence_history (host_id, at_ms, state, reason)
         SELECT host_id, max(at_ms, ?), 'unknown', 'collector_gone' FROM presence_history
         WHERE id IN (SELECT max(id) FROM presence_history GROUP BY host_id) AND state <> 'unknown'`,
      )
      .run(watchedMs);
  }

  #forgetOld(beforeMs: number): void {
    this.#database.connection
      .prepare(
        `DELETE FROM presence_history
         WHERE at_ms < ? AND id NOT IN (SELECT max(id) FROM presence_history GROUP BY host_id)`,
      )
      .run(beforeMs);
    this.#database.connection.prepare('DELETE FROM presence_evidence WHERE to_ms < ?').run(beforeMs);
  }
}

/**
 * Entries in which a host counts as up wherever something proves that it ran. Pure.
 * @param entries oldest first
 * @param evidence in any order; spans may overlap. Records weigh more than uptime where both speak
 * @param toMs until when the last entry holds
 */
export function correct(
  entries: readonly PresenceEntry[],
  evidence: readonly Evidence[],
  toMs: number,
): PresenceEntry[] {
  const result: PresenceEntry[] = [];
  const proven = withoutOverlap(evidence);
  for (const [index, entry] of entries.entries()) {
    const endMs = entries[index + 1]?.atMs ?? toMs;
    if (entry.state === 'up') {
      result.push(entry);
      continue;
    }
    let atMs = entry.atMs;
    for (const { fromMs, toMs: untilMs, proof } of within(proven, atMs, endMs)) {
      if (fromMs > atMs) result.push({ ...entry, atMs });
      result.push({ atMs: Math.max(fromMs, atMs), state: 'up', reason: proof });
      atMs = untilMs;
    }
    if (atMs < endMs || atMs === entry.atMs) result.push({ ...entry, atMs });
  }
  return result;
}

/** The spans in order, each without what an earlier one covers. */
function withoutOverlap(evidence: readonly Evidence[]): Evidence[] {
  const sorted = evidence.toSorted(
    (left, right) => left.fromMs - right.fromMs || (left.proof < right.proof ? -1 : 1),
  );
  const parts: Evidence[] = [];
  let atMs = Number.NEGATIVE_INFINITY;
  for (const { fromMs, toMs, proof } of sorted) {
    if (toMs <= Math.max(fromMs, atMs)) continue;
    parts.push({ fromMs: Math.max(fromMs, atMs), toMs, proof });
    atMs = toMs;
  }
  return parts;
}

/** The parts of the spans in [fromMs, endMs); they are in order and do not overlap. */
function* within(spans: readonly Evidence[], fromMs: number, endMs: number): IterableIterator<Evidence> {
  // A search for each entry rather than one walk: when the clock was set back, entries go back too.
  let low = 0;
  for (let high = spans.length; low < high;) {
    const middle = (low + high) >>> 1;
    if ((spans[middle]?.toMs ?? Infinity) > fromMs) high = middle;
    else low = middle + 1;
  }
  for (let span = spans[low]; span !== undefined && span.fromMs < endMs; span = spans[++low]) {
    const toMs = Math.min(span.toMs, endMs);
    yield { fromMs: Math.max(span.fromMs, fromMs), toMs, proof: span.proof };
  }
}

const STATES: readonly HostState[] = ['unknown', 'up', 'suspect', 'down', 'planned'];

function parseState(text: string): HostState {
  return STATES.find((state) => state === text) ?? 'unknown';
}
