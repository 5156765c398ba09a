/** Remembers the slowest queries of the last day, so that somebody can say what makes the collector busy. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';

/** A query that has ended. */
export interface FinishedQuery {
  /** Its text; of those that are kept, cut and cleaned. */
  readonly text: string;
  readonly isRange: boolean;
  /** When it ended, UTC milliseconds. */
  readonly endedMs: number;
  /** Waiting for its turn included. */
  readonly durationMs: number;
  /** Samples that it loaded. */
  readonly samples: number;
  /** Why it failed; null when it did not, INTERNAL when that was our fault. */
  readonly error: ErrorCode | 'INTERNAL' | null;
}

const KEPT_MAX = 50;
const AGE_MS_MAX = 86_400_000;
/** How often it forgets the oldest though nobody asks. */
const LOOK_MS = 60_000;
const TEXT_LENGTH_MAX = 1_000;

/** May be used by several engines. */
export class QueryLog {
  readonly #clock: Clock;
  /** Slowest first. */
  #kept: FinishedQuery[] = [];
  /** Nobody is too old before, on the monotonic clock. */
  #nextLookMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Slowest first, at most 50. */
  slowest(): readonly FinishedQuery[] {
    const oldestMs = this.#clock.wallMs() - AGE_MS_MAX;
    this.#kept = this.#kept.filter(({ endedMs }) => endedMs >= oldestMs);
    return this.#kept;
  }

  /** As `watchQuery`. */
  watch<T>(query: WatchedQuery, work: () => Promise<T>): Promise<T> {
    return watchQuery(query, work, { clock: this.#clock, note: (finished) => this.note(finished) });
  }

  /** Takes in a query that has ended, and gives it as it is kept; undefined when others were slower. */
  note(query: FinishedQuery): FinishedQuery | undefined {
    const nowMs = this.#clock.monoMs();
    if (nowMs >= this.#nextLookMs) {
      this.slowest();
      this.#nextLookMs = nowMs + LOOK_MS;
    }
    if (!this.#isAmongSlowest(query.durationMs)) return undefined;
    const kept = { ...query, text: cleanText(query.text.slice(0, TEXT_LENGTH_MAX), TEXT_LENGTH_MAX) };
    this.#keep(kept);
    return kept;
  }

  #isAmongSlowest(durationMs: number): boolean {
    return this.#kept.length < KEPT_MAX || durationMs > (this.#kept.at(-1)?.durationMs ?? 0);
  }

  #keep(query: FinishedQuery): void {
    // Whoever is too old makes room before whoever is too quick.
    this.#kept = [...this.slowest(), query]
      .toSorted((left, right) => right.durationMs - left.durationMs)
      .slice(0, KEPT_MAX);
  }
}

/** A query that is about to run; `samples` is asked at its end. */
export interface WatchedQuery {
  readonly text: string;
  readonly isRange: boolean;
  readonly samples: () => number;
}

/** Settles like `work`, and notes how long it took. */
export async function watchQuery<T>(
  { text, isRange, samples }: WatchedQuery,
  work: () => Promise<T>,
  { clock, note }: { readonly clock: Clock; readonly note: (query: FinishedQuery) => void },
): Promise<T> {
  const startMs = clock.monoMs();
  let error: FinishedQuery['error'] = 'INTERNAL';
  try {
    const result = await work();
    error = null;
    return result;
  } catch (thrown) {
    if (thrown instanceof AppError) error = thrown.code;
    throw thrown;
  } finally {
    note({
      text,
      isRange,
      endedMs: clock.wallMs(),
      durationMs: clock.monoMs() - startMs,
      samples: samples(),
      error,
    });
  }
}
