/**
 * One tick: every sampler is run once and its values brought into the order of its schema. Used by the scheduler and
 * by `show`, which prints the same values that are sent.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { Host } from '../host/host.ts';
import { sampleErrorCode } from '../samplers/failure.ts';
import { DROP_REASONS, Readings, type SampleErrorCode, type SchemaValues } from '../samplers/readings.ts';
import type { Sampler } from '../samplers/sampler.ts';

/** Longest time that a sampler gets. */
const SAMPLER_TIMEOUT_MS_MAX = 5_000;
/** Share of a short interval that a sampler gets, so that a tick ends before the next one is due. */
const SAMPLER_TIMEOUT_RATIO = 0.8;
/** Name of the schema that tells about the sampling itself. */
export const SAMPLING = 'sampling';
const US_PER_SECOND = 1_000_000;

/** How long a sampler may take at this interval, milliseconds. */
export function samplerTimeoutMs(intervalMs: number): number {
  return Math.min(SAMPLER_TIMEOUT_MS_MAX, intervalMs * SAMPLER_TIMEOUT_RATIO);
}

/** How long one file system may take within that, so that a mount that hangs fails alone; milliseconds. */
export function mountTimeoutMs(intervalMs: number): number {
  return samplerTimeoutMs(intervalMs) / 2;
}

interface ResultTimes {
  readonly sampler: string;
  /** Start of the reading minus the time of the tick, milliseconds. */
  readonly offsetMs: number;
  readonly durationMs: number;
}

/** A sampler that ran; `formatValues` of samplers/text.ts prints its parts. */
export interface SamplerValues extends ResultTimes {
  readonly kind: 'values';
  /** One per schema, usually a single one. */
  readonly parts: readonly SchemaValues[];
}

/** A sampler that failed as a whole. */
export interface SamplerFailure extends ResultTimes {
  readonly kind: 'failed';
  /** Code of SAMPLE_ERROR. */
  readonly code: SampleErrorCode;
  readonly error: unknown;
  /** The schemas of its last success, empty when there was none. */
  readonly schemas: readonly HashedSchema[];
}

export type SamplerResult = SamplerValues | SamplerFailure;

/** Everything read in one tick. The values stay valid until the next tick is taken. */
export interface Tick {
  readonly wallMs: number;
  readonly bootMs: number;
  readonly durationMs: number;
  /** In the order of the register, then the result called SAMPLING. */
  readonly results: readonly SamplerResult[];
}

export interface TickTakerOptions {
  readonly clock: Clock;
  readonly host: Host;
  readonly samplers: readonly Sampler[];
  /** Milliseconds between ticks; part of each schema, and bounds the time that a sampler gets. */
  readonly intervalMs: number;
}

/** Not for concurrent use. */
export class TickTaker {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #runs: readonly SamplerRun[];
  readonly #own: Readings;
  /** Renewed after each tick in which somebody listened to it. */
  #controller = new AbortController();

  constructor(options: TickTakerOptions) {
    const { clock, host, intervalMs } = options;
    this.#clock = clock;
    this.#timeoutMs = samplerTimeoutMs(intervalMs);
    this.#runs = options.samplers.map((sampler) => new SamplerRun({ clock, host, sampler, intervalMs }));
    this.#own = new Readings({ sampler: SAMPLING, intervalMs });
  }

