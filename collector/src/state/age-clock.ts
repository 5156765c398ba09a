/**
 * The time by which things are too old to be kept. A wall clock that is a year ahead would let a year of history expire at
 * once, so one that is far from where it was when the store was last in use does not count before it has stood for half a day:
 * meanwhile time goes on from there. Who sets the clock right before that has lost nothing.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Database } from './database.ts';

/** How far the wall clock may be from where it should be, as after a stop of the collector or a nap of the machine. */
const DOUBT_MS = 86_400_000;
/** For so long it must stand there, with the collector running, before it is believed. */
const CONFIRM_MS = 12 * 3_600_000;
/** A step that makes the wait begin anew; clocks are slewed by less. */
const STEP_MS = 600_000;
/** How much later it must be to be written again. */
const WRITE_MS = 600_000;

export interface AgeClockOptions {
  /** That of the collector's state. */
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** When the store was last written, by its newest block, for one that was never asked before; `undefined` for a new one. */
  readonly newestMs?: number | undefined;
}

export class AgeClock {
  readonly #options: AgeClockOptions;
  /** A time that is believed, and when that was by the monotonic clock. */
  #at: { readonly wallMs: number; readonly monoMs: number };
  #writtenMs: number | undefined;
  /** Since when the wall clock has been somewhere else by the monotonic clock, and how far it is from that one. */
  #doubt: { readonly sinceMonoMs: number; readonly offsetMs: number } | undefined;
  #isWriteFailing = false;

  constructor(options: AgeClockOptions) {
    this.#options = options;
    const { database, clock } = options;
    const find = (sql: string): number | undefined => {
      const value = database.connection.prepare(sql).get()?.['at_ms'];
      return typeof value === 'number' ? value : undefined;
    };
    this.#writtenMs = find('SELECT at_ms FROM age_clock');
    // Of a store that has no such time yet, what else tells when it was in use.
    const usedMs = Math.max(
      find('SELECT watched_ms AS at_ms FROM presence_watch') ?? 0,
      options.newestMs ?? 0,
    );
    const wallMs = this.#writtenMs ?? (usedMs > 0 ? usedMs : clock.wallMs());
    this.#at = { wallMs, monoMs: clock.monoMs() };
  }

  /** UTC milliseconds; what is older by it than it is kept may go. Never later than the wall clock. Notes the time now and then. */
  nowMs(): number {
    const { clock, log } = this.#options;
    const [wallMs, monoMs] = [clock.wallMs(), clock.monoMs()];
    const expectedMs = this.#at.wallMs + monoMs - this.#at.monoMs;
    if (Math.abs(wallMs - expectedMs) <= DOUBT_MS) {
      if (this.#doubt !== undefined) log.info('the clock is right again; what is too old goes again');
      return this.#believe(wallMs, monoMs);
    }
    const offsetMs = wallMs - monoMs;
    if (this.#doubt === undefined || Math.abs(offsetMs - this.#doubt.offsetMs) > STEP_MS) {
      this.#doubt = { sinceMonoMs: monoMs, offsetMs };
      log.warn(
        'the clock is far from where it was when this store was last in use; nothing is too old by it for now',
        {
          wall: new Date(wallMs).toISOString(),
          expected: new Date(expectedMs).toISOString(),
          believedInHours: CONFIRM_MS / 3_600_000,
        },
      );
    }
    if (monoMs - this.#doubt.sinceMonoMs < CONFIRM_MS) return Math.min(wallMs, expectedMs);
    log.warn('the clock has stood for so long that it is believed; what is too old by it goes');
    return this.#believe(wallMs, monoMs);
  }

  /** Whether the wall clock is not believed at the moment. */
  isInDoubt(): boolean {
    this.nowMs();
    return this.#doubt !== undefined;
  }

  #believe(wallMs: number, monoMs: number): number {
    this.#doubt = undefined;
    this.#at = { wallMs, monoMs };
    if (this.#writtenMs !== undefined && Math.abs(wallMs - this.#writtenMs) < WRITE_MS) return wallMs;
    const { database, log } = this.#options;
    try {
      database.connection
        .prepare('INSERT INTO age_clock (id, at_ms) VALUES (1, ?1) ON CONFLICT DO UPDATE SET at_ms = ?1')
        .run(Math.round(wallMs));
      this.#writtenMs = wallMs;
      this.#isWriteFailing = false;
    } catch (error) {
      // A full disk: then the next start doubts a clock that is right, and keeps for longer what is too old.
      if (!this.#isWriteFailing) log.warn('the time cannot be noted', { error: describeError(error) });
      this.#isWriteFailing = true;
    }
    return wallMs;
  }
}
