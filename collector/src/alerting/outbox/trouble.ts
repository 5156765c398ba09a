/**
 * Receivers that do not take what they are sent: for each there is one open incident `NotificationDead`, told to the others,
 * until it takes something again. To be called inside a transaction.
 */
import type { Transition } from '../incidents/transition.ts';
import type { OwnIncidents } from './own-incidents.ts';
import type { DeadRow } from './rows.ts';

export class Trouble {
  readonly #incidents: OwnIncidents;
  /** The open incident of each receiver. */
  #open = new Map<string, string>();

  constructor(incidents: OwnIncidents) {
    this.#incidents = incidents;
    this.reload();
  }

  /** Goes by what is stored again, after a transaction that failed. */
  reload(): void {
    this.#open = new Map(this.#incidents.openBy('NotificationDead', 'receiver'));
  }

  /** Whether this is no news: every receiver of `rows` is known to be in trouble. */
  isKnown(rows: readonly DeadRow[]): boolean {
    return rows.every(({ receiver }) => this.#open.has(receiver));
  }

  /** Whether the receiver was in trouble until now. */
  isOpen(receiver: string): boolean {
    return this.#open.has(receiver);
  }

  /** Opens the incidents of receivers that were not known to be in trouble; returns that they fired. */
  begin(rows: readonly DeadRow[], nowMs: number): readonly Transition[] {
    return [...Map.groupBy(rows, ({ receiver }) => receiver)].flatMap(([receiver, dead]) => {
      if (this.#open.has(receiver)) return [];
      const [first] = dead;
      const transition = this.#incidents.open(
        {
          rule: 'NotificationDead',
          severity: 'page',
          title: `notifications to ${receiver} are lost`,
          description: `${dead.length} given up just now: ${first?.error ?? ''}. Nothing reaches ${receiver} until this ends.`,
          labels: { receiver },
        },
        nowMs,
      );
      this.#open.set(receiver, transition.incidentId);
      return [transition];
    });
  }

  /** The receiver has taken a notification; returns that its trouble is over, if it was in any. */
  end(receiver: string, nowMs: number): readonly Transition[] {
    const incidentId = this.#open.get(receiver);
    if (incidentId === undefined) return [];
    this.#open.delete(receiver);
    const transition = this.#incidents.end(incidentId, `${receiver} takes notifications again`, nowMs);
    return transition === null ? [] : [transition];
  }
}
