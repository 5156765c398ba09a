/**
 * Whose backlog is taken next. Agents whose credit does not last have more to send than a live host; of these only a few
 * have a turn at a time, one after another, so that hosts that are up to date never wait for the backlogs of others, and
 * hosts come up to date one by one instead of all of them last.
 */
export const TURN_LIMITS = {
  /** Enough to keep the collector busy over slow links, few enough that one round of all of them takes a blink. */
  turnsMax: 16,
  /** A turn ends after so many bytes of batches … */
  turnBytes: 1024 * 1024,
  /** … or after so long … */
  turnMs: 5_000,
  /** … or when nothing came for so long: there was no more, or its line is slow and it asks again. */
  idleMs: 300,
  /** Those who wait get a little credit so often, at least twice what a live host needs. */
  trickleMs: 5_000,
} as const;

interface Turn {
  bytesLeft: number;
  readonly untilMs: number;
  heardMs: number;
}

/** @typeParam Key who takes turns; compared by identity */
export class Turns<Key> {
  readonly #limits: typeof TURN_LIMITS;
  readonly #holders = new Map<Key, Turn>();
  /** In order of arrival, with the time of the last trickle. */
  readonly #waiting = new Map<Key, number>();

  constructor(limits = TURN_LIMITS) {
    this.#limits = limits;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  holds(key: Key): boolean {
    return this.#holders.has(key);
  }

  waits(key: Key): boolean {
    return this.#waiting.has(key);
  }

  /** `key` has used up its credit: it gets a turn now, or waits for one. */
  want(key: Key, nowMs: number): void {
    if (this.#holders.has(key) || this.#waiting.has(key)) return;
    if (this.#waiting.size === 0 && this.#holders.size < this.#limits.turnsMax) this.#begin(key, nowMs);
    else this.#waiting.set(key, nowMs);
  }

  /** `key` has sent a batch. A turn that is used up ends; `want` puts its holder at the end of the queue. */
  spend(key: Key, bytes: number, nowMs: number): void {
    const turn = this.#holders.get(key);
    if (turn === undefined) return;
    turn.bytesLeft -= bytes;
    turn.heardMs = nowMs;
    if (turn.bytesLeft <= 0) this.#holders.delete(key);
  }

  /**
   * All that `key` has sent is stored, and it did not use up its credit: its backlog is drained. Whoever is only slow keeps the
   * credit that it was given, and asks again when it has used that up.
   */
  finish(key: Key): void {
    this.#holders.delete(key);
  }

  /** `key` is gone. */
  leave(key: Key): void {
    this.#holders.delete(key);
    this.#waiting.delete(key);
  }

  /** Ends turns whose time is over and begins others; returns those who now have one and had none. */
  advance(nowMs: number): readonly Key[] {
    for (const [key, { untilMs, heardMs }] of this.#holders) {
      if (nowMs >= untilMs || nowMs - heardMs >= this.#limits.idleMs) this.#holders.delete(key);
    }
    const begun: Key[] = [];
    for (const key of this.#waiting.keys()) {
      if (this.#holders.size >= this.#limits.turnsMax) break;
      this.#waiting.delete(key);
      this.#begin(key, nowMs);
      begun.push(key);
    }
    return begun;
  }

  /** Whether `key`, which waits, may have its trickle now; asking takes it. */
  takeTrickle(key: Key, nowMs: number): boolean {
    const lastMs = this.#waiting.get(key);
    if (lastMs === undefined || nowMs - lastMs < this.#limits.trickleMs) return false;
    // Setting a key that is there keeps its place in the queue.
    this.#waiting.set(key, nowMs);
    return true;
  }

  #begin(key: Key, nowMs: number): void {
    const { turnBytes, turnMs } = this.#limits;
    this.#holders.set(key, { bytesLeft: turnBytes, untilMs: nowMs + turnMs, heardMs: nowMs });
  }
}
