/** How far back the readings of a sampler are worth keeping: as far as reads of the last half hour looked. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';

/** How long a question is remembered; the slowest rules that look at raw readings come every ten minutes. */
const REMEMBERED_MS = 1_800_000;
/** Samplers that are remembered; more than all operating systems together have. */
const SAMPLERS_MAX = 10_000;

export class Reach {
  readonly #clock: Pick<Clock, 'monoMs'>;
  readonly #asked = new Map<string, { readonly backMs: number; readonly untilMs: number }>();

  constructor(clock: Pick<Clock, 'monoMs'>) {
    this.#clock = clock;
  }

  /** A read looked back so far; 0 when it wanted nothing but the newest reading. */
  note(sampler: string, backMs: number): void {
    const nowMs = this.#clock.monoMs();
    const known = this.#asked.get(sampler);
    if (known !== undefined && known.backMs > backMs && known.untilMs > nowMs) return;
    if (known === undefined && this.#asked.size >= SAMPLERS_MAX) this.#asked.clear();
    this.#asked.set(sampler, { backMs, untilMs: nowMs + REMEMBERED_MS });
  }

  /** Undefined when nobody asked. */
  of(sampler: string): number | undefined {
    const known = this.#asked.get(sampler);
    return known === undefined || known.untilMs <= this.#clock.monoMs() ? undefined : known.backMs;
  }
}
