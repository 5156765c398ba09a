/**
 * Alerting as the rest of the collector sees it: rules are evaluated, what changes is stored together with the
 * notifications it takes, and the outbox delivers them. Long, because every part of alerting is put together here.
 */
import { background } from '@rollcall/shared/lib/background.ts';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { IncidentEvidence, InventoryChangeSet } from '../api/types.ts';
import type { Database } from '../state/database.ts';
import type { MomentBatch } from '../storage/moment-batch.ts';
import type { AlertingCounters } from './counters.ts';
import { EvidenceKeeper, type EvidenceKeeperOptions } from './evidence/evidence-keeper.ts';
import { Escalator } from './escalation/escalator.ts';
import { createEscalationRows } from './escalation/rows.ts';
import { createIncidentActions, type IncidentActions } from './incidents/actions.ts';
import { createIncidentStore, type IncidentStore } from './incidents/incidents.ts';
import { createIncidentReader, type IncidentReader } from './incidents/reader.ts';
import { createIncidentRows } from './incidents/rows.ts';
import { isEnding, type Snapshot, type Transition } from './incidents/transition.ts';
import { Delivery } from './delivery.ts';
import type { DependencyConfig } from './inhibition/dependencies.ts';
import type { InhibitRule } from './inhibition/inhibit-rules.ts';
import { ALERTING_LIMITS, type AlertingLimits } from './limits.ts';
import type { Receiver } from './notify/notifier.ts';
import { NO_ON_CALL, type OnCallConfig } from './on-call/config.ts';
import { OnCall } from './on-call/on-call.ts';
import { createOverrideRows } from './on-call/override-rows.ts';
import type { Notice, UnsentCounts } from './outbox/rows.ts';
import type { EvaluatePort, EvaluateRangePort, HostsPort } from './ports.ts';
import type { NamedRuleFile } from './rule-files/folder.ts';
import { RuleLibrary, type RuleProblem } from './rule-library.ts';
import type { RouteConfig } from './routing/route-config.ts';
import { targetOf } from './routing/target.ts';
import { RuleEvaluator, type RuleHealth } from './rules/evaluator.ts';
import type { Instance } from './rules/instance.ts';
import { createInstanceRows } from './rules/instances.ts';
import { alertingRules, expressionsOf, type RuleBook } from './rules/book.ts';
import type { Rule } from './rules/rule.ts';
import { QuickLook } from './rules/quick-look.ts';
import { stockRules } from './rules/stock.ts';
import type { Problem } from './rule-files/document.ts';
import { createUlid } from './ulid.ts';

export interface AlertingOptions {
  readonly state: Database;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly hosts: HostsPort;
  readonly evaluate: EvaluatePort;
  /** Is told what `evaluate` is going to be asked again and again, whenever that changes. */
  readonly expect?: ((expressions: readonly string[]) => void) | undefined;
  /** For evidence; no curves when left out. */
  readonly evaluateRange?: EvaluateRangePort | undefined;
  /** The newest changes of a host's inventory, newest first; none when left out. */
  readonly changesOf?: ((hostId: string, limit: number) => readonly InventoryChangeSet[]) | undefined;
  /** For evidence: what a host told of its busiest programs in a span. */
  readonly processesOf?: EvidenceKeeperOptions['processesOf'] | undefined;
  readonly receivers: readonly Receiver[];
  /** Who is on call and how that escalates; nobody when left out. */
  readonly onCall?: OnCallConfig | undefined;
  /** Who is told of what; pages and tickets go to all receivers when left out. */
  readonly routes?: readonly RouteConfig[];
  /** Rules of inhibition besides the shipped ones. */
  readonly inhibitRules?: readonly InhibitRule[];
  /** Hosts that are reached through others. */
  readonly dependencies?: readonly DependencyConfig[];
  /** The stock rules with their default thresholds when left out. */
  readonly rules?: readonly Rule[];
  /** Rule files that come with the collector; none when left out. */
  readonly stockFiles?: readonly NamedRuleFile[] | undefined;
  /** Folder with rule files, absolute; none when left out. */
  readonly ruleFiles?: { readonly path: string; readonly disk: Disk } | undefined;
  /** File with levels of their own for some objects, absolute; none when left out. */
  readonly thresholds?: { readonly path: string; readonly disk: Disk } | undefined;
  /** Stores what rules compute; when left out it is dropped. */
  readonly append?: ((batch: MomentBatch) => Promise<void>) | undefined;
  /** Address of the collector as people reach it, for texts of alerts. */
  readonly externalUrl?: string | undefined;
  readonly limits?: Partial<AlertingLimits>;
  readonly counters: AlertingCounters;
}

