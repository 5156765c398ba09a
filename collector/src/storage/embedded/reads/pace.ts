/** Long work in turns: a read gives way to the event loop every few milliseconds. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { throwIfCanceled } from '../../limits.ts';

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
