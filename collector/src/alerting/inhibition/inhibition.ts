/**
 * Alerts that mute others. It knows all open incidents as the database holds them, and is told of each transition inside
 * the transaction that stores it.
 */
import type { StatementSync } from 'node:sqlite';
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import {
  isEnding,
  jsonColumn,
  labelsSchema,
  severitySchema,
  type Transition,
} from '../incidents/transition.ts';
import { compile, type LabelValues } from '../routing/matchers.ts';
import type { HostsPort } from '../ports.ts';
import type { Judge, Suppression, Suppressor } from '../routing/suppression.ts';
import { targetOf, type Target } from '../routing/target.ts';
import { equalKey, type InhibitRule } from './inhibit-rules.ts';

interface Source {
  readonly incidentId: string;
  readonly title: string;
  /** It would be muted by its own kind too; two such alerts do not mute each other. */
  readonly isTarget: boolean;
}

interface LiveRule {
  readonly rule: InhibitRule;
  readonly isSource: (labels: LabelValues) => boolean;
  readonly isTarget: (labels: LabelValues) => boolean;
  /** Open alerts that mute, by the values that must agree, then by incident. */
  readonly sources: Map<string, Map<string, Source>>;
}

const openRow = z.object({
  id: z.string(),
  rule: z.string(),
  severity: severitySchema,
  host_id: z.string().nullable(),
  host_name: z.string().nullable(),
  title: z.string(),
  labels: jsonColumn(labelsSchema),
});

export class Inhibition implements Suppressor {
  readonly #rules: readonly LiveRule[];
  /** The label values by which each open incident stands in `sources`, by rule; only those that mute. */
  readonly #places = new Map<string, readonly (readonly [LiveRule, string])[]>();
  /** What the last transaction has changed, if it was committed. */
  #unsettled: readonly Transition[] = [];
  readonly #database: Database;
  readonly #hosts: HostsPort;
  readonly #outageIncident: () => string | undefined;
  readonly #isStored: StatementSync;

  /** @param outageIncident of the alert of an outage that goes on, also when a person has closed it */
  constructor(
    rules: readonly InhibitRule[],
    database: Database,
    hosts: HostsPort,
    outageIncident: () => string | undefined = () => undefined,
  ) {
    this.#hosts = hosts;
    this.#outageIncident = outageIncident;
    this.#rules = rules.map((rule) => ({
      rule,
      isSource: compile(rule.source),
      isTarget: compile(rule.target),
      sources: new Map(),
    }));
    this.#database = database;
    this.#isStored = database.connection.prepare('SELECT 1 FROM transitions WHERE id = ?');
    const open = database.connection.prepare(
      `SELECT id, rule, severity, host_id, host_name, title, labels FROM incidents WHERE status = 'open'`,
    );
    for (const raw of open.all()) {
      const row = openRow.parse(raw);
      const { severity, host_id: hostId, host_name: hostName, labels, title } = row;
      this.#add(targetOf(row.id, { severity, hostId, hostName, labels }), title);
    }
  }

  /** Takes transitions into account from now on. To be called in the transaction that stores them, after them. */
  note(transitions: readonly Transition[]): void {
    this.#settle();
    for (const transition of transitions) this.#apply(transition);
    this.#unsettled = [...transitions];
  }

  at(): Judge {
    // Inside a transaction what it has noted counts, and its end is not known yet.
    if (!this.#database.connection.isTransaction) this.#settle();
    const outageIncident = this.#outageIncident();
    return {
      suppressionsOf: (target) =>
        this.#rules.flatMap((live) =>
          live.rule.among === 'vanished'
            ? suppressionByOutage(live, target, this.#hosts, outageIncident)
            : suppressionBy(live, target),
        ),
    };
  }

  /** A transaction that failed has left no trace in the database, and leaves none here. */
  #settle(): void {
    const [first] = this.#unsettled;
    if (first === undefined) return;
    // All of them were stored together, or none was.
    const isStored = this.#isStored.get(first.id) !== undefined;
    const unsettled = this.#unsettled;
    this.#unsettled = [];
    if (isStored) return;
    for (const { kind, incidentId, snapshot } of unsettled.toReversed()) {
      if (kind === 'fired') this.#remove(incidentId);
      else if (isEnding(kind)) this.#add(targetOf(incidentId, snapshot), snapshot.title);
    }
  }

  #apply({ kind, incidentId, snapshot }: Transition): void {
    if (kind === 'fired') this.#add(targetOf(incidentId, snapshot), snapshot.title);
    else if (isEnding(kind)) this.#remove(incidentId);
  }

  #add({ incidentId, labels }: Target, title: string): void {
    const places = this.#rules
      .filter(({ isSource }) => isSource(labels))
      .map((live) => {
        const key = equalKey(live.rule.equal, labels);
        const sources = live.sources.get(key) ?? new Map<string, Source>();
        sources.set(incidentId, { incidentId, title, isTarget: live.isTarget(labels) });
        live.sources.set(key, sources);
        return [live, key] as const;
      });
    if (places.length > 0) this.#places.set(incidentId, places);
  }

  #remove(incidentId: string): void {
    for (const [live, key] of this.#places.get(incidentId) ?? []) {
      const sources = live.sources.get(key);
      sources?.delete(incidentId);
      if (sources?.size === 0) live.sources.delete(key);
    }
    this.#places.delete(incidentId);
  }
}

/** An outage mutes as long as it lasts: to close its incident is not to ask for a page of each host. */
function suppressionByOutage(
  live: LiveRule,
  target: Target,
  hosts: HostsPort,
  outageIncident: string | undefined,
): readonly Suppression[] {
  if (live.sources.size === 0 && outageIncident === undefined) return [];
  if (!live.isTarget(target.labels) || !isAmongVanished(target, hosts)) return [];
  const suppressions = suppressionBy(live, target);
  if (suppressions.length > 0 || outageIncident === undefined) return suppressions;
  const reason = `muted while hosts are away together (${live.rule.name}; incident ${outageIncident}, closed by a person)`;
  return [{ kind: 'inhibition', id: outageIncident, reason }];
}

function suppressionBy(live: LiveRule, target: Target): readonly Suppression[] {
  const { incidentId, labels } = target;
  if (live.sources.size === 0 || !live.isTarget(labels)) return [];
  const sources = live.sources.get(equalKey(live.rule.equal, labels));
  if (sources === undefined) return [];
  const isSource = live.isSource(labels);
  for (const source of sources.values()) {
    if (source.incidentId === incidentId || (isSource && source.isTarget)) continue;
    const reason = `muted while "${source.title}" lasts (${live.rule.name}; incident ${source.incidentId})`;
    return [{ kind: 'inhibition', id: source.incidentId, reason }];
  }
  return [];
}

function isAmongVanished({ hostId, labels }: Target, hosts: HostsPort): boolean {
  if (hostId === null) return false;
  if (hosts.isInOutage(hostId)) return true;
  // That a host is down which has just come back is no news: its incident ends at the next look.
  return labels['alertname'] === 'HostDown' && hosts.stateOf(hostId) === 'up';
}
