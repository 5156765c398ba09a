/** The table `rule_instances`: what rules remember over a restart. Writes belong into the caller's transaction. */
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import { Labels } from '../../storage/labels.ts';
import { jsonColumn, labelsSchema } from '../incidents/transition.ts';
import type { Instance, Subject } from './instance.ts';

export interface StoredInstance {
  readonly rule: string;
  readonly instance: Instance;
}

export interface InstanceRows {
  all(): readonly StoredInstance[];
  /** Adds the instance, or replaces the one with its key. */
  put(rule: string, instance: Instance): void;
  delete(key: string): void;
  deleteByIncident(incidentId: string): void;
  deleteByHost(hostId: string): void;
  deleteByRule(rule: string): void;
}

const instanceRow = z.object({
  key: z.string(),
  rule: z.string(),
  host_id: z.string().nullable(),
  host_name: z.string().nullable(),
  labels: jsonColumn(labelsSchema),
  phase: z.enum(['pending', 'firing']),
  since_ms: z.number(),
  seen_ms: z.number(),
  incident_id: z.string().nullable(),
});

export function createInstanceRows({ connection }: Database): InstanceRows {
  const all = connection.prepare('SELECT * FROM rule_instances');
  const put = connection.prepare(`
    INSERT INTO rule_instances (key, rule, host_id, host_name, labels, phase, since_ms, seen_ms, incident_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET phase = excluded.phase, since_ms = excluded.since_ms,
      seen_ms = excluded.seen_ms, incident_id = excluded.incident_id, host_name = excluded.host_name,
      labels = excluded.labels`);
  const deleteByKey = connection.prepare('DELETE FROM rule_instances WHERE key = ?');
  const deleteByIncident = connection.prepare('DELETE FROM rule_instances WHERE incident_id = ?');
  const deleteByHost = connection.prepare('DELETE FROM rule_instances WHERE host_id = ?');
  const deleteByRule = connection.prepare('DELETE FROM rule_instances WHERE rule = ?');
  return {
    all: () => all.all().map((row) => parseInstance(row)),
    put(rule, instance) {
      const { key, labels, host } = instance.subject;
      const isFiring = instance.phase === 'firing';
      put.run(
        key,
        rule,
        host?.id ?? null,
        host?.name ?? null,
        JSON.stringify(labels),
        instance.phase,
        instance.sinceMs,
        isFiring ? instance.sinceMs : instance.seenMs,
        isFiring ? instance.incidentId : null,
      );
    },
    delete: (key) => void deleteByKey.run(key),
    deleteByIncident: (incidentId) => void deleteByIncident.run(incidentId),
    deleteByRule: (rule) => void deleteByRule.run(rule),
    deleteByHost: (hostId) => void deleteByHost.run(hostId),
  };
}

function parseInstance(row: unknown): StoredInstance {
  const { rule, key, labels, host_id: hostId, host_name: hostName, ...rest } = instanceRow.parse(row);
  const host = hostId === null ? null : { id: hostId, name: hostName ?? '' };
  const subject: Subject = { key, labels: Labels.of(labels), host };
  const sinceMs = rest.since_ms;
  const instance: Instance =
    rest.phase === 'firing' && rest.incident_id !== null
      ? { phase: 'firing', subject, sinceMs, incidentId: rest.incident_id, goneSinceMonoMs: null }
      : { phase: 'pending', subject, sinceMs, seenMs: rest.seen_ms };
  return { rule, instance };
}
