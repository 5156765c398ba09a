/**
 * Tells one circle after the other until somebody acknowledges. Every deadline is a row, so that a restart goes on where
 * the run before it was; a step, its notifications and the next deadline are written in one transaction.
 */
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Database } from '../../state/database.ts';
import type { AlertingCounters } from '../counters.ts';
import type { Acknowledgement } from '../incidents/actions.ts';
import type { IncidentRows } from '../incidents/rows.ts';
import { isEnding, type Snapshot, type Transition } from '../incidents/transition.ts';
import type { AlertingLimits } from '../limits.ts';
import type { OnCall } from '../on-call/on-call.ts';
import { BEGINNING, following, waitMs, type Policy, type Step } from './policy.ts';
import type { Escalation, EscalationRows } from './rows.ts';

export interface EscalatorOptions {
  readonly database: Database;
  readonly rows: EscalationRows;
  readonly incidents: IncidentRows;
  readonly onCall: OnCall;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: AlertingCounters;
  readonly limits: AlertingLimits;
  /** Tells whether a silence or the like keeps everybody from being told of an incident; asked anew for each batch. */
  readonly suppression: () => (incidentId: string, snapshot: Snapshot) => boolean;
  /** Writes the outbox rows of a step. Called inside the transaction. */
  readonly enqueue: (transition: Transition, receivers: readonly string[]) => void;
  /** Told after transitions were stored. */
  readonly onTransitions: (transitions: readonly Transition[]) => void;
}

/** The label of a rule that chooses its policy. */
const POLICY_LABEL = 'escalation';
const DEFAULT_POLICY = 'default';

export class Escalator {
  readonly #options: EscalatorOptions;
  readonly #policies: ReadonlyMap<string, Policy>;
  #timer: Timer | undefined;
  #isRunning = false;
  #isTurning = false;
  /** The last one of those held back that was looked at, while a look at all of them is under way. */
  #heldSeen: string | undefined = '';
  /** When the next look at them begins, monotonic. */
  #heldLookMs = Number.NEGATIVE_INFINITY;

  constructor(options: EscalatorOptions) {
    this.#options = options;
    this.#policies = new Map(options.onCall.config.policies.map((policy) => [policy.name, policy]));
  }

  /** Takes up what an earlier run left. */
  start(): void {
    this.#isRunning = true;
    this.#turn();
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
  }

