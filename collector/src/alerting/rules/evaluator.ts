/** Evaluates the rules and keeps what they know between two evaluations. Timers are the caller's. */
import { withDeadline, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { Labels } from '../../storage/labels.ts';
import type { MomentBatch } from '../../storage/moment-batch.ts';
import type { AlertingCounters } from '../counters.ts';
import type { IncidentStore } from '../incidents/incidents.ts';
import type { Transition } from '../incidents/transition.ts';
import type { AlertingLimits } from '../limits.ts';
import type { EvaluateOptions, EvaluatePort, HostsPort } from '../ports.ts';
import { OWN_RULES } from '../outbox/own-incidents.ts';
import { decide } from './decide.ts';
import type { Instance } from './instance.ts';
import type { StoredInstance } from './instances.ts';
import { alertSamples, recordedAs, SeriesMemory } from '../rule-files/group.ts';
import {
  alertingRules,
  quickSteps,
  type GroupStep,
  type LoadedGroup,
  type QuickStep,
  type RuleBook,
} from './book.ts';
import type { LoadedRule } from './load.ts';
import { observeFileRule } from './observe-file.ts';
import { indexHosts, isJudgeableBy, observeExpression, observeHosts, type Observation } from './observe.ts';
import { GroupSchedule, pacedByHold } from './schedule.ts';
import { alertLabels, type ExpressionRule, type FileAlertRule } from './rule.ts';

export interface RuleEvaluatorOptions {
  readonly book: RuleBook;
  /** What an earlier run remembered. */
  readonly stored: readonly StoredInstance[];
  readonly store: IncidentStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: AlertingCounters;
  readonly hosts: HostsPort;
  readonly evaluate: EvaluatePort;
  /** Stores what recording rules give, and the series that tell of alerts. */
  readonly append: (batch: MomentBatch) => Promise<void>;
  readonly externalUrl: string;
  readonly limits: AlertingLimits;
  /** Told after transitions were stored; never with an empty list. */
  readonly onTransitions: (transitions: readonly Transition[]) => void;
}

/** How an evaluation of a rule went. */
export interface RuleHealth {
  /** `null` when it went well. */
  readonly error: string | null;
  /** UTC milliseconds. */
  readonly evaluatedMs: number;
  readonly durationMs: number;
}

export class RuleEvaluator {
  readonly #options: RuleEvaluatorOptions;
  #book: RuleBook;
  #alerting: ReadonlyMap<string, LoadedRule>;
  /** What each rule watches, by rule id and instance key; a copy of the table `rule_instances`. */
  readonly #instances: Map<string, Map<string, Instance>>;
  /** How the last evaluation of each rule went, by id. */
  readonly #health = new Map<string, RuleHealth>();
  readonly #schedule = new GroupSchedule();
  /** The rules that may be looked at before their turn. */
  #quickSteps: readonly QuickStep[];
  #isQuickWanted = false;
  readonly #recorded = new SeriesMemory<string>();
  #alertsStoredMonoMs = -Infinity;
  #alertsStored = '';
  readonly #abort = new AbortController();
  #expressionRun: Promise<void> | undefined;
  #evaluatedMs: number | null = null;

  constructor(options: RuleEvaluatorOptions) {
    this.#options = options;
    this.#book = options.book;
    this.#alerting = alertingRules(options.book);
    this.#quickSteps = quickSteps(options.book);
    this.#instances = this.#loadInstances();
  }

  /** When the rules with expressions were last gone through, UTC milliseconds; `null` before the first time. */
  get evaluatedMs(): number | null {
    return this.#evaluatedMs;
  }

  get isEvaluatingExpressions(): boolean {
    return this.#expressionRun !== undefined;
  }

  get book(): RuleBook {
    return this.#book;
  }

  /** How the last evaluation of a rule went; undefined before the first one. */
  healthOf(id: string): RuleHealth | undefined {
    return this.#health.get(id);
  }

  /** What a rule watches at present, pending and firing. */
  instancesOf(id: string): readonly Instance[] {
    return [...(this.#instances.get(id)?.values() ?? [])];
  }

  /**
   * Puts other rules into force from the next evaluation on; rules that keep their id keep their alerts.
   * @returns the ids of rules that have alerts and are no more; see `forgetRule`
   */
  setBook(book: RuleBook): readonly string[] {
    this.#book = book;
    this.#alerting = alertingRules(book);
    for (const id of this.#alerting.keys()) if (!this.#instances.has(id)) this.#instances.set(id, new Map());
    this.#quickSteps = quickSteps(book);
    const paced = book.rules.flatMap(({ rule }) => pacedByHold(rule, this.#options.limits) ?? []);
    this.#schedule.retain([...book.groups, ...paced]);
    return [...this.#instances.keys()].filter((id) => !this.#alerting.has(id));
  }

  /** Drops what was remembered of a rule whose incidents were closed. */
  forgetRule(id: string): void {
    this.#instances.delete(id);
    this.#health.delete(id);
  }

  /** Instances by phase. */
  countByPhase(): Readonly<Record<Instance['phase'], number>> {
    const counts = { pending: 0, firing: 0 };
    for (const instances of this.#instances.values()) {
      for (const { phase } of instances.values()) counts[phase] += 1;
    }
    return counts;
  }

  /** Evaluates the rules on presence. Takes no query, hence no time. */
  evaluatePresence(): void {
    for (const loaded of this.#book.rules) {
      const { rule } = loaded;
      if ((rule.source !== 'presence' && rule.source !== 'outage') || this.#abort.signal.aborted) continue;
      try {
        const startedMs = this.#options.clock.monoMs();
        this.#settle(loaded, observeHosts(rule, this.#options.hosts, this.#watchedBy(rule.id).values()));
        this.#onEvaluated(rule.id, null, startedMs);
      } catch (error) {
        this.#onEvaluated(rule.id, describeError(error), this.#options.clock.monoMs());
      }
    }
  }

  /** Evaluates the rules with expressions, after a run that is under way: an older result must not come last. */
  evaluateExpressions(): Promise<void> {
    const previous = this.#expressionRun;
    const run = this.#runExpressions(previous).finally(() => {
      if (this.#expressionRun === run) this.#expressionRun = undefined;
    });
    this.#expressionRun = run;
    return run;
  }

  /** Whether there are rules that fire as soon as a sample says so. */
  get hasQuickRules(): boolean {
    return this.#quickSteps.length > 0;
  }

  /**
   * Evaluates the rules that need no hold time, before their turn. While a run is under way they are put in between.
   * @returns how long their evaluation took, in milliseconds; 0 when the run under way does it
   */
  async evaluateQuickRules(): Promise<number> {
    if (this.#expressionRun !== undefined) {
      this.#isQuickWanted = true;
      return 0;
    }
    const startedMs = this.#options.clock.monoMs();
    const run = this.#runQuickSteps().finally(() => {
      if (this.#expressionRun === run) this.#expressionRun = undefined;
    });
    this.#expressionRun = run;
    await run;
    return this.#options.clock.monoMs() - startedMs;
  }

  /** Drops what was remembered of a host whose incidents were closed. */
  forgetHost(hostId: string): void {
    for (const instances of this.#instances.values()) {
      for (const [key, { subject }] of instances) if (subject.host?.id === hostId) instances.delete(key);
    }
  }

  /**
   * A function that says, for this moment, whether open incidents of a rule and host are held: kept as they are,
   * because nothing can be said about them.
   */
  holdings(): (rule: string, hostId: string | null) => boolean {
    const { hosts, clock, limits } = this.#options;
    const { byId } = indexHosts(hosts.list());
    const byName = new Map(Array.from(this.#alerting.values(), ({ rule }) => [rule.name, rule]));
    return (name, hostId) => {
      const rule = byName.get(name);
      // Nothing judges the incidents of a rule that no longer exists; those of the delivery itself need no rule.
      if (rule === undefined) return !OWN_RULES.some((own) => own === name);
      if (hostId === null) return false;
      const host = byId.get(hostId);
      if (rule.source === 'presence') return host?.state !== 'down' && host?.state !== 'up';
      return !isJudgeableBy(rule, host, { nowMs: clock.wallMs(), ageMsMax: limits.dataAgeMsMax });
    };
  }

  /** Cuts off what is under way; nothing changes after this. */
  async stop(): Promise<void> {
    this.#abort.abort(new AppError('DRAINING', 'evaluate rules: the collector stops'));
    await this.#expressionRun;
  }

  async #runExpressions(previous: Promise<void> | undefined): Promise<void> {
    await previous;
    // Rules read their own alerts of before, which are no longer in the store after a long stop.
    if (this.#evaluatedMs === null) await this.#storeAlerts();
    for (const loaded of this.#book.rules) {
      const { rule } = loaded;
      if (rule.source !== 'expression') continue;
      const paced = pacedByHold(rule, this.#options.limits);
      if (paced !== undefined && !this.#schedule.isDue(paced, this.#options.clock.monoMs())) continue;
      await this.#run(rule.id, async () => this.#settle(loaded, await this.#observe(rule)));
      if (paced !== undefined && this.#health.get(rule.id)?.error !== null) this.#schedule.retry(paced);
      if (this.#abort.signal.aborted) return;
    }
    for (const group of this.#book.groups) {
      if (!this.#schedule.isDue(group, this.#options.clock.monoMs())) continue;
      for (const step of group.steps) {
        if (this.#isQuickWanted) await this.#runQuickSteps();
        await this.#run(step.id, () => this.#runStep(step, group));
        if (this.#abort.signal.aborted) return;
      }
    }
    await this.#storeAlerts();
    this.#evaluatedMs = this.#options.clock.wallMs();
  }

  /** Evaluates one rule; a failure leaves its alerts as they are. */
  async #run(id: string, evaluate: () => Promise<void>): Promise<void> {
    const startedMs = this.#options.clock.monoMs();
    try {
      await evaluate();
      if (!this.#abort.signal.aborted) this.#onEvaluated(id, null, startedMs);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#onEvaluated(id, describeError(error), startedMs);
    }
  }

  async #runQuickSteps(): Promise<void> {
    this.#isQuickWanted = false;
    for (const { step, group } of this.#quickSteps) {
      await this.#run(step.id, () => this.#runStep(step, group));
      if (this.#abort.signal.aborted) return;
    }
  }

  async #runStep(step: GroupStep, group: LoadedGroup): Promise<void> {
    const timeMs = this.#options.clock.wallMs();
    if (step.kind === 'alerting') {
      this.#settle(step.loaded, await this.#observeFile(step.loaded.rule, timeMs));
      return;
    }
    const query = this.#query(step.id, timeMs - group.queryOffsetMs);
    const relabel = recordedAs(step.rule, group.limit);
    const samples = await query(step.rule.expr, { isUnordered: true, relabel });
    const series = this.#recorded.next(step.id, samples, timeMs);
    if (series.length > 0 && !this.#abort.signal.aborted) await this.#options.append(series);
  }

  #observe(rule: ExpressionRule): Promise<Observation> {
    const { clock, hosts, limits } = this.#options;
    const nowMs = clock.wallMs();
    return observeExpression(rule, {
      hosts: indexHosts(hosts.list()),
      instances: this.instancesOf(rule.id),
      nowMs,
      limits,
      query: this.#query(rule.id, nowMs),
    });
  }

  #observeFile(rule: FileAlertRule, nowMs: number): Promise<Observation> {
    const { hosts, limits, externalUrl } = this.#options;
    return observeFileRule(rule, {
      hosts: indexHosts(hosts.list()),
      instances: this.instancesOf(rule.id),
      nowMs,
      limits,
      externalUrl,
      query: this.#query(rule.id, nowMs - rule.queryOffsetMs),
    });
  }

  /** Evaluates expressions for a rule at one time, each with its deadline. */
  #query(id: string, timeMs: number) {
    const { clock, evaluate, limits } = this.#options;
    const timeoutMs = limits.evaluationTimeoutMs;
    const onTimeout = (): Error =>
      new AppError('QUERY_TIMEOUT', `evaluate rule ${id}: no result within ${timeoutMs} ms`);
    return (expression: string, options?: EvaluateOptions) =>
      withDeadline(clock, { timeoutMs, onTimeout, signal: this.#abort.signal }, (stop) =>
        evaluate(expression, timeMs, stop, options),
      );
  }

  /** Stores the series `ALERTS` and `ALERTS_FOR_STATE`: when alerts come, change or go, and else now and then. */
  async #storeAlerts(): Promise<void> {
    const { clock, limits, append } = this.#options;
    const alerts = Array.from(this.#alerting, ([id, { rule }]) =>
      this.instancesOf(id).map(({ subject, phase, sinceMs }) => ({
        labels: Labels.of(alertLabels(rule, subject.labels)),
        state: phase,
        activeAtMs: sinceMs,
      })),
    ).flat();
    const summary = alerts.map(({ labels, state }) => `${labels.key} ${state}`).join('\n');
    const isRecent = clock.monoMs() - this.#alertsStoredMonoMs < limits.alertSeriesIntervalMs;
    if (isRecent && summary === this.#alertsStored) return;
    const samples = new Map(alerts.flatMap(alertSamples).map((sample) => [sample.labels.key, sample]));
    const series = this.#recorded.next('ALERTS', [...samples.values()], clock.wallMs());
    this.#alertsStored = summary;
    this.#alertsStoredMonoMs = clock.monoMs();
    try {
      if (series.length > 0) await append(series);
    } catch (error) {
      this.#options.log.warn('the series of alerts could not be stored', { error: describeError(error) });
    }
  }

  /** Decides, stores, and only then takes the new state for true. */
  #settle(loaded: LoadedRule, observation: Observation): void {
    const { store, clock, counters, log, limits, onTransitions } = this.#options;
    if (this.#abort.signal.aborted) return;
    const rule = loaded.rule.id;
    const instances = this.#watchedBy(rule);
    const nowMs = clock.wallMs();
    const { changes, droppedCount } = decide({
      forMs: loaded.rule.forMs,
      keepFiringForMs: loaded.rule.source === 'file' ? loaded.rule.keepFiringForMs : 0,
      instances,
      observation,
      nowMs,
      nowMonoMs: clock.monoMs(),
      limits,
    });
    if (droppedCount > 0) {
      counters.increment('rollcall_alerting_instances_dropped_total', { rule }, droppedCount);
      log.error('rule has too many alerts, further ones are ignored', { rule, droppedCount });
    }
    const applied = store.apply(loaded, changes, nowMs);
    for (const [key, instance] of applied.instances) {
      if (instance === null) instances.delete(key);
      else instances.set(key, instance);
    }
    if (applied.transitions.length > 0) onTransitions(applied.transitions);
  }

  /** Counts each evaluation, and logs when failing starts, changes and ends. */
  #onEvaluated(rule: string, error: string | null, startedMonoMs: number): void {
    const { log, counters, clock } = this.#options;
    const outcome = error === null ? 'ok' : 'failed';
    counters.increment('rollcall_alerting_evaluations_total', { rule, outcome });
    const before = this.#health.get(rule)?.error ?? null;
    this.#health.set(rule, {
      error,
      evaluatedMs: clock.wallMs(),
      durationMs: Math.max(0, clock.monoMs() - startedMonoMs),
    });
    if (before === error) return;
    if (error === null) {
      log.info('rule is evaluated again', { rule });
    } else {
      log.error('rule cannot be evaluated, its alerts stay as they are', { rule, error });
    }
  }

  #watchedBy(rule: string): Map<string, Instance> {
    const instances = this.#instances.get(rule) ?? new Map<string, Instance>();
    this.#instances.set(rule, instances);
    return instances;
  }

  #loadInstances(): Map<string, Map<string, Instance>> {
    const byRule = new Map<string, Map<string, Instance>>();
    for (const id of this.#alerting.keys()) byRule.set(id, new Map());
    for (const { rule, instance } of this.#options.stored) {
      const instances = byRule.get(rule) ?? new Map<string, Instance>();
      byRule.set(rule, instances.set(instance.subject.key, instance));
      if (!this.#alerting.has(rule)) {
        this.#options.log.warn('an alert of a rule that no longer exists is kept', { rule });
      }
    }
    return byRule;
  }
}
