/**
 * How often an agent may begin a new epoch. A few are normal: reboots, repairs, a disk that fills up. An agent that begins
 * one each time it connects would fill the journal with lanes, and its backlog would never be recognised as a duplicate.
 */
import { KeyedBuckets } from '../fleet/buckets.ts';

/** Eight at once, then one a minute. */
const NEW_EPOCHS = { burst: 8, perSecond: 1 / 60 };

export class EpochRate {
  readonly #buckets: KeyedBuckets;
  /** Epochs of the newest HELLO that were admitted, by agent; only enrolled agents come this far. */
  readonly #known = new Map<string, ReadonlySet<string>>();

  /** @param agentsMax how many agents are remembered; with more of them the oldest get a full bucket */
  constructor(agentsMax: number) {
    this.#buckets = new KeyedBuckets(NEW_EPOCHS, agentsMax);
  }

  /**
   * Whether a login with these epochs may go on. The first one since the start always may: which of its epochs are new is
   * not known, and there may be many after an outage. Of a login that may not, the epochs that were admitted are remembered,
   * so that an agent with many new ones gets in after a while however often it asks.
   */
  admit(agentId: string, epochIds: readonly string[], nowMonoMs: number): boolean {
    const known = this.#known.get(agentId);
    const admitted = new Set(
      epochIds.filter((id) => known === undefined || known.has(id) || this.#buckets.take(agentId, nowMonoMs)),
    );
    this.#known.set(agentId, admitted);
    return epochIds.every((id) => admitted.has(id));
  }

  /** The host was revoked or deleted. */
  forget(agentId: string): void {
    this.#known.delete(agentId);
  }
}
