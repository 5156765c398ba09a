/**
 * Incidents and their transitions. `apply` writes a decision, its transitions and
 * their outbox rows in one transaction, so that a crash can neither skip nor repeat one.
 */
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import type { AlertingLimits } from '../limits.ts';
import type { Change } from '../rules/decide.ts';
import type { FiringInstance, Instance } from '../rules/instance.ts';
import type { InstanceRows } from '../rules/instances.ts';
import type { LoadedRule } from '../rules/load.ts';
import { alertLabels, ruleId } from '../rules/rule.ts';
import { severityOf } from '../rules/severity.ts';
import type { IncidentRows } from './rows.ts';
import type { Snapshot, Transition } from './transition.ts';

export interface IncidentStore {
  /**
   * Writes `changes` of one rule, or nothing of them when it throws.
   * @returns the new instance by key, `null` where it is forgotten, and the transitions that were stored
   */
  apply(loaded: LoadedRule, changes: readonly Change[], nowMs: number): Applied;
  /** Ends the open incidents of a host on a person's decision, and forgets what rules knew about it. */
  closeHost(hostId: string, reason: string, nowMs: number): readonly Transition[];
  /** Ends the open incidents of a rule that is no more, and forgets what it watched. `rule` as `ruleId` gives it. */
  closeRule(rule: string, reason: string, nowMs: number): readonly Transition[];
  /** Deletes incidents that were resolved before `beforeMs` and have nothing left to send; returns how many. */
  prune(beforeMs: number): number;
}

export interface Applied {
  readonly instances: ReadonlyMap<string, Instance | null>;
  readonly transitions: readonly Transition[];
}

export interface IncidentStoreOptions {
  readonly database: Database;
  readonly rows: IncidentRows;
  readonly instanceRows: InstanceRows;
  readonly newUlid: () => string;
  /** Writes the outbox rows of transitions. Called once, inside the transaction. */
  readonly enqueue: (transitions: readonly Transition[]) => void;
  readonly limits: AlertingLimits;
}

export function createIncidentStore(options: IncidentStoreOptions): IncidentStore {
  const { database, rows, instanceRows, newUlid, enqueue, limits } = options;
  const { sql } = rows;

  const open = (loaded: LoadedRule, change: Change & { kind: 'fire' }, nowMs: number) => {
    const id = `i-${newUlid()}`;
    const snapshot = snapshotOf(loaded, change, { nowMs, limits });
    const previous = sql.previousIncident.get(change.subject.key)?.['id'] ?? null;
    const { labels, ...texts } = snapshot;
    sql.insertIncident.run(
      id,
      change.subject.key,
      texts.rule,
      texts.kind,
      texts.severity,
      texts.hostId,
      texts.hostName,
      texts.title,
      texts.description,
      JSON.stringify(labels),
      texts.value,
      texts.threshold,
      nowMs,
      previous,
    );
    const instance: FiringInstance = {
      phase: 'firing',
      subject: change.subject,
      sinceMs: change.sinceMs,
      incidentId: id,
      goneSinceMonoMs: null,
    };
    instanceRows.put(ruleId(loaded.rule), instance);
    return { instance, transition: rows.add(id, 1, { kind: 'fired', atMs: nowMs, snapshot }) };
  };

  /** The transition, or `null` when a person has closed the incident already. */
  const end = (
    incidentId: string,
    ending: { kind: 'resolved' | 'closed'; reason: string; value: number | null },
    nowMs: number,
  ): Transition | null => {
    instanceRows.deleteByIncident(incidentId);
    return rows.end(incidentId, ending, nowMs);
  };
  const endAll = (ids: readonly string[], reason: string, nowMs: number): readonly Transition[] =>
    ids.flatMap((id) => end(id, { kind: 'closed', reason, value: null }, nowMs) ?? []);

  return {
    apply(loaded, changes, nowMs) {
      const instances = new Map<string, Instance | null>();
      const transitions: Transition[] = [];
      const write = (): void => {
        for (const change of changes) {
          switch (change.kind) {
            case 'track':
              instances.set(change.instance.subject.key, change.instance);
              if (change.isDurable) instanceRows.put(ruleId(loaded.rule), change.instance);
              break;
            case 'forget':
              instances.set(change.subject.key, null);
              instanceRows.delete(change.subject.key);
              break;
            case 'fire': {
              const opened = open(loaded, change, nowMs);
              instances.set(change.subject.key, opened.instance);
              transitions.push(opened.transition);
              break;
            }
            case 'resolve': {
              const { reason, value } = change;
              instances.set(change.instance.subject.key, null);
              const ended = end(change.instance.incidentId, { kind: 'resolved', reason, value }, nowMs);
              if (ended !== null) transitions.push(ended);
              break;
            }
            default:
              change satisfies never;
          }
        }
        if (transitions.length > 0) enqueue(transitions);
      };
      // Most evaluations change nothing durable; those must not cost a synchronous write to disk.
      if (changes.some((change) => change.kind !== 'track' || change.isDurable)) database.transaction(write);
      else write();
      return { instances, transitions };
    },

    closeHost(hostId, reason, nowMs) {
      return database.transaction(() => {
        const ids = sql.openOfHost.all(hostId).map((row) => z.string().parse(row['id']));
        const closed = endAll(ids, reason, nowMs);
        instanceRows.deleteByHost(hostId);
        if (closed.length > 0) enqueue(closed);
        return closed;
      });
    },

    closeRule(rule, reason, nowMs) {
      return database.transaction(() => {
        const ids = sql.openOfRule.all(rule).map((row) => z.string().parse(row['incident_id']));
        const closed = endAll(ids, reason, nowMs);
        instanceRows.deleteByRule(rule);
        if (closed.length > 0) enqueue(closed);
        return closed;
      });
    },

    prune(beforeMs) {
      let deletedCount = 0;
      for (;;) {
        const { changes } = database.transaction(() => sql.prune.run(beforeMs, limits.pruneBatchRows));
        deletedCount += Number(changes);
        if (Number(changes) < limits.pruneBatchRows) return deletedCount;
      }
    },
  };
}

function snapshotOf(
  { rule, title, description }: LoadedRule,
  { subject, sinceMs, value, texts }: Change & { readonly kind: 'fire' },
  { nowMs, limits }: { nowMs: number; limits: AlertingLimits },
): Snapshot {
  const context = { labels: subject.labels, value, sinceMs };
  return {
    rule: rule.name,
    kind: rule.kind,
    severity: rule.source === 'file' ? severityOf(subject.labels.get('severity')) : rule.severity,
    hostId: subject.host?.id ?? null,
    hostName: subject.host?.name ?? null,
    title: texts?.title ?? title(context, limits.titleLengthMax),
    description: texts?.description ?? description(context, limits.descriptionLengthMax),
    labels: alertLabels(rule, subject.labels),
    // JSON knows neither NaN nor infinity.
    value: value !== null && Number.isFinite(value) ? value : null,
    threshold: rule.threshold,
    openedMs: nowMs,
    resolvedMs: null,
    endReason: null,
  };
}
