/**
 * Decides whether our own wall clock may judge the times of agents: a collector with a wrong clock must not reject the
 * records of a whole fleet.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';

/** How far the clock may be behind the newest row; NTP slews by less. */
const BEHIND_MS_MAX = 2_000;
/** A step of the wall clock against the monotonic one that counts as a jump. */
const JUMP_MS = 10_000;
/** No verdicts for so long after a jump. */
const AFTER_JUMP_MS = 600_000;

export class ClockGuard {
  readonly #clock: Clock;
  #newestReceivedMs: number;
  #offsetMs: number;
  #trustedFromMonoMs = Number.NEGATIVE_INFINITY;

  /** @param newestReceivedMs when the newest row was received, by this machine's clock at that time */
  constructor(clock: Clock, newestReceivedMs: number) {
    this.#clock = clock;
    this.#newestReceivedMs = newestReceivedMs;
    this.#offsetMs = clock.wallMs() - clock.monoMs();
  }

  /**
   * The time to stamp a record with, and whether it may be used to judge the record's own time. Stamps never go
   * backwards: the newest row then tells also the next process how late it has been once.
   */
  read(): { readonly nowMs: number; readonly isTrusted: boolean } {
    const nowMs = this.#clock.wallMs();
    const monoMs = this.#clock.monoMs();
    const offsetMs = nowMs - monoMs;
    if (Math.abs(offsetMs - this.#offsetMs) > JUMP_MS) this.#trustedFromMonoMs = monoMs + AFTER_JUMP_MS;
    // The reference follows, so that slow drift never adds up to a jump.
    this.#offsetMs = offsetMs;
    const isBehind = nowMs + BEHIND_MS_MAX < this.#newestReceivedMs;
    this.#newestReceivedMs = Math.max(this.#newestReceivedMs, nowMs);
    return { nowMs: this.#newestReceivedMs, isTrusted: !isBehind && monoMs >= this.#trustedFromMonoMs };
  }
}
