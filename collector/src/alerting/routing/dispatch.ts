/**
 * From a transition to the outbox rows that it takes: one for each receiver, sent or suppressed with the reason. What is
 * suppressed for now is looked at again and again, and sent once nothing suppresses it and the incident is still open.
 */
import { isEnding, type Transition } from '../incidents/transition.ts';
import type { Digests } from '../outbox/digests.ts';
import type { Gathering } from '../outbox/gathering.ts';
import type { HeldRows, Standing } from '../outbox/held-rows.ts';
import type { Notice } from '../outbox/rows.ts';
import type { Inhibition } from '../inhibition/inhibition.ts';
import { PLAIN, type Route, type Router } from './routing.ts';
import type { Judge, Suppression, Suppressor } from './suppression.ts';
import { targetOf } from './target.ts';

/** Held rows that are looked at in one go, so that a silence over a whole fleet costs little at a time. */
const HELD_PER_ROUND = 1_000;

export interface DispatchOptions {
  readonly router: Router;
  readonly rows: HeldRows;
  readonly gathering: Gathering;
  readonly digests: Digests;
  readonly inhibition: Inhibition;
  /** All that suppresses, inhibition included. */
  readonly suppressor: Suppressor;
  /** Runs `work` in one transaction. */
  readonly transaction: (work: () => void) => void;
}

export class Dispatch {
  readonly #options: DispatchOptions;
  /** The held row that was looked at last. */
  #lastHeldId = 0;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /**
   * The rows of transitions. To be called inside the transaction that stores them, after them.
   * @param nowMs wall clock
   */
  noticesOf(transitions: readonly Transition[], nowMs: number): readonly Notice[] {
    const { inhibition, suppressor, digests } = this.#options;
    inhibition.note(transitions);
    let judge: Judge | undefined;
    const notices = transitions.flatMap((transition) => {
      if (transition.kind !== 'fired') return this.#followUps(transition);
      judge ??= suppressor.at(nowMs);
      return this.#first(transition, judge, nowMs);
    });
    const ended = transitions.filter(({ kind }) => isEnding(kind)).map(({ incidentId }) => incidentId);
    const endsOfDigests = digests.endOf(ended, nowMs).flatMap((transition) => this.#followUps(transition));
    return [...notices, ...endsOfDigests];
  }

  /**
   * Sends held rows that nothing suppresses any more, and notes for the others what does now.
   * @returns how many are sent
   */
  releaseHeld(nowMs: number): number {
    const { rows, suppressor, transaction, gathering } = this.#options;
    const held = rows.list(this.#lastHeldId, HELD_PER_ROUND);
    this.#lastHeldId = held.length < HELD_PER_ROUND ? 0 : (held.at(-1)?.id ?? 0);
    if (held.length === 0) return 0;
    const judge = suppressor.at(nowMs);
    const verdicts = held.map((row) => {
      const suppressions = judge.suppressionsOf(targetOf(row.incidentId, row.snapshot));
      return { row, reason: suppressions.length === 0 ? null : reasonOf(suppressions) };
    });
    const changed = verdicts.filter(({ row, reason }) => reason !== row.reason);
    if (changed.length === 0) return 0;
    transaction(() => {
      for (const { row, reason } of changed) {
        if (reason === null) {
          const { receiver, snapshot, groupKey, groupWaitMs } = row;
          const delivery = { ...PLAIN, groupKey, groupWaitMs };
          rows.release(
            row.id,
            nowMs,
            gathering.place(receiver, delivery, { severity: snapshot.severity, nowMs }),
          );
        } else rows.holdFor(row.id, reason);
      }
    });
    return changed.filter(({ reason }) => reason === null).length;
  }

  #first(transition: Transition, judge: Judge, nowMs: number): readonly Notice[] {
    const { router, gathering } = this.#options;
    const target = targetOf(transition.incidentId, transition.snapshot);
    const suppressions = judge.suppressionsOf(target);
    return router.routesOf(target).map((route) => {
      if (suppressions.length > 0) return { transition, route: heldBack(route, reasonOf(suppressions)) };
      if (route.verdict === 'suppressed') return { transition, route };
      const { receiver, delivery = PLAIN } = route;
      const placed = gathering.place(receiver, delivery, { severity: target.severity, nowMs });
      return { transition, route: { ...route, delivery: placed } };
    });
  }

  /** What comes after goes to those who know of the incident, whatever suppresses it now. */
  #followUps(transition: Transition): readonly Notice[] {
    const { rows } = this.#options;
    const { incidentId } = transition;
    const notices = rows.standings(incidentId).map((standing) => ({ transition, route: followUp(standing) }));
    if (!isEnding(transition.kind)) return notices;
    rows.endHolding(incidentId);
    for (const { route } of notices) {
      if (route.verdict !== 'send') continue;
      rows.supersedeUntried(
        incidentId,
        route.receiver,
        'ended before it was sent: told together with its end',
      );
    }
    return notices;
  }
}

function heldBack(route: Route, reason: string): Route {
  return route.verdict === 'suppressed' ? route : { ...route, verdict: 'suppressed', reason, isHeld: true };
}

function followUp({ receiver, isTold, digest, reason }: Standing): Route {
  if (isTold) return { receiver, verdict: 'send' };
  return {
    receiver,
    verdict: 'suppressed',
    reason:
      digest === null ? `the receiver was not told that it fired: ${reason}` : `part of digest ${digest}`,
  };
}

function reasonOf(suppressions: readonly Suppression[]): string {
  return suppressions.map(({ reason }) => reason).join('; ');
}