  /** There may be something new that is due. */
  wake(): void {
    // A turn that is under way finds what it has itself caused.
    if (this.#isRunning && !this.#isTurning) this.#turn();
  }

  /**
   * The policy by which incidents with such a snapshot escalate, `null` when they do not: the one that the label
   * `escalation` names, else `default` for pages.
   */
  policyOf({ severity, labels }: Snapshot): Policy | null {
    const named = this.#policies.get(labels[POLICY_LABEL] ?? '');
    if (named !== undefined) return named;
    return severity === 'page' ? (this.#policies.get(DEFAULT_POLICY) ?? null) : null;
  }

  /** Notes what a transition means for escalation. To be called inside the transaction that stores it. */
  follow(transition: Transition, acknowledgement: Acknowledgement | null): void {
    const { rows, clock } = this.#options;
    const { kind, incidentId } = transition;
    if (isEnding(kind)) rows.end(incidentId);
    else if (kind === 'acknowledged') rows.wait(incidentId, acknowledgement?.untilMs ?? null);
    else if (kind === 'unacknowledged') rows.wait(incidentId, clock.wallMs());
    else if (kind === 'fired') {
      const policy = this.policyOf(transition.snapshot);
      if (policy === null) return;
      const dueMs = transition.atMs + waitMs(policy, BEGINNING);
      rows.put(incidentId, { policy: policy.name, position: BEGINNING, dueMs });
    }
  }

  /** Does some of what is due, and sets the timer for what is next. */
  #turn(): void {
    const { clock, counters, log, limits } = this.#options;
    let waitForMs: number = limits.sweepIntervalMs;
    this.#isTurning = true;
    try {
      this.#endLapsed();
      // A batch a turn, since others wait; there may be more, and a step that reached nobody makes the next one due at once.
      const moreWaitMs = this.#doDue() ? limits.escalationHeldPauseMs : Infinity;
      const heldWaitMs = this.#lookAtHeld();
      const [next] = this.#options.rows.timed(1);
      const nextMs = next === undefined ? Infinity : next.dueMs - clock.wallMs();
      waitForMs = Math.min(waitForMs, heldWaitMs, moreWaitMs, Math.max(limits.escalationHeldPauseMs, nextMs));
    } catch (error) {
      counters.increment('rollcall_alerting_internal_errors_total', { part: 'escalation' });
      log.error('escalation failed', { error: describeError(error) });
    } finally {
      this.#isTurning = false;
    }
    this.#timer?.cancel();
    this.#timer = clock.setTimer(waitForMs, () => this.#turn());
  }

  /** Whether it did anything. */
  #doDue(): boolean {
    const { rows, clock, limits } = this.#options;
    const nowMs = clock.wallMs();
    const due = rows.timed(limits.escalationsPerTurnMax).filter((one) => this.#isDue(one, nowMs));
    const { free, held } = this.#judged(due);
    if (held.length > 0) this.#hold(held);
    for (const escalation of free) this.#step(escalation, nowMs);
    return due.length > 0;
  }

  /**
   * Takes the steps of those that are no longer held back; as many are looked at as one turn takes. What is still held
   * back is not written. Returns after how many milliseconds to go on.
   */
  #lookAtHeld(): number {
    const { rows, clock, limits } = this.#options;
    const monoMs = clock.monoMs();
    if (this.#heldSeen === undefined) {
      if (monoMs < this.#heldLookMs) return this.#heldLookMs - monoMs;
      this.#heldSeen = '';
    }
    if (this.#heldSeen === '') this.#heldLookMs = monoMs + limits.escalationHoldMs;
    const some = rows.held(this.#heldSeen, limits.escalationsPerTurnMax);
    for (const escalation of this.#judged(some).free) this.#step(escalation, clock.wallMs());
    this.#heldSeen = some.length < limits.escalationsPerTurnMax ? undefined : some.at(-1)?.incidentId;
    return this.#heldSeen === undefined ? limits.escalationHoldMs : limits.escalationHeldPauseMs;
  }

  /** Divides those whose steps are due by whether they are held back. */
  #judged(due: readonly Escalation[]): {
    readonly free: readonly Escalation[];
    readonly held: readonly Escalation[];
  } {
    if (due.length === 0) return { free: [], held: [] };
    const isSuppressed = this.#options.suppression();
    const held = due.filter((escalation) => {
      const snapshot = this.#options.incidents.snapshotOf(escalation.incidentId);
      return (
        this.#stepOf(escalation) !== null &&
        snapshot !== null &&
        isSuppressed(escalation.incidentId, snapshot)
      );
    });
    return { free: due.filter((escalation) => !held.includes(escalation)), held };
  }

  /** Writes that steps are held back, for all of them at once. */
  #hold(escalations: readonly Escalation[]): void {
    const { database, rows, counters } = this.#options;
    database.transaction(() => {
      for (const { incidentId } of escalations) rows.hold(incidentId);
    });
    for (const { policy } of escalations)
      counters.increment('rollcall_alerting_escalations_total', { policy, outcome: 'held' });
  }

  #isDue({ policy: name, position, dueMs, isAcknowledged }: Escalation, nowMs: number): boolean {
    if (dueMs <= nowMs) return true;
    const policy = this.#policies.get(name);
    // A longer wait was never planned: the wall clock has stepped back since.
    const plannedMs = policy === undefined ? 0 : waitMs(policy, position);
    return !isAcknowledged && dueMs - nowMs > plannedMs;
  }

  /** The step that is next and its policy; `null` when they are no longer configured. */
  #stepOf({ policy: name, position }: Escalation): { readonly policy: Policy; readonly step: Step } | null {
    const policy = this.#policies.get(name);
    const step = policy?.steps[position.step];
    return policy === undefined || step === undefined ? null : { policy, step };
  }

  #step(escalation: Escalation, nowMs: number): void {
    const { database, rows, incidents, onCall, enqueue, log, counters } = this.#options;
    const { incidentId, position } = escalation;
    const found = this.#stepOf(escalation);
    if (found === null) {
      rows.end(incidentId);
      log.warn('escalation ends, its policy or step is no longer configured', {
        incident: incidentId,
        policy: escalation.policy,
      });
      return;
    }
    const { policy, step } = found;
    const { receivers, names } = onCall.reach(step.targets, nowMs);
    const next = following(policy, position);
    const transition = database.transaction(() => {
      const note = `${policy.name}, step ${position.step + 1}: ${names.join(', ')}`;
      const added = incidents.follow(incidentId, { kind: 'escalated', atMs: nowMs, note });
      if (added !== null) enqueue(added, receivers);
      if (next === null || added === null) rows.end(incidentId);
      else {
        const dueMs = receivers.length === 0 ? nowMs : nowMs + waitMs(policy, next);
        rows.put(incidentId, { policy: policy.name, position: next, dueMs });
      }
      return added;
    });
    const outcome = receivers.length === 0 ? 'nobody' : 'told';
    counters.increment('rollcall_alerting_escalations_total', { policy: policy.name, outcome });
    if (receivers.length === 0) log.error('nobody is on call', { incident: incidentId, policy: policy.name });
    if (transition !== null) this.#options.onTransitions([transition]);
  }

  /** Acknowledgements that had an end are over; what escalates is due at the same moment. */
  #endLapsed(): void {
    const { database, rows, incidents, clock, onTransitions } = this.#options;
    const nowMs = clock.wallMs();
    for (const incidentId of rows.lapsed(nowMs)) {
      const transition = database.transaction(() => {
        rows.clearAcknowledgement(incidentId);
        return incidents.follow(incidentId, {
          kind: 'unacknowledged',
          atMs: nowMs,
          note: 'the time of the acknowledgement is over',
        });
      });
      if (transition !== null) onTransitions([transition]);
    }
  }
}
