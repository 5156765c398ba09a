/** Samplers that are read at the same pace, and what is told about their sampling. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../host/host.ts';
import { Readings } from '../samplers/readings.ts';
import type { Sampler } from '../samplers/sampler.ts';
import { SamplerRun, type SamplerResult, type SamplerValues } from './sampler-run.ts';

const US_PER_SECOND = 1_000_000;

/** Not for concurrent use: `begin`, then `ended` when it is given, then `results`. */
export class Lane {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #name: string;
  readonly #runs: readonly SamplerRun[];
  readonly #own: Readings;
  #beganMs = Number.NEGATIVE_INFINITY;
  #taken: readonly (SamplerResult | Promise<SamplerResult>)[] = [];
  #results: readonly SamplerResult[] = [];

  /** @param options.name of the schema that tells about the sampling; `intervalMs` between two readings of the samplers */
  constructor(options: {
    readonly clock: Clock;
    readonly host: Host;
    readonly samplers: readonly Sampler[];
    readonly name: string;
    readonly intervalMs: number;
  }) {
    const { clock, host, samplers, name, intervalMs } = options;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#name = name;
    this.#runs = samplers.map((sampler) => new SamplerRun({ clock, host, sampler, intervalMs }));
    this.#own = new Readings({ sampler: name, intervalMs });
  }

  /** Whether it is time for another reading, or will be before the tick after this one is half way here. */
  isDue(nowMs: number, tickMs: number): boolean {
    return nowMs - this.#beganMs >= this.#intervalMs - tickMs / 2;
  }

  /**
   * Runs all samplers: those that need not wait one after another right here, the others side by side.
   * @param times when the tick began, and now, both of the monotonic clock
   * @returns undefined when all have ended, or else what resolves when they have
   */
  begin(
    times: { readonly startMs: number; readonly beganMs: number },
    signal: AbortSignal,
  ): Promise<void> | undefined {
    const { startMs } = times;
    let { beganMs } = times;
    this.#beganMs = startMs;
    // One begins where the one before has ended: to ask the clock costs as much as to read three values.
    this.#taken = this.#runs.map((run) => {
      const result = run.take({ startMs, beganMs }, signal);
      beganMs = isReady(result) ? beganMs + result.durationMs : this.#clock.monoMs();
      return result;
    });
    this.#results = this.#taken.filter(isReady);
    return this.#results.length === this.#taken.length ? undefined : this.#ended();
  }

  async #ended(): Promise<void> {
    this.#results = await Promise.all(this.#taken.map((each) => Promise.resolve(each)));
  }

  /**
   * How the samplers ended, in their order, then the result about the sampling.
   * @param report adds to the readings about the sampling
   */
  results(startMs: number, report: ((readings: Readings) => void) | undefined): SamplerResult[] {
    return [...this.#results, this.#ownResult(startMs, report)];
  }

  #ownResult(startMs: number, report: ((readings: Readings) => void) | undefined): SamplerValues {
    const readings = this.#own;
    const beganMs = this.#clock.monoMs();
    readings.begin();
    for (const result of this.#results) {
      const { kind, sampler, durationMs } = result;
      // The machine has nothing of this kind: a success would say more than is known.
      if (kind === 'values' && result.parts.every(({ schema }) => schema.seriesCount === 0)) continue;
      const seconds = Math.round(durationMs * 1_000) / US_PER_SECOND;
      readings.add('node_scrape_collector_success', kind === 'values' ? 1 : 0, sampler);
      readings.add('node_scrape_collector_duration_seconds', seconds, sampler);
    }
    for (const run of this.#runs) run.reportDropped(readings);
    report?.(readings);
    const offsetMs = Math.round(beganMs - startMs);
    const parts = readings.finish();
    return { kind: 'values', sampler: this.#name, offsetMs, durationMs: 0, parts, problems: [] };
  }
}

function isReady(result: SamplerResult | Promise<SamplerResult>): result is SamplerResult {
  return !(result instanceof Promise);
}
