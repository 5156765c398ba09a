/**
 * From transitions to people: who is told, what holds that back, what is told together, again or elsewhere, and how it is
 * sent. Put together here; each part decides one of these.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Database } from '../state/database.ts';
import type { AlertingCounters } from './counters.ts';
import { createIncidentRows } from './incidents/rows.ts';
import type { Snapshot, Transition } from './incidents/transition.ts';
import { Dependencies, type DependencyConfig } from './inhibition/dependencies.ts';
import { SHIPPED_INHIBIT_RULES, type InhibitRule } from './inhibition/inhibit-rules.ts';
import { Inhibition } from './inhibition/inhibition.ts';
import type { AlertingLimits } from './limits.ts';
import { Maintenance } from './maintenance/maintenance.ts';
import type { Receiver } from './notify/notifier.ts';
import { Aftercare } from './outbox/aftercare.ts';
import { Digests } from './outbox/digests.ts';
import { Gathering } from './outbox/gathering.ts';
import { HeldRows } from './outbox/held-rows.ts';
import { OwnIncidents } from './outbox/own-incidents.ts';
import { Reminders } from './outbox/reminders.ts';
import { OutboxRows, type Notice, type UnsentCounts } from './outbox/rows.ts';
import { Trouble } from './outbox/trouble.ts';
import { OutboxWorker } from './outbox/worker.ts';
import type { HostsPort } from './ports.ts';
import { Dispatch } from './routing/dispatch.ts';
import { Flapping } from './routing/flapping.ts';
import type { RouteConfig } from './routing/route-config.ts';
import { Router, type Route } from './routing/routing.ts';
import { anyOf, type Suppression, type Suppressor } from './routing/suppression.ts';
import { targetOf, type Target } from './routing/target.ts';
import { Silences } from './silences/silences.ts';

export interface DeliveryOptions {
  readonly state: Database;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly counters: AlertingCounters;
  readonly hosts: HostsPort;
  readonly receivers: readonly Receiver[];
  readonly routes?: readonly RouteConfig[];
  readonly inhibitRules?: readonly InhibitRule[];
  readonly dependencies?: readonly DependencyConfig[];
  readonly limits: AlertingLimits;
  readonly newUlid: () => string;
  /** Whether nothing can be said at present about the open incidents of a rule and host. */
  isHeld(this: void, rule: string, hostId: string | null): boolean;
  /** The incident of an outage of many hosts that goes on, whatever a person has made of it. */
  outageIncident(this: void): string | undefined;
  /** Adds the rows of transitions that delivery has made, for all but one receiver. Called inside a transaction. */
  route(this: void, transitions: readonly Transition[], exceptReceiver: string | null): void;
  /** Told after such transitions were committed; must call `wake`. */
  announce(this: void, transitions: readonly Transition[]): void;
}

export class Delivery {
  readonly silences: Silences;
  readonly maintenance: Maintenance;

  readonly #options: DeliveryOptions;
  readonly #rows: OutboxRows;
  readonly #router: Router;
  readonly #suppressor: Suppressor;
  readonly #dispatch: Dispatch;
  readonly #aftercare: Aftercare;
  readonly #worker: OutboxWorker;

