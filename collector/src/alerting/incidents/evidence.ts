/** What was seen when an incident opened, as it is stored: kept as it was, whatever becomes of the samples. */
import * as z from 'zod';
import type { IncidentEvidence } from '../../api/types.ts';
import type { Database } from '../../state/database.ts';
import { jsonColumn } from './transition.ts';

const problemSchema = z.object({ problem: z.string() });
const changeSchema = z.object({
  atMs: z.number(),
  section: z.string(),
  kind: z.enum(['added', 'removed', 'changed']),
  what: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
});
const historySchema = z.object({
  expression: z.string(),
  startMs: z.number(),
  stepMs: z.number(),
  values: z.array(z.number().nullable()),
});
const processesSchema = z.object({
  atMs: z.number(),
  spanMs: z.number(),
  programs: z.array(
    z.object({
      name: z.string(),
      count: z.number(),
      pid: z.number(),
      cpus: z.number(),
      memoryBytes: z.number().nullable(),
      readBytesPerSecond: z.number().nullable(),
      writtenBytesPerSecond: z.number().nullable(),
    }),
  ),
});
const contentSchema = z.object({
  history: z.union([historySchema, problemSchema]),
  changes: z.union([z.array(changeSchema), problemSchema]).nullable(),
  // Evidence from before there was any has none.
  processes: z.union([processesSchema, problemSchema]).nullable().default(null),
});
const evidenceRow = z.object({ taken_ms: z.number(), content: jsonColumn(contentSchema) });

/** The evidence of an incident; `null` when none was stored yet. */
export function evidenceOf({ connection }: Database, incidentId: string): IncidentEvidence | null {
  const raw = connection
    .prepare('SELECT taken_ms, content FROM incident_evidence WHERE incident_id = ?')
    .get(incidentId);
  if (raw === undefined) return null;
  const { taken_ms: takenMs, content } = evidenceRow.parse(raw);
  return { takenMs, ...content };
}

/** Stores evidence once; later tries, and incidents that are no more, change nothing. */
export function storeEvidence(
  { connection }: Database,
  incidentId: string,
  { takenMs, ...content }: IncidentEvidence,
): void {
  connection
    .prepare(
      `INSERT OR IGNORE INTO incident_evidence (incident_id, taken_ms, content)
       SELECT id, ?2, ?3 FROM incidents WHERE id = ?1`,
    )
    .run(incidentId, takenMs, JSON.stringify(content));
}

/** Open incidents without evidence that opened since `sinceMs`, oldest first. */
export function withoutEvidence({ connection }: Database, sinceMs: number, limit: number): readonly string[] {
  return connection
    .prepare(
      `SELECT id FROM incidents WHERE status = 'open' AND opened_ms >= ?
       AND NOT EXISTS (SELECT 1 FROM incident_evidence WHERE incident_id = incidents.id) ORDER BY id LIMIT ?`,
    )
    .all(sinceMs, limit)
    .map((row) => z.string().parse(row['id']));
}
