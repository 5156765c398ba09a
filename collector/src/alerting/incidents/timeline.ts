/** What happened to an incident and who was told, in the order of time. */
import * as z from 'zod';
import type { IncidentAttempt, IncidentEvent } from '../../api/types.ts';
import type { Database } from '../../state/database.ts';
import { TRANSITION_KINDS } from './transition.ts';

export interface Timeline {
  /** Oldest first; empty for an incident that does not exist. */
  of(incidentId: string): readonly IncidentEvent[];
}

/** Notifications of one incident that are listed, the latest ones. */
const NOTIFICATIONS_MAX = 500;
/** Attempts that are listed with a notification, the latest ones. */
const ATTEMPTS_MAX = 20;

const transitionRow = z.object({
  kind: z.enum(TRANSITION_KINDS),
  at_ms: z.number(),
  person: z.string().nullable(),
  note: z.string().nullable(),
});
const notificationRow = z.object({
  id: z.number(),
  receiver: z.string(),
  kind: z.enum(['fired', 'escalated', 'resolved', 'closed']),
  status: z.enum(['queued', 'sending', 'waiting', 'delivered', 'dead', 'superseded', 'suppressed']),
  created_ms: z.number(),
  last_error: z.string().nullable(),
});
const attemptRow = z.object({
  outbox_id: z.number(),
  number: z.number(),
  started_ms: z.number(),
  latency_ms: z.number().nullable(),
  outcome: z.string().nullable(),
  status: z.number().nullable(),
  error: z.string().nullable(),
});

export function createTimeline({ connection }: Database): Timeline {
  const transitions = connection.prepare(
    'SELECT kind, at_ms, person, note FROM transitions WHERE incident_id = ? ORDER BY sequence',
  );
  const notifications = connection.prepare(`
    SELECT o.id, o.receiver, t.kind, o.status, o.created_ms, o.last_error
    FROM outbox AS o JOIN transitions AS t ON t.id = o.transition_id
    WHERE o.incident_id = ? ORDER BY o.id DESC LIMIT ${NOTIFICATIONS_MAX}`);
  const attempts = connection.prepare(`
    SELECT outbox_id, number, started_ms, latency_ms, outcome, status, error FROM (
      SELECT *, row_number() OVER (PARTITION BY outbox_id ORDER BY number DESC) AS age FROM attempts
      WHERE outbox_id IN (SELECT value FROM json_each(?)))
    WHERE age <= ${ATTEMPTS_MAX} ORDER BY outbox_id, number`);

  const attemptsOf = (ids: readonly number[]): ReadonlyMap<number, readonly IncidentAttempt[]> => {
    const byRow = new Map<number, IncidentAttempt[]>(ids.map((id) => [id, []]));
    for (const raw of attempts.all(JSON.stringify(ids))) {
      const row = attemptRow.parse(raw);
      byRow.get(row.outbox_id)?.push({
        number: row.number,
        atMs: row.started_ms,
        latencyMs: row.latency_ms,
        outcome: row.outcome,
        status: row.status,
        error: row.error,
      });
    }
    return byRow;
  };

  return {
    of(incidentId) {
      const happened = transitions.all(incidentId).map((raw): IncidentEvent => {
        const { kind, at_ms: atMs, person, note } = transitionRow.parse(raw);
        return { kind: 'transition', atMs, transition: kind, person, note };
      });
      const rows = notifications.all(incidentId).map((raw) => notificationRow.parse(raw));
      const byRow = attemptsOf(rows.map(({ id }) => id));
      const told = rows.toReversed().map((row): IncidentEvent => ({
        kind: 'notification',
        atMs: row.created_ms,
        receiver: row.receiver,
        transition: row.kind,
        status: row.status,
        reason: row.last_error,
        attempts: byRow.get(row.id) ?? [],
      }));
      // The sort is stable: a transition stands before the notifications that it caused at the same moment.
      return [...happened, ...told].sort((a, b) => a.atMs - b.atMs);
    },
  };
}
