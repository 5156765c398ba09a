/** How far back the readings of a sampler are worth keeping: as far as reads of the last half hour looked. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';

/** How long a question is remembered; the slowest rules that look at raw readings come every ten minutes. */
const REMEMBERED_MS = 1_800_000;
/** Samplers that are remembered; more than all operating systems together have. */
const SAMPLERS_MAX = 10_000;

export class Reach {
  readonly #leastMs: number;
  readonly #clock: Pick<Clock, 'monoMs'>;
  readonly #asked = new Map<string, { readonly backMs: number; readonly untilMs: number }>();

  /** @param leastMs of samplers that nobody asks for, too */
  constructor(leastMs: number, clock: Pick<Clock, 'monoMs'>) {
    this.#leastMs = leastMs;
    this.#clock = clock;
  }

  /** A read looked back so far. */
  note(sampler: string, backMs: number): void {
    if (backMs <= this.#leastMs) return;
    const nowMs = this.#clock.monoMs();
    const known = this.#asked.get(sampler);
    if (known !== undefined && known.backMs > backMs && known.untilMs > nowMs) return;
    if (known === undefined && this.#asked.size >= SAMPLERS_MAX) this.#asked.clear();
    this.#asked.set(sampler, { backMs, untilMs: nowMs + REMEMBERED_MS });
  }

  of(sampler: string): number {
    const known = this.#asked.get(sampler);
    if (known === undefined || known.untilMs <= this.#clock.monoMs()) return this.#leastMs;
    return known.backMs;
  }
}
