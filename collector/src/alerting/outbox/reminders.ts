/**
 * What is told again or elsewhere: an incident that lasts is repeated where its route says so, and a notification that a
 * receiver does not take in time goes to the fallback of its route as well. To be called inside a transaction.
 */
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import {
  jsonColumn,
  snapshotSchema,
  TRANSITION_KINDS,
  type Snapshot,
  type Transition,
} from '../incidents/transition.ts';
import type { RouteDelivery } from '../routing/routing.ts';
import type { OwnIncidents } from './own-incidents.ts';
import type { Notice } from './rows.ts';

/** Rows that are looked at in one go. */
const BATCH_MAX = 200;
/** When an incident that may not be told again now is looked at next, so that it does not keep others from their turn. */
const ASK_AGAIN_MS = 60_000;

const repeatRow = z.object({
  incident_id: z.string(),
  receiver: z.string(),
  repeat_ms: z.number(),
  fallback: z.string().nullable(),
  snapshot: jsonColumn(snapshotSchema),
});
const lateRow = z.object({
  id: z.number(),
  receiver: z.string(),
  fallback: z.string(),
  transition_id: z.string(),
  incident_id: z.string(),
  sequence: z.number(),
  kind: z.enum(TRANSITION_KINDS),
  at_ms: z.number(),
  snapshot: jsonColumn(snapshotSchema),
  person: z.string().nullable(),
  note: z.string().nullable(),
});

/** A notification that goes to somebody else as well. */
export interface Diversion {
  readonly notice: Notice;
  /** Who did not take it in time. */
  readonly from: string;
}

export interface FallbackLimits {
  /** How long a receiver has for a page, and for anything else. */
  readonly fallbackAfterPageMs: number;
  readonly fallbackAfterOtherMs: number;
}

export class Reminders {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #incidents: OwnIncidents;

  constructor(database: Database, incidents: OwnIncidents) {
    this.#sql = prepare(database);
    this.#incidents = incidents;
  }

  /** Whether `repeats` may have anything to do. */
  isRepeatDue(nowMs: number): boolean {
    return this.#sql.repeatDue.get(nowMs, 1) !== undefined;
  }

  /**
   * The incidents that are to be told again now, each with one new transition for all its receivers.
   * @param mayRepeat whether an incident may be told at this moment; what may not, or is acknowledged, is asked for again
   *   after a minute
   */
  repeats(nowMs: number, mayRepeat: (incidentId: string, snapshot: Snapshot) => boolean): readonly Notice[] {
    const due = this.#sql.repeatDue.all(nowMs, BATCH_MAX).map((raw) => repeatRow.parse(raw));
    return [...Map.groupBy(due, (row) => row.incident_id)].flatMap(([incidentId, rows]) => {
      const [first] = rows;
      if (first === undefined) return [];
      if (
        this.#sql.acknowledged.get(incidentId, nowMs) !== undefined ||
        !mayRepeat(incidentId, first.snapshot)
      ) {
        this.#sql.repeatAt.run(nowMs + ASK_AGAIN_MS, incidentId, nowMs);
        return [];
      }
      const transition = this.#incidents.repeat(incidentId, nowMs);
      this.#sql.repeatAt.run(null, incidentId, nowMs);
      if (transition === null) return [];
      return rows.map(({ receiver, repeat_ms: repeatMs, fallback }) => {
        const delivery: RouteDelivery = { groupKey: '', groupLabels: {}, groupWaitMs: 0, repeatMs, fallback };
        return { transition, route: { receiver, verdict: 'send', delivery } };
      });
    });
  }

  /** Whether `diversions` may have anything to do. */
  isFallbackDue(nowMs: number, limits: FallbackLimits): boolean {
    return this.#sql.late.get(...lateLimits(nowMs, limits), 1) !== undefined;
  }

  /** What goes to a fallback now, each once: what takes too long, and at once what was given up. */
  diversions(nowMs: number, limits: FallbackLimits): readonly Diversion[] {
    const late = this.#sql.late.all(...lateLimits(nowMs, limits), BATCH_MAX).map((raw) => lateRow.parse(raw));
    return late.flatMap((row) => {
      this.#sql.diverted.run(row.id);
      if (this.#sql.hasRow.get(row.transition_id, row.fallback) !== undefined) return [];
      const transition: Transition = {
        id: row.transition_id,
        incidentId: row.incident_id,
        sequence: row.sequence,
        kind: row.kind,
        atMs: row.at_ms,
        snapshot: row.snapshot,
        person: row.person,
        note: row.note,
      };
      const notice: Notice = { transition, route: { receiver: row.fallback, verdict: 'send' } };
      return [{ notice, from: row.receiver }];
    });
  }
}

function lateLimits(
  nowMs: number,
  { fallbackAfterPageMs, fallbackAfterOtherMs }: FallbackLimits,
): readonly [number, number] {
  return [nowMs - fallbackAfterPageMs, nowMs - fallbackAfterOtherMs];
}

function prepare({ connection }: Database) {
  return {
    repeatDue: connection.prepare(`
      SELECT o.incident_id, o.receiver, o.repeat_ms, o.fallback, t.snapshot
      FROM outbox AS o JOIN transitions AS t ON t.id = o.transition_id
      WHERE o.repeat_at_ms IS NOT NULL AND o.repeat_at_ms <= ? ORDER BY o.repeat_at_ms, o.id LIMIT ?`),
    repeatAt: connection.prepare(
      'UPDATE outbox SET repeat_at_ms = ? WHERE incident_id = ? AND repeat_at_ms <= ?',
    ),
    acknowledged: connection.prepare(`
      SELECT 1 FROM incidents
      WHERE id = ? AND ack_ms IS NOT NULL AND (ack_until_ms IS NULL OR ack_until_ms > ?)`),
    late: connection.prepare(`
      SELECT o.id, o.receiver, o.fallback, o.transition_id, o.incident_id, o.sequence, t.kind, t.at_ms, t.snapshot,
        t.person, t.note
      FROM outbox AS o JOIN transitions AS t ON t.id = o.transition_id JOIN incidents AS i ON i.id = o.incident_id
      WHERE o.fallback IS NOT NULL AND o.status IN ('queued', 'waiting', 'sending', 'dead') AND i.status = 'open'
        AND (o.status = 'dead'
          OR o.created_ms + o.group_wait_ms <= CASE i.severity WHEN 'page' THEN ?1 ELSE ?2 END)
      ORDER BY o.id LIMIT ?3`),
    diverted: connection.prepare('UPDATE outbox SET fallback = NULL WHERE id = ?'),
    hasRow: connection.prepare('SELECT 1 FROM outbox WHERE transition_id = ? AND receiver = ?'),
  };
}
