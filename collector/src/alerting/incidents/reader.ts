/** The read side of incidents, in the shapes of the API. */
import * as z from 'zod';
import type { Incident, IncidentDelivery, IncidentDetail, IncidentStatus } from '../../api/types.ts';
import type { Database } from '../../state/database.ts';
import { evidenceOf } from './evidence.ts';
import { createTimeline } from './timeline.ts';
import {
  incidentKindSchema,
  isEnding,
  jsonColumn,
  labelsSchema,
  severitySchema,
  TRANSITION_KINDS,
} from './transition.ts';

export interface IncidentsQuery {
  readonly status: IncidentStatus | 'all';
  /** Only incidents of this host; `null` for all. */
  readonly hostId: string | null;
  /** At least 1; more than the limit of incidents in one answer counts as that limit. */
  readonly limit: number;
}

export interface IncidentReader {
  /** Incidents with their deliveries, newest first; empty when none matches. */
  list(query: IncidentsQuery): readonly Incident[];
  /** One incident with all that is known of it; undefined when there is none. */
  get(incidentId: string): IncidentDetail | undefined;
  /** Open incidents by host id; a host without one is not in it. */
  openCountByHost(): ReadonlyMap<string, number>;
}

export interface IncidentReaderOptions {
  readonly database: Database;
  /** See `RuleEvaluator.holdings`; called once for each list. */
  readonly holdings: () => (rule: string, hostId: string | null) => boolean;
  readonly listMax: number;
}

const incidentRow = z.object({
  id: z.string(),
  rule: z.string(),
  kind: incidentKindSchema,
  severity: severitySchema,
  status: z.enum(['open', 'resolved']),
  host_id: z.string().nullable(),
  host_name: z.string().nullable(),
  title: z.string(),
  description: z.string(),
  labels: jsonColumn(labelsSchema),
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  opened_ms: z.number(),
  resolved_ms: z.number().nullable(),
  end_reason: z.string().nullable(),
  previous: z.string().nullable(),
  ack_by: z.string().nullable(),
  ack_ms: z.number().nullable(),
  ack_until_ms: z.number().nullable(),
});
type IncidentRow = z.infer<typeof incidentRow>;

const escalationRow = z.object({ policy: z.string(), step: z.number(), due_ms: z.number().nullable() });

const deliveryRow = z.object({
  incident_id: z.string(),
  receiver: z.string(),
  kind: z.enum(TRANSITION_KINDS),
  status: z.enum(['queued', 'sending', 'waiting', 'delivered', 'dead', 'superseded', 'suppressed']),
  attempts: z.number(),
  last_attempt_ms: z.number().nullable(),
  last_error: z.string().nullable(),
});

const hostCountRow = z.object({ host_id: z.string(), count: z.number() });

export function createIncidentReader(options: IncidentReaderOptions): IncidentReader {
  const { connection } = options.database;
  const openCounts = connection.prepare(`
    SELECT host_id, count(*) AS count FROM incidents
    WHERE status = 'open' AND host_id IS NOT NULL GROUP BY host_id`);
  const deliveries = connection.prepare(`
    SELECT o.incident_id, o.receiver, t.kind, o.status, o.attempts, o.last_attempt_ms, o.last_error
    FROM outbox AS o JOIN transitions AS t ON t.id = o.transition_id
    WHERE o.incident_id IN (SELECT value FROM json_each(?)) ORDER BY o.id`);
  const one = connection.prepare('SELECT * FROM incidents WHERE id = ?');
  const escalation = connection.prepare(
    'SELECT policy, step, iif(is_held, NULL, due_ms) AS due_ms FROM escalations WHERE incident_id = ?',
  );
  const timeline = createTimeline(options.database);
  // One statement for each combination, so that each can use its own index.
  const select = (where: string) =>
    connection.prepare(`SELECT * FROM incidents ${where} ORDER BY id DESC LIMIT ?`);
  const statements = {
    all: select(''),
    byStatus: select('WHERE status = ?'),
    byHost: select('WHERE host_id = ?'),
    byHostAndStatus: select('WHERE host_id = ? AND status = ?'),
  };

  const rowsOf = ({ status, hostId, limit }: IncidentsQuery): readonly unknown[] => {
    const count = Math.min(Math.max(1, Math.floor(limit)), options.listMax);
    if (hostId === null) {
      return status === 'all' ? statements.all.all(count) : statements.byStatus.all(status, count);
    }
    return status === 'all'
      ? statements.byHost.all(hostId, count)
      : statements.byHostAndStatus.all(hostId, status, count);
  };

  const deliveriesOf = (ids: readonly string[]): ReadonlyMap<string, readonly IncidentDelivery[]> => {
    const byIncident = new Map<string, IncidentDelivery[]>(ids.map((id) => [id, []]));
    for (const raw of deliveries.all(JSON.stringify(ids))) {
      const row = deliveryRow.parse(raw);
      byIncident.get(row.incident_id)?.push({
        receiver: row.receiver,
        // To a receiver, and to a reader of the list, a closed incident is over like a resolved one.
        transition: isEnding(row.kind) ? 'resolved' : 'fired',
        status: row.status,
        attempts: row.attempts,
        lastAttemptMs: row.last_attempt_ms,
        lastError: row.last_error,
      });
    }
    return byIncident;
  };

  const incidentsOf = (rows: readonly IncidentRow[]): readonly Incident[] => {
    const byIncident = deliveriesOf(rows.map((row) => row.id));
    const isHeld = options.holdings();
    return rows.map((row) => ({
      id: row.id,
      rule: row.rule,
      kind: row.kind,
      severity: row.severity,
      status: row.status,
      isHeld: row.status === 'open' && isHeld(row.rule, row.host_id),
      hostId: row.host_id,
      hostName: row.host_name,
      title: row.title,
      description: row.description,
      labels: row.labels,
      value: row.value,
      threshold: row.threshold,
      openedMs: row.opened_ms,
      resolvedMs: row.resolved_ms,
      endReason: row.end_reason,
      acknowledgement:
        row.ack_by === null || row.ack_ms === null
          ? null
          : { by: row.ack_by, atMs: row.ack_ms, untilMs: row.ack_until_ms },
      deliveries: byIncident.get(row.id) ?? [],
    }));
  };

  const escalationOf = (incidentId: string): IncidentDetail['escalation'] => {
    const raw = escalation.get(incidentId);
    if (raw === undefined) return null;
    const { policy, step, due_ms: dueMs } = escalationRow.parse(raw);
    return { policy, step: step + 1, dueMs };
  };

  return {
    list: (query) => incidentsOf(rowsOf(query).map((raw) => incidentRow.parse(raw))),

    get(incidentId) {
      const raw = one.get(incidentId);
      if (raw === undefined) return undefined;
      const row = incidentRow.parse(raw);
      const [incident] = incidentsOf([row]);
      if (incident === undefined) return undefined;
      return {
        ...incident,
        previous: row.previous,
        escalation: escalationOf(incidentId),
        evidence: evidenceOf(options.database, incidentId),
        timeline: timeline.of(incidentId),
      };
    },

    openCountByHost() {
      const rows = openCounts.all().map((raw) => hostCountRow.parse(raw));
      return new Map(rows.map((row) => [row.host_id, row.count]));
    },
  };
}
