/** The tables `incidents` and `transitions`. Nothing here opens a transaction; whoever writes does. */
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import {
  jsonColumn,
  snapshotSchema,
  type Snapshot,
  type Transition,
  type TransitionKind,
} from './transition.ts';

export interface IncidentRows {
  readonly sql: ReturnType<typeof prepare>;
  /** Stores a transition under a new id. */
  add(incidentId: string, sequence: number, at: NewTransition): Transition;
  /**
   * Adds a transition that leaves the incident's own facts as they are.
   * @returns `null` when there is no such incident
   */
  follow(incidentId: string, at: Omit<NewTransition, 'snapshot'>): Transition | null;
  /** The incident as it was at its latest transition; `null` when there is none. */
  snapshotOf(incidentId: string): Snapshot | null;
  /** Ends an incident; `null`, and nothing is written, when it has ended already. */
  end(incidentId: string, ending: Ending, nowMs: number): Transition | null;
}

export interface NewTransition {
  readonly kind: TransitionKind;
  readonly atMs: number;
  readonly snapshot: Snapshot;
  readonly person?: string;
  readonly note?: string;
}

export interface Ending {
  readonly kind: 'resolved' | 'closed';
  readonly reason: string;
  readonly value: number | null;
  /** Who closed it. */
  readonly person?: string;
}

const latestRow = z.object({
  sequence: z.number(),
  snapshot: jsonColumn(snapshotSchema),
});

export function createIncidentRows(database: Database, newUlid: () => string): IncidentRows {
  const sql = prepare(database);

  const add: IncidentRows['add'] = (incidentId, sequence, at) => {
    const { kind, atMs, snapshot, person = null, note = null } = at;
    const transition = { id: newUlid(), incidentId, sequence, kind, atMs, snapshot, person, note };
    const text = JSON.stringify(snapshot);
    sql.insertTransition.run(transition.id, incidentId, sequence, kind, atMs, text, person, note);
    return transition;
  };
  const latestOf = (incidentId: string) => {
    const row = sql.latestTransition.get(incidentId);
    return row === undefined ? null : latestRow.parse(row);
  };

  return {
    sql,
    add,
    follow(incidentId, at) {
      const latest = latestOf(incidentId);
      if (latest === null) return null;
      return add(incidentId, latest.sequence + 1, { ...at, snapshot: latest.snapshot });
    },
    snapshotOf: (incidentId) => latestOf(incidentId)?.snapshot ?? null,
    end(incidentId, { kind, reason, value, person }, nowMs) {
      const latest = latestOf(incidentId);
      if (latest === null || latest.snapshot.resolvedMs !== null) return null;
      // The wall clock may have stepped back; nothing ends before it began.
      const resolvedMs = Math.max(nowMs, latest.snapshot.openedMs);
      sql.endIncident.run(resolvedMs, reason, incidentId);
      const snapshot: Snapshot = {
        ...latest.snapshot,
        value: value ?? latest.snapshot.value,
        resolvedMs,
        endReason: reason,
      };
      const by = person === undefined ? {} : { person };
      return add(incidentId, latest.sequence + 1, { kind, atMs: nowMs, snapshot, ...by });
    },
  };
}

function prepare({ connection }: Database) {
  return {
    previousIncident: connection.prepare(
      'SELECT id FROM incidents WHERE instance_key = ? ORDER BY id DESC LIMIT 1',
    ),
    insertIncident: connection.prepare(`
      INSERT INTO incidents (id, instance_key, rule, kind, severity, status, host_id, host_name, title,
        description, labels, value, threshold, opened_ms, previous)
      VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    endIncident: connection.prepare(
      `UPDATE incidents SET status = 'resolved', resolved_ms = ?, end_reason = ? WHERE id = ?`,
    ),
    openOfHost: connection.prepare(
      `SELECT id FROM incidents WHERE host_id = ? AND status = 'open' ORDER BY id`,
    ),
    openOfRule: connection.prepare(
      'SELECT incident_id FROM rule_instances WHERE rule = ? AND incident_id IS NOT NULL ORDER BY incident_id',
    ),
    latestTransition: connection.prepare(
      'SELECT sequence, snapshot FROM transitions WHERE incident_id = ? ORDER BY sequence DESC LIMIT 1',
    ),
    insertTransition: connection.prepare(`
      INSERT INTO transitions (id, incident_id, sequence, kind, at_ms, snapshot, person, note)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    personTransitionCount: connection.prepare(
      'SELECT count(*) AS count FROM transitions WHERE incident_id = ? AND person IS NOT NULL',
    ),
    state: connection.prepare('SELECT status, ack_by, ack_ms, ack_until_ms FROM incidents WHERE id = ?'),
    acknowledge: connection.prepare(
      'UPDATE incidents SET ack_by = ?, ack_ms = ?, ack_until_ms = ? WHERE id = ?',
    ),
    // A closed incident whose condition still holds keeps its rule from opening the same one again.
    prune: connection.prepare(`
      DELETE FROM incidents WHERE id IN (
        SELECT id FROM incidents WHERE status = 'resolved' AND resolved_ms < ? AND NOT EXISTS (
          SELECT 1 FROM outbox WHERE outbox.incident_id = incidents.id
            AND outbox.status IN ('queued', 'waiting', 'sending'))
        AND NOT EXISTS (SELECT 1 FROM rule_instances WHERE rule_instances.incident_id = incidents.id)
        LIMIT ?)`),
  };
}
