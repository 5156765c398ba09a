/**
 * Lets what comes in quick succession leave together: to make a record durable, to send it and to hear that it arrived
 * costs as much as to read it, and for two hardly more than for one. docs/decisions/0058 says what that is worth.
 */
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';

/** Share of the span by which something may be early, and what waits may be late, so that they leave together. */
const SLACK_RATIO = 0.25;

export class Gather {
  readonly #clock: Clock;
  readonly #spanMs: number;
  readonly #leave: () => void;
  #leftMonoMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  /**
   * @param options.spanMs least time between two departures, 0 for none
   * @param options.leave called in `come`, or later by a timer
   */
  constructor(options: { readonly clock: Clock; readonly spanMs: number; readonly leave: () => void }) {
    this.#clock = options.clock;
    this.#spanMs = options.spanMs;
    this.#leave = options.leave;
  }

  /** Whether something came that has not left yet. */
  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  /** Something came: it leaves now, with what waits, or waits for the next one, at most for the span and its slack. */
  come(): void {
    const slackMs = this.#spanMs * SLACK_RATIO;
    const sinceMs = this.#clock.monoMs() - this.#leftMonoMs;
    if (sinceMs >= this.#spanMs - slackMs) this.leave();
    else
      // Not in the background: Node.js wakes up for a timer of that kind even when it was cancelled, as most of these are.
      this.#timer ??= this.#clock.setTimer(this.#spanMs + slackMs - sinceMs, () => this.leave());
  }

  /** Whatever waits leaves now. */
  leave(): void {
    this.cancel();
    this.#leftMonoMs = this.#clock.monoMs();
    this.#leave();
  }

  /** What waits does not leave by itself any more. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
