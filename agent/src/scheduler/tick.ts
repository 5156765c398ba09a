/**
 * One tick: every sampler that is due is run once and its values brought into the order of its schema. Used by the
 * scheduler and by `show`, which prints the same values that are sent. docs/decisions/0058 says why there are two paces.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Host } from '../host/host.ts';
import type { Readings } from '../samplers/readings.ts';
import type { Sampler } from '../samplers/sampler.ts';
import { Lane } from './lane.ts';
import type { SamplerResult } from './sampler-run.ts';

/** Longest time that a sampler gets. */
const SAMPLER_TIMEOUT_MS_MAX = 5_000;
/** Share of a short interval that a sampler gets, so that a tick ends before the next one is due. */
const SAMPLER_TIMEOUT_RATIO = 0.8;
/** Name of the schema that tells about the sampling itself … */
export const SAMPLING = 'sampling';
/** … and of the one about the slow samplers, where those are read less often. */
const SLOW_SAMPLING = 'sampling.slow';

/** How long a sampler may take at this interval, milliseconds. */
export function samplerTimeoutMs(intervalMs: number): number {
  return Math.min(SAMPLER_TIMEOUT_MS_MAX, intervalMs * SAMPLER_TIMEOUT_RATIO);
}

/** How long one file system may take within that, so that a mount that hangs fails alone; milliseconds. */
export function mountTimeoutMs(intervalMs: number): number {
  return samplerTimeoutMs(intervalMs) / 2;
}

/** Whether a result tells about the sampling, and not about the machine. */
export function isAboutSampling({ sampler }: Pick<SamplerResult, 'sampler'>): boolean {
  return sampler === SAMPLING || sampler === SLOW_SAMPLING;
}

/** Everything read in one tick. The values stay valid until the next tick is taken. */
export interface Tick {
  readonly wallMs: number;
  readonly bootMs: number;
  readonly durationMs: number;
  /** In the order of the register, then the result called SAMPLING; after it the slow ones when they were due. */
  readonly results: readonly SamplerResult[];
}

export interface TickTakerOptions {
  readonly clock: Clock;
  readonly host: Host;
  readonly samplers: readonly Sampler[];
  /** Milliseconds between ticks; part of each schema, and bounds the time that a sampler gets. */
  readonly intervalMs: number;
  /** Milliseconds between two readings of the slow samplers at least. @default each tick */
  readonly slowIntervalMs?: number;
}

/** Not for concurrent use. */
export class TickTaker {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #quick: Lane;
  /** Undefined when all samplers are read in each tick. */
  readonly #slow: Lane | undefined;
  /** Renewed after each tick in which somebody listened to it. */
  #controller = new AbortController();

  constructor(options: TickTakerOptions) {
    const { clock, host, samplers, intervalMs, slowIntervalMs = intervalMs } = options;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#timeoutMs = samplerTimeoutMs(intervalMs);
    const slow = slowIntervalMs > intervalMs ? samplers.filter(({ pace }) => pace === 'slow') : [];
    const quick = samplers.filter((sampler) => !slow.includes(sampler));
    this.#quick = new Lane({ clock, host, samplers: quick, name: SAMPLING, intervalMs });
    if (slow.length === 0) return;
    this.#slow = new Lane({ clock, host, samplers: slow, name: SLOW_SAMPLING, intervalMs: slowIntervalMs });
  }

  /**
   * Runs the samplers that are due, the first time all; never throws for one that fails. Ends within the time that a
   * sampler gets, and right away when none of them has to be waited for.
   * @param report adds to the readings about the sampling itself
   */
  takeTick(report?: (readings: Readings) => void): Tick | Promise<Tick> {
    const wallMs = this.#clock.wallMs();
    const bootMs = this.#clock.bootMs();
    const startMs = this.#clock.monoMs();
    const { signal } = this.#controller;
    const slow = this.#slow?.isDue(startMs, this.#intervalMs) === true ? this.#slow : undefined;
    const quickEnd = this.#quick.begin({ startMs, beganMs: startMs }, signal);
    const slowEnd = slow?.begin({ startMs, beganMs: this.#clock.monoMs() }, signal);
    const finish = (): Tick => {
      const durationMs = this.#clock.monoMs() - startMs;
      const results = this.#quick.results(startMs, report);
      if (slow !== undefined) results.push(...slow.results(startMs, undefined));
      return { wallMs, bootMs, durationMs, results };
    };
    if (quickEnd === undefined && slowEnd === undefined) return finish();
    return this.#inTime(Promise.all([quickEnd, slowEnd])).then(finish);
  }

  async #inTime(ended: Promise<unknown>): Promise<void> {
    const controller = this.#controller;
    const timer = this.#clock.setTimer(this.#timeoutMs, () => {
      controller.abort(new AppError('SAMPLER_TIMEOUT', `sampler did not finish in ${this.#timeoutMs} ms`));
    });
    try {
      await ended;
    } finally {
      timer.cancel();
      this.#controller = new AbortController();
    }
  }
}
