/**
 * Incidents that no rule has raised, but the delivery itself: a digest of many others, a receiver that takes nothing. They
 * are stored, told and ended like any other. To be called inside a transaction.
 */
import { hash } from 'node:crypto';
import * as z from 'zod';
import type { Severity } from '../../api/types.ts';
import type { Database } from '../../state/database.ts';
import type { IncidentRows } from '../incidents/rows.ts';
import type { Snapshot, Transition } from '../incidents/transition.ts';

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

export class OwnIncidents {
  readonly #rows: IncidentRows;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #newUlid: () => string;

  constructor(database: Database, rows: IncidentRows, newUlid: () => string) {
    this.#rows = rows;
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
    return this.#rows.add(id, 1, { kind: 'fired', atMs: nowMs, snapshot });
  }

  /** Ends one that is open, and returns that it is resolved; `null` when it is over already. */
  end(incidentId: string, reason: string, nowMs: number): Transition | null {
    return this.#rows.end(incidentId, { kind: 'resolved', reason, value: null }, nowMs);
  }

  /** Says once more that any incident has fired, as it was told first; `null` when it is over. */
  repeat(incidentId: string, nowMs: number): Transition | null {
    const snapshot = this.#rows.snapshotOf(incidentId);
    if (snapshot === null || snapshot.resolvedMs !== null) return null;
    return this.#rows.follow(incidentId, { kind: 'fired', atMs: nowMs });
  }

  /** The open incidents of a rule, by the value of one of their labels. */
  openBy(rule: OwnRule, label: string): ReadonlyMap<string, string> {
    const rows = this.#sql.openOfRule.all(`$."${label}"`, rule);
    return new Map(rows.map((row) => [z.string().parse(row['value']), z.string().parse(row['id'])] as const));
  }
}

function prepare({ connection }: Database) {
  return {
    insert: connection.prepare(`
      INSERT INTO incidents (id, instance_key, rule, kind, severity, status, title, description, labels, opened_ms)
      VALUES (?, ?, ?, 'uptime', ?, 'open', ?, ?, ?, ?)`),
    openOfRule: connection.prepare(
      `SELECT id, json_extract(labels, ?) AS value FROM incidents WHERE status = 'open' AND rule = ?`,
    ),
  };
}
