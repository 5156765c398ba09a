/** Many deadlines that are hardly ever reached. */
import type { Clock, Timer } from './clock.ts';

interface Deadline {
  readonly dueMs: number;
  readonly late: () => void;
}

/**
 * Timers for work that nearly always ends long before them. Setting a timer of the system and taking it back costs more than
 * all the rest of guarding a small piece of work, so there is one for all: it is not taken back when work ends, and looks
 * who is late when it fires. It does not keep a program from ending.
 */
export class Deadlines implements Pick<Clock, 'setTimer'> {
  readonly #clock: Pick<Clock, 'monoMs' | 'setTimer'>;
  readonly #open = new Set<Deadline>();
  #timer: Timer | undefined;
  /** On the monotonic clock, when the timer fires. */
  #firesAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monoMs' | 'setTimer'>) {
    this.#clock = clock;
  }

  /** Calls `late` once, not before `delayMs` have passed, unless it is cancelled before. */
  setTimer(delayMs: number, late: () => void): Timer {
    const dueMs = this.#clock.monoMs() + delayMs;
    const deadline = { dueMs, late };
    this.#open.add(deadline);
    if (dueMs < this.#firesAtMs) this.#fire(dueMs, delayMs);
    return { cancel: () => void this.#open.delete(deadline) };
  }

  #fire(atMs: number, delayMs: number): void {
    this.#timer?.cancel();
    this.#firesAtMs = atMs;
    this.#timer = this.#clock.setTimer(Math.max(0, delayMs), () => this.#look(), { isBackground: true });
  }

  #look(): void {
    this.#timer = undefined;
    this.#firesAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monoMs();
    const late: Deadline[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const deadline of this.#open)
      if (deadline.dueMs <= nowMs) late.push(deadline);
      else nextMs = Math.min(nextMs, deadline.dueMs);
    if (nextMs < Number.POSITIVE_INFINITY) this.#fire(nextMs, nextMs - nowMs);
    // One that is late may cancel another.
    for (const deadline of late) if (this.#open.delete(deadline)) deadline.late();
  }
}
