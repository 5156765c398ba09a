/**
 * The time by which things are too old to be kept. A wall clock that is a year ahead would let a year of history expire at
 * once, so one that is far from where it was when the store was last in use does not count before it has stood for half a day:
 * meanwhile time goes on from there. Who sets the clock right before that has lost nothing. The half day is that of all processes
 * together: a machine that is off every night comes to an end with it too.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Database } from './database.ts';

/** How far the wall clock may be from where it should be, as after a stop of the collector or a nap of the machine. */
const DOUBT_MS = 86_400_000;
/** For so long it must stand there, with the collector running, before it is believed. */
const CONFIRM_MS = 12 * 3_600_000;
/** A step back that makes the wait begin anew; clocks are slewed by less. */
const STEP_MS = 600_000;
/** A step forward that does: by less the machine was asleep, or the collector stopped. */
const NAP_MS_MAX = 7 * 86_400_000;
/** How often a doubt is written: of a process that ends early no more than this is lost. */
const DOUBT_WRITE_MS = 60_000;
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

interface Doubt {
  /** Where the wall clock was at the last look. */
  readonly wallMs: number;
  /** For how long collectors have been running while it went on from where it was first seen. */
  readonly stoodMs: number;
}

export class AgeClock {
  readonly #options: AgeClockOptions;
  /** A time that is believed, and when that was by the monotonic clock. */
  #at: { readonly wallMs: number; readonly monoMs: number };
  #writtenMs: number | undefined;
  /** The wall clock is somewhere else, with when the last look was. */
  #doubt: (Doubt & { readonly monoMs: number }) | undefined;
  /** That of earlier processes, until the first look. */
  #earlierDoubt: Doubt | undefined;
  /** When it was written, by the monotonic clock. */
  #doubtWrittenMs = Number.NEGATIVE_INFINITY;
  #isDoubtNoted = false;
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
    const row = database.connection.prepare('SELECT wall_ms, stood_ms FROM age_doubt').get();
    if (row === undefined) return;
    this.#earlierDoubt = { wallMs: Number(row['wall_ms']), stoodMs: Number(row['stood_ms']) };
    this.#isDoubtNoted = true;
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
    const isTold = this.#doubt !== undefined;
    const stoodMs = this.#stoodMs(wallMs, monoMs);
    this.#doubt = { wallMs, monoMs, stoodMs: stoodMs ?? 0 };
    if (!isTold || stoodMs === undefined) {
      log.warn(
        'the clock is far from where it was when this store was last in use; nothing is too old by it for now',
        {
          wall: new Date(wallMs).toISOString(),
          expected: new Date(expectedMs).toISOString(),
          believedInHours: Math.ceil((CONFIRM_MS - this.#doubt.stoodMs) / 3_600_000),
        },
      );
    }
    if (this.#doubt.stoodMs < CONFIRM_MS) {
      this.#noteDoubt(this.#doubt);
      return Math.min(wallMs, expectedMs);
    }
    log.warn('the clock has stood for so long that it is believed; what is too old by it goes');
    return this.#believe(wallMs, monoMs);
  }

  /** Whether the wall clock is not believed at the moment. */
  isInDoubt(): boolean {
    this.nowMs();
    return this.#doubt !== undefined;
  }

  /** For how long the clock has stood where it is now; undefined when it is seen there for the first time. */
  #stoodMs(wallMs: number, monoMs: number): number | undefined {
    const before =
      this.#doubt ?? (this.#earlierDoubt === undefined ? undefined : { ...this.#earlierDoubt, monoMs });
    this.#earlierDoubt = undefined;
    if (before === undefined) return undefined;
    const ranMs = monoMs - before.monoMs;
    const stepMs = wallMs - before.wallMs - ranMs;
    return stepMs >= -STEP_MS && stepMs <= NAP_MS_MAX ? before.stoodMs + ranMs : undefined;
  }

  #noteDoubt({ wallMs, monoMs, stoodMs }: Doubt & { readonly monoMs: number }): void {
    if (monoMs - this.#doubtWrittenMs < DOUBT_WRITE_MS) return;
    this.#doubtWrittenMs = monoMs;
    const { database, log } = this.#options;
    try {
      database.connection
        .prepare(
          `INSERT INTO age_doubt (id, wall_ms, stood_ms) VALUES (1, ?1, ?2)
           ON CONFLICT DO UPDATE SET wall_ms = ?1, stood_ms = ?2`,
        )
        .run(Math.round(wallMs), Math.round(stoodMs));
      this.#isDoubtNoted = true;
    } catch (error) {
      log.debug('the doubt about the clock cannot be noted', { error: describeError(error) });
    }
  }

  #believe(wallMs: number, monoMs: number): number {
    this.#doubt = undefined;
    this.#earlierDoubt = undefined;
    this.#doubtWrittenMs = Number.NEGATIVE_INFINITY;
    this.#at = { wallMs, monoMs };
    const isNoted = this.#writtenMs !== undefined && Math.abs(wallMs - this.#writtenMs) < WRITE_MS;
    if (isNoted && !this.#isDoubtNoted) return wallMs;
    const { database, log } = this.#options;
    try {
      // First, so that a death in between costs a wait and not what is kept.
      database.connection.exec('DELETE FROM age_doubt');
      this.#isDoubtNoted = false;
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
