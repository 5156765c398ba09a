/** Evaluates the rules and keeps what they know between two evaluations. Timers are the caller's. */
import { withDeadline, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { AlertingCounters } from '../counters.ts';
import type { IncidentStore } from '../incidents/incidents.ts';
import type { Transition } from '../incidents/transition.ts';
import type { AlertingLimits } from '../limits.ts';
import type { EvaluatePort, HostsPort } from '../ports.ts';
import { decide } from './decide.ts';
import type { Instance } from './instance.ts';
import type { StoredInstance } from './instances.ts';
import type { LoadedRule } from './load.ts';
import { indexHosts, isJudgeable, observeExpression, observePresence, type Observation } from './observe.ts';
import type { ExpressionRule } from './rule.ts';

export interface RuleEvaluatorOptions {
  readonly rules: readonly LoadedRule[];
  /** What an earlier run remembered. */
  readonly stored: readonly StoredInstance[];
  readonly store: IncidentStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: AlertingCounters;
  readonly hosts: HostsPort;
  readonly evaluate: EvaluatePort;
  readonly limits: AlertingLimits;
  /** Told after transitions were stored; never with an empty list. */
  readonly onTransitions: (transitions: readonly Transition[]) => void;
}

export class RuleEvaluator {
  readonly #options: RuleEvaluatorOptions;
  /** What each rule watches, by rule name and instance key; a copy of the table `rule_instances`. */
  readonly #instances: ReadonlyMap<string, Map<string, Instance>>;
  /** Failures that were logged and last, by rule. */
  readonly #failures = new Map<string, string>();
  readonly #abort = new AbortController();
  #expressionRun: Promise<void> | undefined;
  #evaluatedMs: number | null = null;

  constructor(options: RuleEvaluatorOptions) {
    this.#options = options;
    this.#instances = this.#loadInstances();
  }

  /** When the rules with expressions were last gone through, UTC milliseconds; `null` before the first time. */
  get evaluatedMs(): number | null {
    return this.#evaluatedMs;
  }

  get isEvaluatingExpressions(): boolean {
    return this.#expressionRun !== undefined;
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
    for (const loaded of this.#options.rules) {
      const { rule } = loaded;
      if (rule.source !== 'presence' || this.#abort.signal.aborted) continue;
      try {
        const hosts = indexHosts(this.#options.hosts.list());
        this.#settle(loaded, observePresence(rule, hosts, this.#watchedBy(rule.name).values()));
        this.#onEvaluated(rule.name, null);
      } catch (error) {
        this.#onEvaluated(rule.name, describeError(error));
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
    const { hosts, clock, limits, rules } = this.#options;
    const { byId } = indexHosts(hosts.list());
    const byName = new Map(rules.map(({ rule }) => [rule.name, rule]));
    return (name, hostId) => {
      const rule = byName.get(name);
      // Nothing judges the incidents of a rule that no longer exists.
      if (rule === undefined) return true;
      if (hostId === null) return false;
      const host = byId.get(hostId);
      if (rule.source === 'presence') return host?.state !== 'down' && host?.state !== 'up';
      return !isJudgeable(host, clock.wallMs(), limits.dataAgeMsMax);
    };
  }

  /** Cuts off what is under way; nothing changes after this. */
  async stop(): Promise<void> {
    this.#abort.abort(new AppError('DRAINING', 'evaluate rules: the collector stops'));
    await this.#expressionRun;
  }

  async #runExpressions(previous: Promise<void> | undefined): Promise<void> {
    await previous;
    for (const loaded of this.#options.rules) {
      const { rule } = loaded;
      if (rule.source !== 'expression') continue;
      try {
        const observation = await this.#observe(rule);
        if (this.#abort.signal.aborted) return;
        this.#settle(loaded, observation);
        this.#onEvaluated(rule.name, null);
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        this.#onEvaluated(rule.name, describeError(error));
      }
    }
    this.#evaluatedMs = this.#options.clock.wallMs();
  }

  #observe(rule: ExpressionRule): Promise<Observation> {
    const { clock, hosts, evaluate, limits } = this.#options;
    const timeoutMs = limits.evaluationTimeoutMs;
    const nowMs = clock.wallMs();
    const onTimeout = (): Error =>
      new AppError('QUERY_TIMEOUT', `evaluate rule ${rule.name}: no result within ${timeoutMs} ms`);
    return observeExpression(rule, {
      hosts: indexHosts(hosts.list()),
      instances: [...this.#watchedBy(rule.name).values()],
      nowMs,
      dataAgeMsMax: limits.dataAgeMsMax,
      query: (expression) =>
        withDeadline(clock, { timeoutMs, onTimeout }, (deadline) =>
          evaluate(expression, nowMs, AbortSignal.any([deadline, this.#abort.signal])),
        ),
    });
  }

  /** Decides, stores, and only then takes the new state for true. */
  #settle(loaded: LoadedRule, observation: Observation): void {
    const { store, clock, counters, log, limits, onTransitions } = this.#options;
    const rule = loaded.rule.name;
    const instances = this.#watchedBy(rule);
    const nowMs = clock.wallMs();
    const { changes, droppedCount } = decide({
      forMs: loaded.rule.forMs,
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
  #onEvaluated(rule: string, error: string | null): void {
    const { log, counters } = this.#options;
    const outcome = error === null ? 'ok' : 'failed';
    counters.increment('rollcall_alerting_evaluations_total', { rule, outcome });
    const before = this.#failures.get(rule) ?? null;
    if (before === error) return;
    if (error === null) {
      this.#failures.delete(rule);
      log.info('rule is evaluated again', { rule });
    } else {
      this.#failures.set(rule, error);
      log.error('rule cannot be evaluated, its alerts stay as they are', { rule, error });
    }
  }

  #watchedBy(rule: string): Map<string, Instance> {
    const instances = this.#instances.get(rule);
    if (instances === undefined) throw new Error(`rule ${rule} is not loaded`);
    return instances;
  }

  #loadInstances(): ReadonlyMap<string, Map<string, Instance>> {
    const { rules, stored, log } = this.#options;
    const byRule = new Map<string, Map<string, Instance>>(rules.map(({ rule }) => [rule.name, new Map()]));
    for (const { rule, instance } of stored) {
      const instances = byRule.get(rule);
      if (instances !== undefined) instances.set(instance.subject.key, instance);
      else log.warn('an alert of a rule that no longer exists is kept', { rule });
    }
    return byRule;
  }
}
