/** Long work in turns: a read gives way to the event loop every few milliseconds. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { throwIfCanceled } from '../limits.ts';

export class Pace {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #yieldToLoop: () => Promise<void>;
  readonly #signal: AbortSignal;
  #turnStartMs: number;

  /** @throws AppError QUERY_CANCELED when the signal is already aborted */
  constructor(options: {
    readonly clock: Clock;
    readonly turnMs: number;
    /** Resolves in a later turn of the event loop. */
    readonly yieldToLoop: () => Promise<void>;
    readonly signal: AbortSignal;
  }) {
    this.#clock = options.clock;
    this.#turnMs = options.turnMs;
    this.#yieldToLoop = options.yieldToLoop;
    this.#signal = options.signal;
    throwIfCanceled(this.#signal);
    this.#turnStartMs = this.#clock.monoMs();
  }

  /** Whether this turn has lasted long enough. Costs a look at the clock. */
  get isDue(): boolean {
    return this.#clock.monoMs() - this.#turnStartMs >= this.#turnMs;
  }

  /**
   * Ends the turn.
   * @throws AppError QUERY_CANCELED
   */
  async rest(): Promise<void> {
    await this.#yieldToLoop();
    throwIfCanceled(this.#signal);
    this.#turnStartMs = this.#clock.monoMs();
  }
}

/** Items that are sorted between two looks at the clock. */
const RUN_LENGTH = 1_024;

/** `list` in order, sorted in turns; stable. The list itself may be changed. */
export async function sortInTurns<T>(list: T[], compare: (a: T, b: T) => number, pace: Pace): Promise<T[]> {
  if (list.length <= RUN_LENGTH) return list.sort(compare);
  if (await isSorted(list, compare, pace)) return list;
  let source: T[] = [];
  for (let at = 0; at < list.length; at += RUN_LENGTH) {
    source.push(...list.slice(at, at + RUN_LENGTH).sort(compare));
    if (pace.isDue) await pace.rest();
  }
  for (let width = RUN_LENGTH; width < source.length; width *= 2) {
    const merged: T[] = [];
    for (let at = 0; at < source.length; at += 2 * width) {
      let left = at;
      let right = Math.min(at + width, source.length);
      const middle = right;
      const end = Math.min(at + 2 * width, source.length);
      while (left < middle || right < end) {
        const a = source[left];
        const b = source[right];
        const isLeft =
          right >= end || (left < middle && a !== undefined && b !== undefined && compare(a, b) <= 0);
        const next = isLeft ? a : b;
        if (isLeft) left++;
        else right++;
        if (next !== undefined) merged.push(next);
        if (merged.length % RUN_LENGTH === 0 && pace.isDue) await pace.rest();
      }
    }
    source = merged;
  }
  return source;
}

/** Whether nothing is left to do, as where each host has one series. Else it says so at the first that is out of place. */
async function isSorted<T>(
  list: readonly T[],
  compare: (a: T, b: T) => number,
  pace: Pace,
): Promise<boolean> {
  let before: T | undefined;
  for (const [at, item] of list.entries()) {
    if (before !== undefined && compare(before, item) > 0) return false;
    before = item;
    if (at % RUN_LENGTH === 0 && pace.isDue) await pace.rest();
  }
  return true;
}
