/**
 * Which notifications wait for others before they are sent: those whose route says so, and those beyond what a person can
 * read in a minute. What waits together is told in one digest; one that waited alone is sent as it is.
 */
import type { Severity } from '../../api/types.ts';
import type { RouteDelivery } from '../routing/routing.ts';

const MINUTE_MS = 60_000;
/** The group of what is too much for one minute. */
const STORM = 'storm';

export interface GatheringLimits {
  /** Incidents that a receiver is told of one by one within a minute. */
  readonly stormPerMinuteMax: number;
  /** How long a digest gathers when there are more. */
  readonly stormWaitPageMs: number;
  readonly stormWaitOtherMs: number;
}

/** Notifications to one receiver that are told together. */
export interface WaitingGroup {
  readonly receiver: string;
  readonly groupKey: string;
  readonly endsMs: number;
}

export class Gathering {
  readonly #limits: GatheringLimits;
  /** When each receiver was told of an incident on its own in the last minute, oldest first. */
  readonly #alone = new Map<string, number[]>();
  /** Until when each group gathers, by receiver and group. */
  readonly #groups = new Map<string, number>();
  #hasEnded = false;

  /** @param waiting what an earlier run has left */
  constructor(limits: GatheringLimits, waiting: readonly WaitingGroup[] = []) {
    this.#limits = limits;
    for (const { receiver, groupKey, endsMs } of waiting) this.#groups.set(keyOf(receiver, groupKey), endsMs);
  }

  /** Whether the wait of a group has ended since this was asked last. */
  takeEnded(nowMs: number): boolean {
    this.#forgetEnded(nowMs);
    const hasEnded = this.#hasEnded;
    this.#hasEnded = false;
    return hasEnded;
  }

  /**
   * When a new notification is to be sent, and with which others.
   * @param nowMs wall clock, like all times here
   */
  place(
    receiver: string,
    delivery: RouteDelivery,
    { severity, nowMs }: { readonly severity: Severity; readonly nowMs: number },
  ): RouteDelivery {
    const { groupKey, groupWaitMs } = delivery;
    if (groupWaitMs > 0) {
      return { ...delivery, notBeforeMs: this.#endOf(receiver, groupKey, { waitMs: groupWaitMs, nowMs }) };
    }
    // After a step back of the clock the future is forgotten.
    const alone = (this.#alone.get(receiver) ?? []).filter(
      (atMs) => atMs <= nowMs && atMs > nowMs - MINUTE_MS,
    );
    this.#alone.set(receiver, alone);
    if (alone.length < this.#limits.stormPerMinuteMax) {
      alone.push(nowMs);
      return delivery;
    }
    const waitMs = severity === 'page' ? this.#limits.stormWaitPageMs : this.#limits.stormWaitOtherMs;
    const notBeforeMs = this.#endOf(receiver, STORM, { waitMs, nowMs });
    return { ...delivery, groupKey: STORM, groupLabels: {}, groupWaitMs: waitMs, notBeforeMs };
  }

  /** The end of the group's wait; a group that has ended begins anew. */
  #endOf(
    receiver: string,
    groupKey: string,
    { waitMs, nowMs }: { readonly waitMs: number; readonly nowMs: number },
  ): number {
    this.#forgetEnded(nowMs);
    const key = keyOf(receiver, groupKey);
    const endMs = Math.min(this.#groups.get(key) ?? Infinity, nowMs + waitMs);
    this.#groups.set(key, endMs);
    return endMs;
  }

  #forgetEnded(nowMs: number): void {
    for (const [key, endMs] of this.#groups) {
      if (endMs > nowMs) continue;
      this.#groups.delete(key);
      this.#hasEnded = true;
    }
  }
}

function keyOf(receiver: string, groupKey: string): string {
  return JSON.stringify([receiver, groupKey]);
}
