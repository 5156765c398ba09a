/**
 * Looks around when an incident opens, and keeps what it saw. After the transaction, in a reading thread, a few at a time:
 * a page never waits for it, and an incident is one also without evidence.
 */
import * as z from 'zod';
import { background } from '@rollcall/shared/lib/background.ts';
import { withDeadline, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type {
  EvidenceChange,
  EvidenceProcesses,
  IncidentEvidence,
  IncidentHistory,
  InventoryChangeSet,
  InventoryValue,
} from '../../api/types.ts';
import type { Database } from '../../state/database.ts';
import type { Labels } from '../../storage/labels.ts';
import type { AlertingCounters } from '../counters.ts';
import { evidenceOf, storeEvidence, withoutEvidence } from '../incidents/evidence.ts';
import { jsonColumn, labelsSchema } from '../incidents/transition.ts';
import type { AlertingLimits } from '../limits.ts';
import type { EvaluateRangePort } from '../ports.ts';
import type { Rule } from '../rules/rule.ts';
import { historyQuery } from './history-query.ts';

export interface EvidenceKeeperOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: AlertingCounters;
  readonly limits: AlertingLimits;
  readonly evaluateRange: EvaluateRangePort;
  /** The newest changes of a host's inventory, newest first. */
  readonly changesOf: (hostId: string, limit: number) => readonly InventoryChangeSet[];
  /** The newest that a host told of its busiest programs in a span, both ends inclusive; undefined when it told nothing. */
  readonly processesOf: (
    hostId: string,
    span: { readonly fromMs: number; readonly toMs: number },
  ) => EvidenceProcesses | undefined;
  /** The rule with such an id, undefined when there is none any more. */
  readonly ruleOf: (id: string) => Rule | undefined;
}

const incidentRow = z.object({
  labels: jsonColumn(labelsSchema),
  host_id: z.string().nullable(),
  opened_ms: z.number(),
  rule: z.string().nullable(),
});
type Subject = Readonly<z.infer<typeof incidentRow>>;

const DAY_MS = 86_400_000;
/** Sets of changes that are compared; a set may have many entries. */
const CHANGE_SETS_MAX = 10;
/** Digits that a curve needs. */
const DIGITS = 6;
const CLOCK_AHEAD_MS = 60_000;
/** Agents tell their busiest programs only while there is something to tell. */
const NO_PROCESSES =
  'the host told none: processor, memory and load were not under strain, or its agent does not look at processes';

export class EvidenceKeeper {
  readonly #options: EvidenceKeeperOptions;
  readonly #abort = new AbortController();
  readonly #waiting: string[] = [];
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(options: EvidenceKeeperOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier run did not get to. */
  start(): void {
    const { database, clock, limits } = this.#options;
    const sinceMs = clock.wallMs() - limits.evidenceHistoryMs;
    this.take(withoutEvidence(database, sinceMs, limits.evidenceQueueMax));
  }

  /** Cuts off what is under way; the next start finds it. */
  async stop(): Promise<void> {
    this.#waiting.length = 0;
    this.#abort.abort(new AppError('DRAINING', 'take evidence: the collector stops'));
    await Promise.all(this.#underWay.values());
  }

  /** Looks around for these incidents soon. Beyond the longest queue it is only noted that nobody looked. */
  take(incidentIds: readonly string[]): void {
    const { limits, counters } = this.#options;
    for (const id of incidentIds) {
      if (this.#abort.signal.aborted || this.#underWay.has(id) || this.#waiting.includes(id)) continue;
      if (this.#waiting.length < limits.evidenceQueueMax) {
        this.#waiting.push(id);
        continue;
      }
      const problem = `more than ${limits.evidenceQueueMax} incidents opened at once`;
      this.#store(id, { history: { problem }, changes: { problem }, processes: { problem } });
      counters.increment('rollcall_alerting_evidence_total', { outcome: 'dropped' });
    }
    this.#startNext();
  }

  /** The evidence of an incident. While it is being taken it is waited for, but not long; `null` when there is none. */
  async of(incidentId: string, signal: AbortSignal): Promise<IncidentEvidence | null> {
    const { database, clock, limits } = this.#options;
    const stored = evidenceOf(database, incidentId);
    const work = this.#underWay.get(incidentId);
    if (stored !== null || work === undefined) return stored;
    const timeoutMs = limits.evidenceWaitMs;
    const onTimeout = (): Error => new AppError('QUERY_TIMEOUT', `evidence: not there after ${timeoutMs} ms`);
    try {
      await withDeadline(clock, { timeoutMs, onTimeout }, () => work);
    } catch {
      // A message without a curve is better than a late one; the timeline shows that it came later.
      signal.throwIfAborted();
    }
    return evidenceOf(database, incidentId);
  }

  #startNext(): void {
    const { limits, log } = this.#options;
    while (this.#underWay.size < limits.evidenceConcurrency) {
      const id = this.#waiting.shift();
      if (id === undefined) return;
      const work = this.#look(id).finally(() => {
        this.#underWay.delete(id);
        this.#startNext();
      });
      this.#underWay.set(id, work);
      background(log, 'take evidence', work);
    }
  }