export interface AlertingStats {
  readonly pendingInstances: number;
  readonly openIncidents: number;
  /** Notifications that are not sent yet, by status. */
  readonly unsent: UnsentCounts;
  /** When the oldest notification that is not yet sent was created, UTC milliseconds; `null` when all are sent. */
  readonly oldestUnsentMs: number | null;
  /** When all rules were last evaluated, UTC milliseconds; `null` before the first time. */
  readonly evaluatedMs: number | null;
}

/** What the API shows of the rules. */
export interface RulesView {
  readonly book: RuleBook;
  readonly healthOf: (id: string) => RuleHealth | undefined;
  readonly instancesOf: (id: string) => readonly Instance[];
  /** Rule files that are not in order. */
  readonly problems: readonly RuleProblem[];
}

/** @throws AppError BAD_CONFIG when a rule is malformed or there are too many receivers */
export function createAlerting(options: AlertingOptions): Alerting {
  const limits = { ...ALERTING_LIMITS, ...options.limits };
  if (options.receivers.length > limits.receiversMax) {
    throw new AppError(
      'BAD_CONFIG',
      `receivers: ${options.receivers.length} are configured, ${limits.receiversMax} are allowed`,
    );
  }
  return new Alerting(options, limits);
}

export class Alerting {
  /** What the API shows. */
  readonly incidents: IncidentReader;
  /** What people do with incidents. */
  readonly actions: IncidentActions;
  readonly onCall: OnCall;

  readonly #options: AlertingOptions;
  readonly #limits: AlertingLimits;
  readonly #evaluator: RuleEvaluator;
  readonly #store: IncidentStore;
  readonly #delivery: Delivery;
  readonly #escalator: Escalator;
  readonly #evidence: EvidenceKeeper;
  readonly #library: RuleLibrary;
  #filesLookedAtMs = -Infinity;
  #brokenFiles = '';
  #tick: Timer | undefined;
  #nudge: Timer | undefined;
  /** The look at presence at which an outage of many hosts is due to be told. */
  #outageLook: Timer | undefined;
  /** How long the last look at presence took that a nudge brought about. */
  #nudgeTookMs = 0;
  readonly #quick: QuickLook;
  #isStopped = false;

