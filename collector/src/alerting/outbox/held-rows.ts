/**
 * Outbox rows beyond those that wait to be sent: what receivers know of an incident, and what is held back from them for
 * now. Everything that writes is to be called inside a transaction.
 */
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import { jsonColumn, snapshotSchema, type Snapshot } from '../incidents/transition.ts';

/** How the rows of an incident stand at one receiver. */
export interface Standing {
  readonly receiver: string;
  /** Whether the receiver got, or may still get, the news that it fired. */
  readonly isTold: boolean;
  /** The incident whose digest told of it; `null` for none. */
  readonly digest: string | null;
  /** Why it was not told; empty when it was. */
  readonly reason: string;
}

/** A row that is suppressed for now. */
export interface HeldRow {
  readonly id: number;
  readonly incidentId: string;
  readonly receiver: string;
  readonly reason: string;
  readonly snapshot: Snapshot;
}

const standingRow = z.object({
  receiver: z.string(),
  status: z.string(),
  digest: z.string().nullable(),
  last_error: z.string().nullable(),
});
const heldRow = z.object({
  id: z.number(),
  incident_id: z.string(),
  receiver: z.string(),
  last_error: z.string().nullable(),
  snapshot: jsonColumn(snapshotSchema),
});

export class HeldRows {
  readonly #sql: ReturnType<typeof prepare>;

  constructor(database: Database) {
    this.#sql = prepare(database);
  }

  /** How each receiver that has rows of an incident stands to it; none when nobody was concerned. */
  standings(incidentId: string): readonly Standing[] {
    const byReceiver = new Map<string, Standing>();
    for (const raw of this.#sql.standings.all(incidentId)) {
      const { receiver, status, digest, last_error: reason } = standingRow.parse(raw);
      const before = byReceiver.get(receiver);
      const isTold = status !== 'suppressed' && status !== 'superseded';
      byReceiver.set(receiver, {
        receiver,
        isTold: isTold || (before?.isTold ?? false),
        digest: digest ?? before?.digest ?? null,
        reason: isTold ? '' : (reason ?? ''),
      });
    }
    return [...byReceiver.values()];
  }

  /**
   * Rows of an incident that `receiver` was never tried with end here, because the news of its end tells both; returns
   * how many.
   */
  supersedeUntried(incidentId: string, receiver: string, reason: string): number {
    return Number(this.#sql.supersedeUntried.run(reason, incidentId, receiver).changes);
  }

  /** The incident is over: nothing of it is told later, or told again. */
  endHolding(incidentId: string): void {
    this.#sql.endHolding.run(incidentId);
  }

  /** Rows that are suppressed for now, behind the row `afterId`, at most `limit`. */
  list(afterId: number, limit: number): readonly HeldRow[] {
    return this.#sql.held.all(afterId, limit).map((raw) => {
      const row = heldRow.parse(raw);
      return {
        id: row.id,
        incidentId: row.incident_id,
        receiver: row.receiver,
        reason: row.last_error ?? '',
        snapshot: row.snapshot,
      };
    });
  }

  /** A row stays suppressed, for another reason. */
  holdFor(id: number, reason: string): void {
    this.#sql.holdFor.run(reason, id);
  }

  /** Nothing suppresses a row any more: it is sent as if it were new. */
  release(id: number, nowMs: number): void {
    this.#sql.release.run(nowMs, id);
  }
}

function prepare({ connection }: Database) {
  return {
    standings: connection.prepare(
      'SELECT receiver, status, digest, last_error FROM outbox WHERE incident_id = ? ORDER BY id',
    ),
    supersedeUntried: connection.prepare(`
      UPDATE outbox SET status = 'superseded', last_error = ?
      WHERE incident_id = ? AND receiver = ? AND status = 'queued' AND attempts = 0`),
    endHolding: connection.prepare(`
      UPDATE outbox SET is_held = 0, repeat_at_ms = NULL
      WHERE incident_id = ? AND (is_held = 1 OR repeat_at_ms IS NOT NULL)`),
    held: connection.prepare(`
      SELECT o.id, o.incident_id, o.receiver, o.last_error, t.snapshot
      FROM outbox AS o JOIN transitions AS t ON t.id = o.transition_id
      WHERE o.is_held = 1 AND o.id > ? ORDER BY o.id LIMIT ?`),
    holdFor: connection.prepare('UPDATE outbox SET last_error = ? WHERE id = ?'),
    release: connection.prepare(`
      UPDATE outbox SET status = 'queued', is_held = 0, created_ms = ?1, not_before_ms = ?1, last_error = NULL
      WHERE id = ?2 AND is_held = 1`),
  };
}