  async #look(incidentId: string): Promise<void> {
    const raw = this.#options.database.connection
      .prepare(
        `SELECT i.labels, i.host_id, i.opened_ms, r.rule FROM incidents AS i
         LEFT JOIN rule_instances AS r ON r.incident_id = i.id WHERE i.id = ?`,
      )
      .get(incidentId);
    if (raw === undefined) return;
    const subject = incidentRow.parse(raw);
    const changes = this.#changesOf(subject);
    const processes = this.#processesOf(subject);
    const history = await this.#historyOf(subject);
    if (this.#abort.signal.aborted) return;
    const outcome = 'problem' in history ? 'failed' : 'taken';
    this.#store(incidentId, { history, changes, processes });
    this.#options.counters.increment('rollcall_alerting_evidence_total', { outcome });
  }

  #store(incidentId: string, evidence: Omit<IncidentEvidence, 'takenMs'>): void {
    const { database, clock } = this.#options;
    storeEvidence(database, incidentId, { takenMs: clock.wallMs(), ...evidence });
  }

  async #historyOf({
    labels,
    opened_ms: openedMs,
    rule: ruleId,
  }: Subject): Promise<IncidentEvidence['history']> {
    const { clock, limits, ruleOf, evaluateRange } = this.#options;
    const rule = ruleId === null ? undefined : ruleOf(ruleId);
    if (rule === undefined) return { problem: 'the rule is no more' };
    const stepMs = limits.evidenceHistoryMs / limits.evidencePointsMax;
    const startMs = openedMs - (limits.evidencePointsMax - 1) * stepMs;
    const timeoutMs = limits.evaluationTimeoutMs;
    const onTimeout = (): Error =>
      new AppError('QUERY_TIMEOUT', `evidence: no result within ${timeoutMs} ms`);
    try {
      const expression = historyQuery(expressionOf(rule), labels['instance'] ?? '');
      const { signal } = this.#abort;
      const series = await withDeadline(clock, { timeoutMs, onTimeout, signal }, (stop) =>
        evaluateRange(expression, { startMs, endMs: openedMs, stepMs }, stop),
      );
      const own = series.find((one) => isOf(one.labels, labels));
      if (own === undefined) return { problem: 'there is no sample in the hour before' };
      const values: IncidentHistory['values'][number][] = Array.from(
        { length: limits.evidencePointsMax },
        () => null,
      );
      for (const [i, timeMs] of own.timestamps.entries()) {
        const value = own.values[i] ?? Number.NaN;
        const at = Math.round((timeMs - startMs) / stepMs);
        if (Number.isFinite(value) && at >= 0 && at < values.length)
          values[at] = Number(value.toPrecision(DIGITS));
      }
      return { expression: cleanText(expression, limits.descriptionLengthMax), startMs, stepMs, values };
    } catch (error) {
      return { problem: cleanText(describeError(error), limits.titleLengthMax) };
    }
  }

  #processesOf({ host_id: hostId, opened_ms: openedMs }: Subject): IncidentEvidence['processes'] {
    const { clock, processesOf, limits } = this.#options;
    if (hostId === null) return null;
    const fromMs = openedMs - limits.evidenceProcessesMs;
    try {
      // What came since it opened is about the same minute, and the clock of the host may be ahead.
      const toMs = Math.max(openedMs, clock.wallMs()) + CLOCK_AHEAD_MS;
      const newest = processesOf(hostId, { fromMs, toMs });
      return newest ?? { problem: NO_PROCESSES };
    } catch (error) {
      return { problem: cleanText(describeError(error), limits.titleLengthMax) };
    }
  }

  #changesOf({ host_id: hostId, opened_ms: openedMs }: Subject): IncidentEvidence['changes'] {
    const { changesOf, limits } = this.#options;
    if (hostId === null) return null;
    try {
      return changesOf(hostId, CHANGE_SETS_MAX)
        .filter(({ atMs }) => atMs <= openedMs && atMs > openedMs - DAY_MS)
        .flatMap((set) => set.changes.map((change) => shortChange(set, change, limits.evidenceTextLengthMax)))
        .slice(0, limits.evidenceChangesMax);
    } catch (error) {
      return { problem: cleanText(describeError(error), limits.titleLengthMax) };
    }
  }
}

function expressionOf(rule: Rule): string {
  switch (rule.source) {
    case 'presence':
      return 'up';
    case 'outage':
      return 'count(up == 1)';
    case 'expression':
      return rule.raise;
    case 'file':
      return rule.expr;
    default:
      return rule satisfies never;
  }
}

/** Whether a series belongs to an alert: it contradicts none of the alert's labels. */
function isOf(series: Labels, alert: Readonly<Record<string, string>>): boolean {
  const own = new Map(Object.entries(alert));
  return [...series.withoutName().entries()].every(([name, value]) => (own.get(name) ?? value) === value);
}

function shortChange(
  { section, atMs }: InventoryChangeSet,
  { kind, path, before, after }: InventoryChangeSet['changes'][number],
  lengthMax: number,
): EvidenceChange {
  const short = (value: InventoryValue): string | null => {
    if (value === null) return null;
    return cleanText(typeof value === 'string' ? value : JSON.stringify(value), lengthMax);
  };
  const what = cleanText(path.join(' › '), lengthMax);
  return { atMs, section, kind, what, before: short(before), after: short(after) };
}
