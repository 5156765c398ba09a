/**
 * Messages of all agents in slices of time: what does not fit into one turn of the event loop waits for the next, so that
 * timers, commits and answers never wait for many large batches that came together.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';

export const SLICE_LIMITS = {
  /** Work on messages between two turns of the event loop; the last message begun may exceed it. */
  sliceMs: 6,
  /** Of one agent that may wait; its socket is not read on until they are done. */
  waitingPerAgent: 8,
} as const;

/** @typeParam Key whose messages are done in their order; compared by identity */
export class Slices<Key> {
  readonly #clock: Pick<Clock, 'monoMs' | 'setTimer'>;
  /** Each key once, the one that waits longest first. */
  readonly #waiting = new Map<Key, (() => void)[]>();
  /** When the slice began that is going on; undefined between slices. */
  #beganMs: number | undefined;
  readonly #deferred: () => void;

  /** @param deferred is called for each piece of work that has to wait */
  constructor(clock: Pick<Clock, 'monoMs' | 'setTimer'>, deferred: () => void) {
    this.#clock = clock;
    this.#deferred = deferred;
  }

  /** How much work of `key` waits. */
  waitingOf(key: Key): number {
    return this.#waiting.get(key)?.length ?? 0;
  }

  /**
   * Does `work` at once while there is time in this turn and nothing of `key` waits; otherwise in a later turn, after what
   * came before it of the same key. Work must not throw.
   */
  run(key: Key, work: () => void): void {
    const queue = this.#waiting.get(key);
    if (queue === undefined && this.#hasTime()) {
      work();
      return;
    }
    this.#deferred();
    if (queue === undefined) this.#waiting.set(key, [work]);
    else queue.push(work);
  }

  #hasTime(): boolean {
    const nowMs = this.#clock.monoMs();
    if (this.#beganMs === undefined) this.#begin(nowMs);
    return nowMs - (this.#beganMs ?? nowMs) < SLICE_LIMITS.sliceMs;
  }

  #begin(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#clock.setTimer(0, () => this.#next());
  }

  /** A new turn: one piece of work of each key in order, as long as there is time. */
  #next(): void {
    this.#beganMs = undefined;
    for (const [key, queue] of this.#waiting) {
      if (!this.#hasTime()) return;
      this.#waiting.delete(key);
      const work = queue.shift();
      // Back to the end, where the loop comes by again, before the work is done: what it brings about comes after it.
      if (queue.length > 0) this.#waiting.set(key, queue);
      work?.();
    }
  }
}
