/** The tables `outbox` and `attempts`. Every method that writes does so in one transaction, except `enqueue`. */
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import { jsonColumn, snapshotSchema, TRANSITION_KINDS, type Transition } from '../incidents/transition.ts';
import type { Notification, SendResult } from '../notify/notifier.ts';
import type { Route } from '../routing/routing.ts';

/** A row that may be sent now: nothing of its incident waits before it at this receiver. */
export interface OutboxRow {
  readonly id: number;
  readonly attempts: number;
  readonly createdMs: number;
  readonly notBeforeMs: number;
  readonly notification: Notification;
}

export interface Attempt {
  readonly id: number;
  readonly row: OutboxRow;
  /** 1, 2, … within the row. */
  readonly number: number;
  readonly startedMonoMs: number;
}

/** What becomes of a row after an attempt. */
export type RowEnd =
  | { readonly status: 'delivered' }
  | { readonly status: 'waiting'; readonly notBeforeMs: number; readonly error: string }
  | { readonly status: 'dead'; readonly error: string };

export type UnsentCounts = Readonly<Record<'queued' | 'waiting' | 'sending', number>>;

export interface DeadRow {
  readonly id: number;
  readonly receiver: string;
  readonly incidentId: string;
  readonly transitionId: string;
  readonly attempts: number;
  readonly error: string;
}

/** One receiver's part in a transition. */
export interface Notice {
  readonly transition: Transition;
  readonly route: Route;
}

export interface UnsentRow {
  readonly receiver: string;
  readonly status: 'suppressed' | 'dead';
  readonly reason: string;
}

const UNSENT = `status IN ('queued', 'waiting', 'sending')`;

const headRow = z.object({
  id: z.number(),
  transition_id: z.string(),
  incident_id: z.string(),
  sequence: z.number(),
  receiver: z.string(),
  attempts: z.number(),
  created_ms: z.number(),
  not_before_ms: z.number(),
  kind: z.enum(TRANSITION_KINDS),
  snapshot: jsonColumn(snapshotSchema),
});
const deadRow = z.object({
  id: z.number(),
  receiver: z.string(),
  incident_id: z.string(),
  transition_id: z.string(),
  attempts: z.number(),
  last_error: z.string(),
});
const sendingRow = z.object({ id: z.number(), receiver: z.string(), attempts: z.number() });
const countRow = z.object({ status: z.enum(['queued', 'waiting', 'sending']), count: z.number() });