  constructor(options: DeliveryOptions) {
    const { state, clock, log, limits, newUlid, receivers } = options;
    this.#options = options;
    const names = receivers.map(({ name }) => name);
    const kept = { database: state, wallMs: () => clock.wallMs(), newUlid, log };
    this.silences = new Silences(kept);
    this.maintenance = new Maintenance(kept);
    this.#rows = new OutboxRows(state);
    this.#router = new Router(options.routes ?? [], names);
    const inhibitRules = [...SHIPPED_INHIBIT_RULES, ...(options.inhibitRules ?? [])];
    const inhibition = new Inhibition(inhibitRules, state, options.hosts, options.outageIncident);
    this.#suppressor = anyOf([
      this.silences,
      this.maintenance,
      inhibition,
      new Dependencies(options.dependencies ?? [], options.hosts),
      new Flapping(state, limits.firesPerHourMax),
    ]);
    const ownIncidents = new OwnIncidents(state, createIncidentRows(state, newUlid), newUlid);
    const digests = new Digests(state, ownIncidents);
    const gathering = new Gathering(limits, digests.waiting());
    this.#dispatch = new Dispatch({
      router: this.#router,
      rows: new HeldRows(state),
      gathering,
      digests,
      inhibition,
      suppressor: this.#suppressor,
      transaction: (work) => state.transaction(work),
    });
    this.#aftercare = new Aftercare({
      ...options,
      database: state,
      gathering,
      digests,
      reminders: new Reminders(state, ownIncidents),
      trouble: new Trouble(ownIncidents),
      receivers: new Set(names),
      mayRepeat: (incidentId, snapshot) => this.#mayRepeat(incidentId, snapshot),
      add: (notices) => this.add(notices),
    });
    this.#worker = new OutboxWorker({ ...options, rows: this.#rows, watch: this.#aftercare });
  }

  /** Begins to send, with what an earlier run left. */
  start(): void {
    this.#worker.start();
  }

  /** Tells that there are new rows. */
  wake(): void {
    this.#worker.wake();
  }

  /** See `OutboxWorker.stop`. */
  async stop(): Promise<void> {
    await this.#worker.stop();
  }

  /** Looks at what was held back, lasts, or takes too long. To be called now and then. */
  tick(): void {
    this.releaseHeld();
    this.#guarded('reminders', () => this.#aftercare.tick());
  }

  /** Who is told of transitions. To be called inside the transaction that stores them; `add` stores the answer. */
  noticesOf(transitions: readonly Transition[]): readonly Notice[] {
    return this.#dispatch.noticesOf(transitions, this.#options.clock.wallMs());
  }

  /** Adds rows as they are. To be called inside the transaction that stores their transitions. */
  add(notices: readonly Notice[]): void {
    const { counters, log, limits } = this.#options;
    const unsent = this.#rows.enqueue(notices, limits.unsentPerReceiverMax);
    for (const { receiver, status } of unsent) {
      counters.increment('rollcall_alerting_notifications_total', { receiver, status });
    }
    const deadCount = unsent.filter(({ status }) => status === 'dead').length;
    if (deadCount > 0) log.error('outbox full, notifications given up', { count: deadCount });
  }

  /** Sends what was held back and no longer is; also for when a person has changed something. */
  releaseHeld(): void {
    this.#guarded('held', () => {
      if (this.#dispatch.releaseHeld(this.#options.clock.wallMs()) > 0) this.#worker.wake();
    });
  }

  /** What holds back the notifications of targets at this moment; empty where nothing does. */
  suppressions(): (target: Target) => readonly Suppression[] {
    const judge = this.#suppressor.at(this.#options.clock.wallMs());
    return (target) => judge.suppressionsOf(target);
  }

  /** Who would be told of a target now. */
  routesOf(target: Target): readonly Route[] {
    return this.#router.routesOf(target);
  }

  /** Rows that are not sent yet, by status. */
  unsentByStatus(): UnsentCounts {
    return this.#rows.unsentByStatus();
  }

  /** When the oldest row that is not sent was created, UTC milliseconds; `null` when all are sent. */
  oldestUnsentMs(): number | null {
    return this.#rows.oldestUnsentMs();
  }

  /** Since when the row waits that has been due longest, UTC milliseconds; `null` when nothing is due. */
  oldestDueMs(): number | null {
    return this.#rows.oldestDueMs(this.#options.clock.wallMs());
  }

  /** Silence does not speak: what is held back, or not seen at present, is not told again. */
  #mayRepeat(incidentId: string, snapshot: Snapshot): boolean {
    if (this.suppressions()(targetOf(incidentId, snapshot)).length > 0) return false;
    return !this.#options.isHeld(snapshot.rule, snapshot.hostId);
  }

  /** A database that fails does not stop the ticks: the next one tries again. */
  #guarded(part: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.counters.increment('rollcall_alerting_internal_errors_total', { part });
      this.#options.log.error('part of alerting failed', { part, error: describeError(error) });
    }
  }
}
