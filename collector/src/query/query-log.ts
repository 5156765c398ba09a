/** Remembers the slowest queries of the last day, so that somebody can say what makes the collector busy. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';

/** A query that has ended. */
export interface FinishedQuery {
  /** Its text, cut and cleaned. */
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
const TEXT_LENGTH_MAX = 1_000;

/** May be used by several engines. */
export class QueryLog {
  readonly #clock: Clock;
  /** Slowest first. */
  #kept: FinishedQuery[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Slowest first, at most 50. */
  slowest(): readonly FinishedQuery[] {
    const oldestMs = this.#clock.wallMs() - AGE_MS_MAX;
    this.#kept = this.#kept.filter(({ endedMs }) => endedMs >= oldestMs);
    return this.#kept;
  }

  /** Settles like `work`, and notes how long it took; `samples` is asked at its end. */
  async watch<T>(
    query: { readonly text: string; readonly isRange: boolean; readonly samples: () => number },
    work: () => Promise<T>,
  ): Promise<T> {
    const startMs = this.#clock.monoMs();
    let error: FinishedQuery['error'] = 'INTERNAL';
    try {
      const result = await work();
      error = null;
      return result;
    } catch (thrown) {
      if (thrown instanceof AppError) error = thrown.code;
      throw thrown;
    } finally {
      const durationMs = this.#clock.monoMs() - startMs;
      if (this.#isAmongSlowest(durationMs)) {
        const text = cleanText(query.text.slice(0, TEXT_LENGTH_MAX), TEXT_LENGTH_MAX);
        const { isRange } = query;
        this.#keep({
          text,
          isRange,
          endedMs: this.#clock.wallMs(),
          durationMs,
          samples: query.samples(),
          error,
        });
      }
    }
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