export class OutboxRows {
  readonly #database: Database;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(database: Database) {
    this.#database = database;
    this.#sql = prepare(database);
  }

  /**
   * Adds the rows of `notices`. To be called inside the transaction that stores the transitions.
   * @param unsentMax a row beyond this many of its receiver is a dead letter at once
   * @returns what became of each row that will not be sent
   */
  enqueue(notices: readonly Notice[], unsentMax: number): readonly UnsentRow[] {
    const unsentCounts = new Map<string, number>();
    const unsent: UnsentRow[] = [];
    for (const { transition, route } of notices) {
      const { receiver } = route;
      const count = unsentCounts.get(receiver) ?? this.#unsentCount(receiver);
      const verdict = verdictOf(route, count, unsentMax);
      unsentCounts.set(receiver, verdict.status === 'queued' ? count + 1 : count);
      const { delivery } = route;
      this.#sql.insert.run(
        transition.id,
        transition.incidentId,
        transition.sequence,
        receiver,
        verdict.status,
        transition.atMs,
        transition.atMs,
        verdict.reason,
        route.verdict === 'suppressed' && route.isHeld === true ? 1 : 0,
        delivery?.groupKey ?? '',
        delivery?.groupWaitMs ?? 0,
        delivery?.repeatMs ?? null,
        delivery?.fallback ?? null,
      );
      if (verdict.status !== 'queued') unsent.push({ receiver, ...verdict });
    }
    return unsent;
  }

  #unsentCount(receiver: string): number {
    return Number(this.#sql.unsentCount.get(receiver)?.['count'] ?? 0);
  }

  /**
   * The first unsent row of each incident of a receiver, soonest first, at most `limit`. Rows that are under way, and
   * those behind them, are not among them.
   */
  heads(receiver: string, limit: number): readonly OutboxRow[] {
    return this.#sql.heads.all(receiver, limit).map((raw) => {
      const row = headRow.parse(raw);
      return {
        id: row.id,
        attempts: row.attempts,
        createdMs: row.created_ms,
        notBeforeMs: row.not_before_ms,
        notification: {
          transitionId: row.transition_id,
          incidentId: row.incident_id,
          sequence: row.sequence,
          kind: row.kind,
          receiver: row.receiver,
          snapshot: row.snapshot,
        },
      };
    });
  }

  /** Notes that an attempt is about to start. Only then may anything leave the program. */
  begin(row: OutboxRow, nowMs: number, nowMonoMs: number): Attempt {
    return this.#database.transaction(() => {
      const number = row.attempts + 1;
      this.#sql.sending.run(number, nowMs, row.id);
      const { lastInsertRowid } = this.#sql.beginAttempt.run(row.id, number, nowMs);
      return { id: Number(lastInsertRowid), row, number, startedMonoMs: nowMonoMs };
    });
  }

  /** Notes how an attempt ended. */
  finish(attempt: Attempt, result: SendResult, end: RowEnd, nowMonoMs: number): void {
    const isDelivered = result.kind === 'delivered';
    this.#database.transaction(() => {
      this.#sql.finishAttempt.run(
        Math.round(nowMonoMs - attempt.startedMonoMs),
        result.kind,
        result.status,
        isDelivered ? null : result.error,
        isDelivered ? null : result.excerpt,
        attempt.id,
      );
      this.#sql.finishRow.run(
        end.status,
        end.status === 'waiting' ? end.notBeforeMs : attempt.row.notBeforeMs,
        end.status === 'delivered' ? null : end.error,
        attempt.row.id,
      );
    });
  }

  /**
   * Attempts that have no result and are not under way here were cut off by a crash, or their result could not be
   * written. Nobody knows whether the receiver got them: they are repeated with the same id.
   * @param notBeforeMs when to repeat a row that has had so many attempts
   * @returns the receivers concerned, one entry for each row
   */
  recover(inFlight: ReadonlySet<number>, notBeforeMs: (attempts: number) => number): readonly string[] {
    const lost = this.#sql.sendingRows
      .all()
      .map((raw) => sendingRow.parse(raw))
      .filter(({ id }) => !inFlight.has(id));
    if (lost.length === 0) return [];
    return this.#database.transaction(() =>
      lost.map(({ id, receiver, attempts }) => {
        this.#sql.ambiguousAttempts.run(id);
        this.#sql.resume.run(notBeforeMs(attempts), id);
        return receiver;
      }),
    );
  }

  /** Gives up all rows of `receiver` that are not under way and were created before `createdBeforeMs`. */
  giveUp(receiver: string, createdBeforeMs: number, reason: string): readonly DeadRow[] {
    return this.#database.transaction(() =>
      this.#sql.giveUp.all(reason, receiver, createdBeforeMs).map((raw) => {
        const row = deadRow.parse(raw);
        return {
          id: row.id,
          receiver: row.receiver,
          incidentId: row.incident_id,
          transitionId: row.transition_id,
          attempts: row.attempts,
          error: row.last_error,
        };
      }),
    );
  }

  /** Receivers that have unsent rows. */
  receiversWithUnsent(): readonly string[] {
    return this.#sql.unsentReceivers.all().map((row) => z.string().parse(row['receiver']));
  }

  /** Rows that are not sent yet, by status. */
  unsentByStatus(): UnsentCounts {
    const counts = { queued: 0, waiting: 0, sending: 0 };
    for (const raw of this.#sql.unsentByStatus.all()) {
      const { status, count } = countRow.parse(raw);
      counts[status] = count;
    }
    return counts;
  }

  /** When the oldest unsent row was created, UTC milliseconds; `null` when all is sent. */
  oldestUnsentMs(): number | null {
    return z
      .number()
      .nullable()
      .parse(this.#sql.oldestUnsent.get()?.['oldest'] ?? null);
  }
}

