/**
 * Incidents that no rule has raised, but the delivery itself: a digest of many others, a receiver that takes nothing. They
 * are stored, told and ended like any other. To be called inside a transaction.
 */
import { hash } from 'node:crypto';
import * as z from 'zod';
import type { Severity } from '../../api/types.ts';
import type { Database } from '../../state/database.ts';
import { jsonColumn, snapshotSchema, type Snapshot, type Transition } from '../incidents/transition.ts';

/** Their names stand in the label `alertname`. */
export const OWN_RULES = ['NotificationDigest', 'NotificationDead'] as const;
export type OwnRule = (typeof OWN_RULES)[number];

export interface OwnIncident {
  readonly rule: OwnRule;
  readonly severity: Severity;
  readonly title: string;
  readonly description: string;
  /** Besides `alertname` and `severity`. */
  readonly labels: Readonly<Record<string, string>>;
}

const latestRow = z.object({
  sequence: z.number(),
  kind: z.string(),
  snapshot: jsonColumn(snapshotSchema),
});

export class OwnIncidents {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #newUlid: () => string;

  constructor(database: Database, newUlid: () => string) {
    this.#sql = prepare(database);
    this.#newUlid = newUlid;
  }

  /** Opens one, and returns that it fired. */
  open({ rule, severity, title, description, labels }: OwnIncident, nowMs: number): Transition {
    const id = `i-${this.#newUlid()}`;
    const snapshot: Snapshot = {
      rule,
      kind: 'uptime',
      severity,
      hostId: null,
      hostName: null,
      title,
      description,
      labels: { ...labels, severity, alertname: rule },
      value: null,
      threshold: null,
      openedMs: nowMs,
      resolvedMs: null,
      endReason: null,
    };
    const key = hash('sha256', `${rule}\n${JSON.stringify(labels)}`).slice(0, 32);
    this.#sql.insert.run(id, key, rule, severity, title, description, JSON.stringify(snapshot.labels), nowMs);
    return this.#add({ incidentId: id, sequence: 1, kind: 'fired', atMs: nowMs, snapshot });
  }

  /** Ends one that is open, and returns that it is resolved; undefined when it is over already. */
  end(incidentId: string, endReason: string, nowMs: number): Transition | undefined {
    const latest = this.#latest(incidentId);
    if (latest === undefined) return undefined;
    const resolvedMs = Math.max(nowMs, latest.snapshot.openedMs);
    if (Number(this.#sql.end.run(resolvedMs, endReason, incidentId).changes) === 0) return undefined;
    const snapshot = { ...latest.snapshot, resolvedMs, endReason };
    return this.#add({ incidentId, sequence: latest.sequence + 1, kind: 'resolved', atMs: nowMs, snapshot });
  }

  /** Says once more that any incident has fired, as it was told first; undefined when it is over. */
  repeat(incidentId: string, nowMs: number): Transition | undefined {
    const latest = this.#latest(incidentId);
    if (latest === undefined || latest.snapshot.resolvedMs !== null) return undefined;
    const { snapshot, sequence } = latest;
    return this.#add({ incidentId, sequence: sequence + 1, kind: 'fired', atMs: nowMs, snapshot });
  }

  /** The open incidents of a rule, by the value of one of their labels. */
  openBy(rule: OwnRule, label: string): ReadonlyMap<string, string> {
    const rows = this.#sql.openOfRule.all(`$."${label}"`, rule);
    return new Map(rows.map((row) => [z.string().parse(row['value']), z.string().parse(row['id'])] as const));
  }

  #latest(incidentId: string): z.infer<typeof latestRow> | undefined {
    const row = this.#sql.latest.get(incidentId);
    return row === undefined ? undefined : latestRow.parse(row);
  }

  #add(draft: Omit<Transition, 'id'>): Transition {
    const id = this.#newUlid();
    const { incidentId, sequence, kind, atMs, snapshot } = draft;
    this.#sql.addTransition.run(id, incidentId, sequence, kind, atMs, JSON.stringify(snapshot));
    return { id, ...draft };
  }
}

function prepare({ connection }: Database) {
  return {
    insert: connection.prepare(`
      INSERT INTO incidents (id, instance_key, rule, kind, severity, status, title, description, labels, opened_ms)
      VALUES (?, ?, ?, 'uptime', ?, 'open', ?, ?, ?, ?)`),
    end: connection.prepare(
      `UPDATE incidents SET status = 'resolved', resolved_ms = ?, end_reason = ? WHERE id = ? AND status = 'open'`,
    ),
    latest: connection.prepare(
      'SELECT sequence, kind, snapshot FROM transitions WHERE incident_id = ? ORDER BY sequence DESC LIMIT 1',
    ),
    addTransition: connection.prepare(
      'INSERT INTO transitions (id, incident_id, sequence, kind, at_ms, snapshot) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    openOfRule: connection.prepare(
      `SELECT id, json_extract(labels, ?) AS value FROM incidents WHERE status = 'open' AND rule = ?`,
    ),
  };
}
