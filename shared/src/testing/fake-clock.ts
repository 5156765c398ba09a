/** A clock that stands still until a test moves it. */
import type { Clock, Timer } from '../lib/clock.ts';

interface Pending {
  readonly dueMonoMs: number;
  readonly order: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  #monoMs = 1_000;
  #wallOffsetMs: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(wallMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = wallMs - this.#monoMs;
  }

  wallMs(): number {
    return this.#monoMs + this.#wallOffsetMs;
  }

  monoMs(): number {
    return this.#monoMs;
  }

  bootMs(): number {
    return this.#monoMs + 60_000;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const entry = { dueMonoMs: this.#monoMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  /** How many timers wait; a stopped component must leave none behind. */
  get timerCount(): number {
    return this.#pending.size;
  }

  /** Steps the wall clock alone, as an administrator or NTP does. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /**
   * Moves time on, firing what falls due in order and letting promises settle in between.
   */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#monoMs + byMs;
    for (;;) {
      await settle();
      const next = this.#nextDue(untilMs);
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#monoMs = Math.max(this.#monoMs, next.dueMonoMs);
      next.callback();
    }
    this.#monoMs = untilMs;
    await settle();
  }

  #nextDue(untilMs: number): Pending | undefined {
    let best: Pending | undefined;
    for (const entry of this.#pending) {
      if (entry.dueMonoMs > untilMs) continue;
      if (
        best === undefined ||
        entry.dueMonoMs < best.dueMonoMs ||
        (entry.dueMonoMs === best.dueMonoMs && entry.order < best.order)
      ) {
        best = entry;
      }
    }
    return best;
  }
}

/** Lets everything that is ready run: promise reactions and one turn of the event loop. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
