/**
 * What delivery itself brings about: digests of what waited together, repeats of what lasts, fallbacks for what takes too
 * long, and the news that a receiver takes nothing. It decides when; the tables beside it know how.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Database } from '../../state/database.ts';
import type { AlertingCounters } from '../counters.ts';
import type { Snapshot, Transition } from '../incidents/transition.ts';
import type { AlertingLimits } from '../limits.ts';
import type { Digests } from './digests.ts';
import type { Gathering } from './gathering.ts';
import type { Reminders } from './reminders.ts';
import type { DeadRow, Notice } from './rows.ts';
import type { Trouble } from './trouble.ts';
import type { OutboxWatch } from './worker.ts';

export interface AftercareOptions {
  readonly database: Database;
  readonly gathering: Gathering;
  readonly digests: Digests;
  readonly reminders: Reminders;
  readonly trouble: Trouble;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: AlertingCounters;
  readonly limits: AlertingLimits;
  /** Names of the receivers that are configured. */
  readonly receivers: ReadonlySet<string>;
  /** Whether an open incident may be told again now: nothing holds it back, and it is known to last. */
  mayRepeat(this: void, incidentId: string, snapshot: Snapshot): boolean;
  /** Adds rows as they are. Called inside a transaction. */
  add(this: void, notices: readonly Notice[]): void;
  /** Routes transitions, to all but one receiver, and adds their rows. Called inside a transaction. */
  route(this: void, transitions: readonly Transition[], exceptReceiver: string | null): void;
  /** Told after transitions were committed. */
  announce(this: void, transitions: readonly Transition[]): void;
}

export class Aftercare implements OutboxWatch {
  readonly #options: AftercareOptions;

  constructor(options: AftercareOptions) {
    this.#options = options;
  }

  /** Puts what has waited long enough into digests. */
  readonly beforeTurn = (): void => {
    const { gathering, digests, clock, counters, add } = this.#options;
    const nowMs = clock.wallMs();
    if (!gathering.takeEnded(nowMs)) return;
    this.#commit(() => {
      const notices = digests.collect(nowMs);
      for (const { route } of notices) {
        counters.increment('rollcall_alerting_digests_total', { receiver: route.receiver });
      }
      add(notices);
      return notices.map(({ transition }) => transition);
    });
  };

  /** Tells the other receivers that one takes nothing. */
  readonly dead = (rows: readonly DeadRow[]): void => {
    const { trouble, clock, receivers, route } = this.#options;
    const known = rows.filter(({ receiver }) => receivers.has(receiver));
    if (trouble.isKnown(known)) return;
    this.#commit(() => {
      const begun = trouble.begin(known, clock.wallMs());
      for (const transition of begun) route([transition], transition.snapshot.labels['receiver'] ?? null);
      return begun;
    });
  };

  /** Tells that a receiver takes notifications again. */
  readonly delivered = (receiver: string): void => {
    const { trouble, clock, route } = this.#options;
    if (!trouble.isOpen(receiver)) return;
    this.#commit(() => {
      const ended = trouble.end(receiver, clock.wallMs());
      route(ended, null);
      return ended;
    });
  };

  /** Repeats what lasts, and sends elsewhere what takes too long. To be called now and then. */
  tick(): void {
    const { reminders, clock, limits, mayRepeat, add } = this.#options;
    const nowMs = clock.wallMs();
    if (reminders.isRepeatDue(nowMs)) {
      this.#commit(() => {
        const notices = reminders.repeats(nowMs, mayRepeat);
        add(notices);
        return [...new Set(notices.map(({ transition }) => transition))];
      });
    }
    if (reminders.isFallbackDue(nowMs, limits)) this.#divert(nowMs);
  }

  #divert(nowMs: number): void {
    const { reminders, limits, counters, log, receivers, add, announce } = this.#options;
    this.#commit(() => {
      // A receiver may have left the configuration since.
      const diversions = reminders
        .diversions(nowMs, limits)
        .filter(({ notice }) => receivers.has(notice.route.receiver));
      for (const { notice, from } of diversions) {
        const to = notice.route.receiver;
        counters.increment('rollcall_alerting_fallbacks_total', { receiver: from });
        log.warn('notification goes to the fallback', {
          receiver: from,
          fallback: to,
          incident: notice.transition.incidentId,
        });
      }
      add(diversions.map(({ notice }) => notice));
      return [];
    });
    announce([]);
  }

  /** Runs `work` in one transaction and announces the transitions that it gives. */
  #commit(work: () => readonly Transition[]): void {
    const { database, trouble, announce } = this.#options;
    let transitions: readonly Transition[];
    try {
      transitions = database.transaction(work);
    } catch (error) {
      trouble.reload();
      throw error;
    }
    if (transitions.length > 0) announce(transitions);
  }
}
