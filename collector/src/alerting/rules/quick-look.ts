/**
 * When rules are looked at before their turn, because samples came. They may take a small share of one core and no more:
 * after each look there is a pause, and it is the longer the longer the look took.
 */
import { background } from '@rollcall/shared/lib/background.ts';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';

export interface QuickLookOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: {
    /** A look waits this long for further samples of the same moment. */
    readonly quickDelayMs: number;
    readonly quickPauseMsMin: number;
    /** The pause after a look, as a multiple of the time that it took. */
    readonly quickPauseFactor: number;
  };
  /** Evaluates; returns how long that took, in milliseconds. */
  readonly look: () => Promise<number>;
}

export class QuickLook {
  readonly #options: QuickLookOptions;
  #timer: Timer | undefined;
  #isLooking = false;
  #isWanted = false;
  #notBeforeMonoMs = -Infinity;
  #isStopped = false;

  constructor(options: QuickLookOptions) {
    this.#options = options;
  }

  /** Samples came. Cheap; may be called for each of them. */
  want(): void {
    const { clock, limits } = this.#options;
    this.#isWanted = true;
    if (this.#isStopped || this.#isLooking || this.#timer !== undefined) return;
    const pauseMs = this.#notBeforeMonoMs - clock.monoMs();
    this.#timer = clock.setTimer(Math.max(limits.quickDelayMs, pauseMs), () => {
      this.#timer = undefined;
      background(this.#options.log, 'look at rules', this.#look());
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const { clock, limits, look } = this.#options;
    this.#isWanted = false;
    this.#isLooking = true;
    try {
      const tookMs = await look();
      const pauseMs = Math.max(limits.quickPauseMsMin, tookMs * limits.quickPauseFactor);
      this.#notBeforeMonoMs = clock.monoMs() + pauseMs;
    } finally {
      this.#isLooking = false;
      if (this.#isWanted) this.want();
    }
  }
}
