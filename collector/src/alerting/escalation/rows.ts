/** The table `escalations`: the next step of each incident that escalates. Nothing here opens a transaction. */
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import type { Position } from './policy.ts';

export interface Escalation {
  readonly incidentId: string;
  readonly policy: string;
  readonly position: Position;
  readonly dueMs: number;
  /** Whether somebody had acknowledged with an end, so that it waits longer than its policy says. */
  readonly isAcknowledged: boolean;
}

export interface EscalationRows {
  put(
    incidentId: string,
    next: { readonly policy: string; readonly position: Position; readonly dueMs: number },
  ): void;
  /** It waits until then; `null` for until somebody says otherwise. Does nothing where nothing escalates. */
  wait(incidentId: string, untilMs: number | null): void;
  /** Its step is due and held back, until the next `put`, `wait` or `end`. */
  hold(incidentId: string): void;
  end(incidentId: string): void;
  /** All that have a time and are not held back, soonest first, at most `limit`. */
  timed(limit: number): readonly Escalation[];
  /** Those that are held back by id, from the one after `after` on ('' for the first), at most `limit`. */
  held(after: string, limit: number): readonly Escalation[];
  /** Open incidents whose acknowledgement was to last until `nowMs` or before. */
  lapsed(nowMs: number): readonly string[];
  clearAcknowledgement(incidentId: string): void;
}

const escalationRow = z.object({
  incident_id: z.string(),
  policy: z.string(),
  round: z.number(),
  step: z.number(),
  due_ms: z.number(),
  ack_ms: z.number().nullable(),
});

const SELECT = `SELECT e.incident_id, e.policy, e.round, e.step, e.due_ms, i.ack_ms
    FROM escalations AS e JOIN incidents AS i ON i.id = e.incident_id`;

export function createEscalationRows({ connection }: Database): EscalationRows {
  const put = connection.prepare(`
    INSERT INTO escalations (incident_id, policy, round, step, due_ms) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (incident_id) DO UPDATE SET policy = ?2, round = ?3, step = ?4, due_ms = ?5, is_held = 0`);
  const wait = connection.prepare('UPDATE escalations SET due_ms = ?, is_held = 0 WHERE incident_id = ?');
  const hold = connection.prepare('UPDATE escalations SET is_held = 1 WHERE incident_id = ?');
  const end = connection.prepare('DELETE FROM escalations WHERE incident_id = ?');
  const timed = connection.prepare(`
    ${SELECT} WHERE e.due_ms IS NOT NULL AND e.is_held = 0 ORDER BY e.due_ms LIMIT ?`);
  const held = connection.prepare(`
    ${SELECT} WHERE e.is_held = 1 AND e.incident_id > ? ORDER BY e.incident_id LIMIT ?`);
  const lapsed = connection.prepare(
    `SELECT id FROM incidents WHERE status = 'open' AND ack_until_ms IS NOT NULL AND ack_until_ms <= ? ORDER BY id`,
  );
  const clear = connection.prepare(
    'UPDATE incidents SET ack_by = NULL, ack_ms = NULL, ack_until_ms = NULL WHERE id = ?',
  );
  return {
    put: (incidentId, { policy, position, dueMs }) =>
      void put.run(incidentId, policy, position.round, position.step, dueMs),
    wait: (incidentId, untilMs) => void wait.run(untilMs, incidentId),
    hold: (incidentId) => void hold.run(incidentId),
    end: (incidentId) => void end.run(incidentId),
    timed: (limit) => timed.all(limit).map(parse),
    held: (after, limit) => held.all(after, limit).map(parse),
    lapsed: (nowMs) => lapsed.all(nowMs).map((row) => z.string().parse(row['id'])),
    clearAcknowledgement: (incidentId) => void clear.run(incidentId),
  };
}

function parse(raw: unknown): Escalation {
  const row = escalationRow.parse(raw);
  return {
    incidentId: row.incident_id,
    policy: row.policy,
    position: { round: row.round, step: row.step },
    dueMs: row.due_ms,
    isAcknowledged: row.ack_ms !== null,
  };
}
