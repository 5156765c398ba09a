/**
 * Many incidents told as one. The rows that waited together end as `superseded`, each with the incident that tells of it;
 * that one ends when all of them have ended. To be called inside a transaction.
 */
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import { severitySchema, type Transition } from '../incidents/transition.ts';
import type { WaitingGroup } from './gathering.ts';
import type { OwnIncident, OwnIncidents } from './own-incidents.ts';
import type { Notice } from './rows.ts';

/** Incidents that a digest names; the others are counted. */
const NAMED_MAX = 20;
/** Rules that its title names. */
const RULES_NAMED_MAX = 3;
const TITLE_LENGTH_MAX = 120;

const waitingRow = z.object({ receiver: z.string(), group_key: z.string(), ends_ms: z.number() });
const groupRow = z.object({ receiver: z.string(), group_key: z.string() });
const memberRow = z.object({
  id: z.number(),
  rule: z.string(),
  title: z.string(),
  severity: severitySchema,
});
type Member = z.infer<typeof memberRow>;

export class Digests {
  readonly #sql: ReturnType<typeof prepare>;
  readonly #incidents: OwnIncidents;

  constructor(database: Database, incidents: OwnIncidents) {
    this.#sql = prepare(database);
    this.#incidents = incidents;
  }

  /** The groups that wait, with the time at which each is to be told. */
  waiting(): readonly WaitingGroup[] {
    return this.#sql.waiting.all().map((raw) => {
      const { receiver, group_key: groupKey, ends_ms: endsMs } = waitingRow.parse(raw);
      return { receiver, groupKey, endsMs };
    });
  }

  /** Makes a digest of each group that has waited long enough and has more than one; returns what tells of it. */
  collect(nowMs: number): readonly Notice[] {
    return this.#sql.due.all(nowMs).map((raw) => {
      const { receiver, group_key: groupKey } = groupRow.parse(raw);
      const members = this.#sql.members.all(receiver, groupKey).map((row) => memberRow.parse(row));
      const transition = this.#incidents.open(digestOf(members, receiver), nowMs);
      const reason = `told in digest ${transition.incidentId}`;
      for (const { id } of members) this.#sql.supersede.run(transition.incidentId, reason, id);
      return { transition, route: { receiver, verdict: 'send' } };
    });
  }

  /** Ends the digests that told of incidents, where all that they told of is over; returns that they are. */
  endOf(incidentIds: readonly string[], nowMs: number): readonly Transition[] {
    const digests = new Set(
      incidentIds.flatMap((id) => this.#sql.digestsOf.all(id).map((row) => z.string().parse(row['digest']))),
    );
    return [...digests].flatMap((digest) => {
      if (this.#sql.openMember.get(digest) !== undefined) return [];
      return this.#incidents.end(digest, 'all that it told of is over', nowMs) ?? [];
    });
  }
}

/** The words of a digest. */
function digestOf(members: readonly Member[], receiver: string): OwnIncident {
  const counts = [...Map.groupBy(members, ({ rule }) => rule)]
    .map(([rule, { length }]) => ({ rule, length }))
    .sort((left, right) => right.length - left.length);
  const named = counts.slice(0, RULES_NAMED_MAX).map(({ rule, length }) => `${rule} ×${length}`);
  const more = counts.length > RULES_NAMED_MAX ? ', …' : '';
  const pages = members.filter(({ severity }) => severity === 'page');
  const first = [...pages, ...members.filter(({ severity }) => severity !== 'page')].slice(0, NAMED_MAX);
  const rest = members.length - first.length;
  return {
    rule: 'NotificationDigest',
    severity: pages.length > 0 ? 'page' : 'ticket',
    title: `${members.length} alerts: ${named.join(', ')}${more}`,
    description: [
      ...first.map(({ title }) => `- ${title.slice(0, TITLE_LENGTH_MAX).toWellFormed()}`),
      ...(rest > 0 ? [`and ${rest} more`] : []),
    ].join('\n'),
    labels: { receiver },
  };
}

function prepare({ connection }: Database) {
  return {
    waiting: connection.prepare(`
      SELECT receiver, group_key, min(not_before_ms) AS ends_ms FROM outbox
      WHERE status = 'queued' AND attempts = 0 AND group_wait_ms > 0 GROUP BY receiver, group_key`),
    due: connection.prepare(`
      SELECT receiver, group_key FROM outbox
      WHERE status = 'queued' AND attempts = 0 AND group_wait_ms > 0
      GROUP BY receiver, group_key HAVING count(*) > 1 AND min(not_before_ms) <= ?`),
    members: connection.prepare(`
      SELECT o.id, i.rule, i.title, i.severity
      FROM outbox AS o JOIN incidents AS i ON i.id = o.incident_id
      WHERE o.receiver = ? AND o.group_key = ? AND o.status = 'queued' AND o.attempts = 0 AND o.group_wait_ms > 0
      ORDER BY o.id`),
    supersede: connection.prepare(
      `UPDATE outbox SET status = 'superseded', digest = ?, last_error = ? WHERE id = ?`,
    ),
    digestsOf: connection.prepare(
      'SELECT DISTINCT digest FROM outbox WHERE incident_id = ? AND digest IS NOT NULL',
    ),
    openMember: connection.prepare(`
      SELECT 1 FROM outbox AS o JOIN incidents AS i ON i.id = o.incident_id
      WHERE o.digest = ? AND i.status = 'open' LIMIT 1`),
  };
}