function verdictOf(
  route: Route,
  unsentCount: number,
  unsentMax: number,
): { readonly status: 'queued'; readonly reason: null } | Omit<UnsentRow, 'receiver'> {
  if (route.verdict === 'suppressed') return { status: 'suppressed', reason: route.reason };
  if (unsentCount < unsentMax) return { status: 'queued', reason: null };
  return { status: 'dead', reason: `outbox full: ${unsentMax} notifications wait for this receiver` };
}

// The condition UNSENT is repeated where a shorter one would do: only then SQLite uses the partial index.
function prepare({ connection }: Database) {
  return {
    insert: connection.prepare(`
      INSERT INTO outbox (transition_id, incident_id, sequence, receiver, status, created_ms, not_before_ms, last_error,
        is_held, group_key, group_wait_ms, repeat_ms, fallback)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    unsentCount: connection.prepare(`SELECT count(*) AS count FROM outbox WHERE receiver = ? AND ${UNSENT}`),
    heads: connection.prepare(`
      SELECT o.id, o.transition_id, o.incident_id, o.sequence, o.receiver, o.attempts, o.created_ms, o.not_before_ms,
        t.kind, t.snapshot
      FROM outbox AS o JOIN transitions AS t ON t.id = o.transition_id
      WHERE o.receiver = ? AND o.${UNSENT} AND o.status <> 'sending' AND NOT EXISTS (
        SELECT 1 FROM outbox AS p
        WHERE p.incident_id = o.incident_id AND p.receiver = o.receiver AND p.sequence < o.sequence
          AND p.${UNSENT})
      ORDER BY o.not_before_ms, o.id LIMIT ?`),
    sending: connection.prepare(
      `UPDATE outbox SET status = 'sending', attempts = ?, last_attempt_ms = ? WHERE id = ?`,
    ),
    beginAttempt: connection.prepare('INSERT INTO attempts (outbox_id, number, started_ms) VALUES (?, ?, ?)'),
    finishAttempt: connection.prepare(
      'UPDATE attempts SET latency_ms = ?, outcome = ?, status = ?, error = ?, excerpt = ? WHERE id = ?',
    ),
    finishRow: connection.prepare(
      'UPDATE outbox SET status = ?, not_before_ms = ?, last_error = ? WHERE id = ?',
    ),
    sendingRows: connection.prepare(
      `SELECT id, receiver, attempts FROM outbox WHERE status = 'sending' ORDER BY id`,
    ),
    ambiguousAttempts: connection.prepare(
      `UPDATE attempts SET outcome = 'ambiguous' WHERE outbox_id = ? AND outcome IS NULL`,
    ),
    resume: connection.prepare(`UPDATE outbox SET status = 'waiting', not_before_ms = ? WHERE id = ?`),
    giveUp: connection.prepare(`
      UPDATE outbox SET status = 'dead', last_error = ?
      WHERE receiver = ? AND ${UNSENT} AND status <> 'sending' AND created_ms < ?
      RETURNING id, receiver, incident_id, transition_id, attempts, last_error`),
    unsentReceivers: connection.prepare(`SELECT DISTINCT receiver FROM outbox WHERE ${UNSENT}`),
    unsentByStatus: connection.prepare(
      `SELECT status, count(*) AS count FROM outbox WHERE ${UNSENT} GROUP BY status`,
    ),
    oldestUnsent: connection.prepare(`SELECT min(created_ms) AS oldest FROM outbox WHERE ${UNSENT}`),
  };
}