  constructor(options: AlertingOptions, limits: AlertingLimits) {
    const { state, clock, random, log, counters, hosts, evaluate } = options;
    this.#options = options;
    this.#limits = limits;
    const newUlid = createUlid(clock, random);
    this.#delivery = new Delivery({
      ...options,
      limits,
      newUlid,
      isHeld: (rule, hostId) => this.#evaluator.holdings()(rule, hostId),
      outageIncident: () => this.#outageIncident(),
      route: (transitions, exceptReceiver) => this.#enqueue(transitions, exceptReceiver),
      announce: (transitions) => this.#announce(transitions),
    });
    const instanceRows = createInstanceRows(state);
    const incidents = createIncidentRows(state, newUlid);
    const onTransitions = (transitions: readonly Transition[]): void => this.#announce(transitions);
    this.onCall = new OnCall(options.onCall ?? NO_ON_CALL, createOverrideRows(state, newUlid));
    this.#escalator = new Escalator({
      database: state,
      rows: createEscalationRows(state),
      incidents,
      onCall: this.onCall,
      clock,
      log,
      counters,
      limits,
      suppression: () => this.#isSuppressed(),
      enqueue: (transition, names) => this.#delivery.add(sendTo(transition, names)),
      onTransitions,
    });
    this.actions = createIncidentActions({
      database: state,
      rows: incidents,
      clock,
      limits,
      onWritten: (transition, acknowledgement) => {
        if (isEnding(transition.kind)) this.#enqueue([transition]);
        else this.#escalator.follow(transition, acknowledgement);
      },
      onTransitions,
    });
    this.#store = createIncidentStore({
      database: state,
      rows: incidents,
      instanceRows,
      newUlid,
      enqueue: (transitions) => this.#enqueue(transitions),
      limits,
    });
    this.#library = new RuleLibrary({
      rules: options.rules ?? stockRules(),
      stockFiles: options.stockFiles ?? [],
      folder: options.ruleFiles,
      thresholds: options.thresholds,
      intervalMs: limits.evaluationIntervalMs,
    });
    this.#evaluator = new RuleEvaluator({
      book: this.#library.book,
      stored: instanceRows.all(),
      store: this.#store,
      clock,
      log,
      counters,
      hosts,
      evaluate,
      append: options.append ?? (() => Promise.resolve()),
      externalUrl: options.externalUrl ?? '',
      limits,
      onTransitions,
    });
    options.expect?.(expressionsOf(this.#library.book));
    this.#evidence = new EvidenceKeeper({
      database: state,
      clock,
      log,
      counters,
      limits,
      evaluateRange: options.evaluateRange ?? (() => Promise.resolve([])),
      changesOf: options.changesOf ?? (() => []),
      processesOf: options.processesOf ?? (() => undefined),
      ruleOf: (id) => alertingRules(this.#evaluator.book).get(id)?.rule,
    });
    this.#quick = new QuickLook({ clock, log, limits, look: () => this.#evaluator.evaluateQuickRules() });
    this.incidents = createIncidentReader({
      database: state,
      holdings: () => this.#evaluator.holdings(),
      listMax: limits.incidentsPerListMax,
    });
  }

  /** The rules in force, with how each fares. */
  rules(): RulesView {
    return {
      book: this.#evaluator.book,
      healthOf: (id) => this.#evaluator.healthOf(id),
      instancesOf: (id) => this.#evaluator.instancesOf(id),
      problems: this.#library.problems,
    };
  }

  /** What would be wrong if this text were in force as thresholds. */
  checkThresholds(text: string): readonly Problem[] {
    return this.#library.checkThresholds(text);
  }

  /** Rule files have changed: they are read now instead of at the next look. */
  refreshRules(): void {
    this.#filesLookedAtMs = -Infinity;
    this.#lookAtFiles();
  }

  /** Begins to evaluate and to deliver, with what an earlier run left. */
  start(): void {
    if (this.#tick !== undefined || this.#isStopped) return;
    this.#reportFiles();
    this.#delivery.start();
    this.#escalator.start();
    this.#evidence.start();
    this.#onTick();
  }

  /** Ends the evaluation, then the delivery. May be called twice. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#tick?.cancel();
    this.#nudge?.cancel();
    this.#outageLook?.cancel();
    this.#escalator.stop();
    this.#quick.stop();
    await this.#evaluator.stop();
    await this.#evidence.stop();
    await this.#delivery.stop();
  }

  /** Evaluates all rules once. A run that is under way is waited for, then there is a new one. */
  async evaluateOnce(): Promise<void> {
    this.#evaluator.evaluatePresence();
    await this.#evaluator.evaluateExpressions();
  }

  /** Presence has changed: its rules are evaluated soon, also while a query is under way. */
  nudge(): void {
    if (this.#isStopped || this.#nudge !== undefined) return;
    const { clock } = this.#options;
    // While a whole fleet comes back, each second brings hundreds of nudges, and each look goes through all hosts.
    const delayMs = Math.max(this.#limits.nudgeDelayMs, this.#nudgeTookMs * this.#limits.nudgePauseFactor);
    this.#nudge = clock.setTimer(delayMs, () => {
      this.#nudge = undefined;
      const startedMs = clock.monoMs();
      this.#lookAtPresence();
      this.#nudgeTookMs = clock.monoMs() - startedMs;
    });
  }

  /** Samples were stored: rules that fire at once are looked at soon. To be called for every commit; costs nothing. */
  samplesCame(): void {
    if (this.#tick !== undefined && this.#evaluator.hasQuickRules) this.#quick.want();
  }

  /**
   * Ends all open incidents of a host because a person retired it; this is no evidence, and stored as `closed`. To be
   * called when the host is no longer in `HostsPort.list`, or its alerts come back.
   */
  closeHost(hostId: string, reason: string): void {
    const closed = this.#store.closeHost(hostId, reason, this.#options.clock.wallMs());
    this.#evaluator.forgetHost(hostId);
    if (closed.length > 0) this.#announce(closed);
  }

  /** Deletes resolved incidents that are older than the limit, with all that hangs on them; returns how many. */
  prune(): number {
    const beforeMs = this.#options.clock.wallMs() - this.#limits.incidentAgeMsMax;
    this.onCall.prune(beforeMs);
    return this.#store.prune(beforeMs);
  }

  /** Who is told, what holds that back, and how it is sent. */
  get delivery(): Delivery {
    return this.#delivery;
  }

  /** What was seen when an incident opened; see `EvidenceKeeper.of`. */
  evidenceOf(incidentId: string, signal: AbortSignal): Promise<IncidentEvidence | null> {
    return this.#evidence.of(incidentId, signal);
  }

  stats(): AlertingStats {
    const { pending, firing } = this.#evaluator.countByPhase();
    return {
      pendingInstances: pending,
      openIncidents: firing,
      unsent: this.#delivery.unsentByStatus(),
      oldestUnsentMs: this.#delivery.oldestUnsentMs(),
      evaluatedMs: this.#evaluator.evaluatedMs,
    };
  }

  #lookAtPresence(): void {
    this.#evaluator.evaluatePresence();
    this.#outageLook?.cancel();
    this.#outageLook = undefined;
    const { clock } = this.#options;
    // However seldom rules are evaluated: that hosts are down must not be told before that they vanished together.
    for (const { alert, forMs } of this.#outageAlerts()) {
      const leftMs = alert.sinceMs + forMs - clock.wallMs();
      // One that is overdue could not be stored; the next tick tries again.
      if (alert.phase === 'pending' && leftMs > 0)
        this.#outageLook = clock.setTimer(leftMs, () => this.#lookAtPresence());
    }
  }

  /** What is known of an outage of many hosts, at most one; none when its rule is switched off. */
  #outageAlerts() {
    return this.#evaluator.book.rules
      .filter(({ rule }) => rule.source === 'outage')
      .flatMap(({ rule: { id, forMs } }) =>
        this.#evaluator.instancesOf(id).map((alert) => ({ alert, forMs })),
      );
  }

  #outageIncident(): string | undefined {
    const [first] = this.#outageAlerts();
    return first?.alert.phase === 'firing' ? first.alert.incidentId : undefined;
  }

  #onTick(): void {
    const { clock, log } = this.#options;
    this.#tick = clock.setTimer(this.#limits.evaluationIntervalMs, () => this.#onTick());
    this.#lookAtFiles();
    this.#lookAtPresence();
    this.#delivery.tick();
    // A slow run is not overtaken by the next one; that one skips its turn instead.
    if (!this.#evaluator.isEvaluatingExpressions) {
      background(log, 'evaluate rules', this.#evaluator.evaluateExpressions());
    }
  }

  /** Takes over changed rule files now and then. Rules that are gone take their incidents with them. */
  #lookAtFiles(): void {
    const { clock, log } = this.#options;
    if (clock.monoMs() - this.#filesLookedAtMs < this.#limits.ruleFilesPollMs) return;
    this.#filesLookedAtMs = clock.monoMs();
    if (!this.#library.refresh()) return;
    const gone = this.#evaluator.setBook(this.#library.book);
    this.#options.expect?.(expressionsOf(this.#library.book));
    this.#reportFiles();
    log.info('rule files were read', { groups: this.#library.book.groups.length });
    // While a file is broken nobody knows which rules were meant to go.
    if (this.#library.problems.length > 0) return;
    for (const id of gone) {
      const closed = this.#store.closeRule(id, 'the rule was removed', clock.wallMs());
      this.#evaluator.forgetRule(id);
      if (closed.length > 0) this.#announce(closed);
    }
  }

  #reportFiles(): void {
    const { problems } = this.#library;
    const text = problems.map(({ file, problem }) => `${file} ${problem}`).join('\n');
    if (text === this.#brokenFiles) return;
    this.#brokenFiles = text;
    for (const { file, problem } of problems) {
      this.#options.log.error('rule file is not in order, its last good rules stay in force', {
        file,
        problem,
      });
    }
  }

  #announce(transitions: readonly Transition[]): void {
    const { log, counters } = this.#options;
    for (const { kind, incidentId, snapshot } of transitions) {
      const { rule, hostId, hostName, title, endReason } = snapshot;
      counters.increment('rollcall_alerting_transitions_total', { rule, kind });
      log.info('incident transition', {
        kind,
        incident: incidentId,
        rule,
        hostId,
        hostName,
        title,
        endReason,
      });
    }
    const fired = transitions.filter(({ kind }) => kind === 'fired');
    if (this.#tick !== undefined) this.#evidence.take(fired.map(({ incidentId }) => incidentId));
    this.#delivery.wake();
    this.#escalator.wake();
  }

  /**
   * Who is told, all but one receiver, and what that means for escalation. To be called inside the transaction that stores
   * the transitions.
   */
  #enqueue(transitions: readonly Transition[], exceptReceiver: string | null = null): void {
    const notices = this.#delivery.noticesOf(transitions);
    this.#delivery.add(
      notices.filter((notice) => notice.route.receiver !== exceptReceiver && !this.#isForEscalation(notice)),
    );
    for (const transition of transitions) this.#escalator.follow(transition, null);
  }

  /** Of what escalates, people on call hear by its steps alone, unless a route names their receiver. */
  #isForEscalation({ transition, route }: Notice): boolean {
    const isRouted = (route.delivery?.groupKey ?? '') !== '';
    return (
      transition.kind === 'fired' &&
      !isRouted &&
      this.onCall.receivers.has(route.receiver) &&
      this.#escalator.policyOf(transition.snapshot) !== null
    );
  }

  /** Whether nobody is to be told of an incident now; good for this moment. */
  #isSuppressed(): (incidentId: string, snapshot: Snapshot) => boolean {
    const suppressionsOf = this.#delivery.suppressions();
    return (incidentId, snapshot) => suppressionsOf(targetOf(incidentId, snapshot)).length > 0;
  }
}

function sendTo(transition: Transition, receivers: readonly string[]): readonly Notice[] {
  return receivers.map((receiver) => ({ transition, route: { receiver, verdict: 'send' } }));
}