  /**
   * Runs all samplers; never throws for one that fails. Ends within the time that a sampler gets.
   * @param report adds to the readings about the sampling itself
   */
  async takeTick(report?: (readings: Readings) => void): Promise<Tick> {
    const wallMs = this.#clock.wallMs();
    const bootMs = this.#clock.bootMs();
    const startMs = this.#clock.monoMs();
    const { signal } = this.#controller;
    // Those that need not wait run one after another right here; the others wait side by side.
    const taken = this.#runs.map((run) => run.take(startMs, signal));
    const results = taken.filter(isReady);
    const all = results.length === taken.length ? results : await this.#inTime(taken);
    const durationMs = this.#clock.monoMs() - startMs;
    return { wallMs, bootMs, durationMs, results: [...all, this.#ownResult(all, startMs, report)] };
  }

  async #inTime(taken: readonly (SamplerResult | Promise<SamplerResult>)[]): Promise<SamplerResult[]> {
    const controller = this.#controller;
    const timer = this.#clock.setTimer(this.#timeoutMs, () => {
      controller.abort(new AppError('SAMPLER_TIMEOUT', `sampler did not finish in ${this.#timeoutMs} ms`));
    });
    try {
      return await Promise.all(taken.map((each) => Promise.resolve(each)));
    } finally {
      timer.cancel();
      this.#controller = new AbortController();
    }
  }

  #ownResult(
    results: readonly SamplerResult[],
    startMs: number,
    report: ((readings: Readings) => void) | undefined,
  ): SamplerValues {
    const readings = this.#own;
    const beganMs = this.#clock.monoMs();
    readings.begin();
    for (const result of results) {
      const { kind, sampler, durationMs } = result;
      // The machine has nothing of this kind: a success would say more than is known.
      if (kind === 'values' && result.parts.every(({ schema }) => schema.seriesCount === 0)) continue;
      const seconds = Math.round(durationMs * 1_000) / US_PER_SECOND;
      readings.add('node_scrape_collector_success', kind === 'values' ? 1 : 0, sampler);
      readings.add('node_scrape_collector_duration_seconds', seconds, sampler);
    }
    for (const run of this.#runs) run.reportDropped(readings);
    report?.(readings);
    const parts = readings.finish();
    const durationMs = this.#clock.monoMs() - beganMs;
    return { kind: 'values', sampler: SAMPLING, offsetMs: Math.round(beganMs - startMs), durationMs, parts };
  }
}

function isReady(result: SamplerResult | Promise<SamplerResult>): result is SamplerResult {
  return !(result instanceof Promise);
}

/** A sampler with its readings, and the promise that it does not run twice at a time. */
class SamplerRun {
  readonly #clock: Clock;
  readonly #host: Host;
  readonly #sampler: Sampler;
  readonly #readings: Readings;
  #isRunning = false;

  constructor(options: {
    readonly clock: Clock;
    readonly host: Host;
    readonly sampler: Sampler;
    readonly intervalMs: number;
  }) {
    this.#clock = options.clock;
    this.#host = options.host;
    this.#sampler = options.sampler;
    this.#readings = new Readings({ sampler: options.sampler.name, intervalMs: options.intervalMs });
  }

  /** A sampler that need not wait has its result at once, so that its time holds nothing of the others'. */
  take(startMs: number, signal: AbortSignal): SamplerResult | Promise<SamplerResult> {
    const beganMs = this.#clock.monoMs();
    const offsetMs = Math.round(beganMs - startMs);
    try {
      const pending = this.#sample(signal);
      if (pending === undefined) return this.#values(beganMs, offsetMs);
      return untilAborted(pending, signal).then(
        () => this.#values(beganMs, offsetMs),
        (error: unknown) => this.#failure(beganMs, offsetMs, error),
      );
    } catch (error) {
      return this.#failure(beganMs, offsetMs, error);
    }
  }

  /** Adds what this sampler left out, once there was something. */
  reportDropped(readings: Readings): void {
    for (const reason of DROP_REASONS) {
      const count = this.#readings.dropped[reason];
      if (count > 0) readings.add('rollcall_agent_samples_dropped_total', count, this.#sampler.name, reason);
    }
  }

  #sample(signal: AbortSignal): Promise<void> | undefined {
    if (this.#isRunning) {
      throw new AppError('SAMPLER_TIMEOUT', `an earlier run of sampler ${this.#sampler.name} still hangs`);
    }
    this.#readings.begin();
    const pending = this.#sampler.sample(this.#host, this.#readings, signal);
    if (pending === undefined) return undefined;
    this.#isRunning = true;
    const onEnd = (): void => {
      this.#isRunning = false;
    };
    pending.then(onEnd, onEnd);
    return pending;
  }

  #values(beganMs: number, offsetMs: number): SamplerResult {
    try {
      const parts = this.#readings.finish();
      const durationMs = this.#clock.monoMs() - beganMs;
      return { kind: 'values', sampler: this.#sampler.name, offsetMs, durationMs, parts };
    } catch (error) {
      return this.#failure(beganMs, offsetMs, error);
    }
  }

  #failure(beganMs: number, offsetMs: number, error: unknown): SamplerFailure {
    return {
      kind: 'failed',
      sampler: this.#sampler.name,
      offsetMs,
      durationMs: this.#clock.monoMs() - beganMs,
      code: sampleErrorCode(error),
      error,
      schemas: this.#readings.schemas,
    };
  }
}

/** Settles like `work`, or rejects with the signal's reason when that comes first. */
function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject);
  });
}
