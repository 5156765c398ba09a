/** One sampler with its readings: runs it at most once at a time and says how it ended. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { Host } from '../host/host.ts';
import { sampleErrorCode } from '../samplers/failure.ts';
import {
  DROP_REASONS,
  Readings,
  type Problem,
  type SampleErrorCode,
  type SchemaValues,
} from '../samplers/readings.ts';
import type { Sampler } from '../samplers/sampler.ts';

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
  /** What of it could not be read, without being a series. */
  readonly problems: readonly Problem[];
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

/** A sampler with its readings, and the promise that it does not run twice at a time. */
export class SamplerRun {
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

  /**
   * A sampler that need not wait has its result at once, so that its time holds nothing of the others'.
   * @param beganMs now; `startMs` is when the tick began, both of the monotonic clock
   */
  take(
    { startMs, beganMs }: { readonly startMs: number; readonly beganMs: number },
    signal: AbortSignal,
  ): SamplerResult | Promise<SamplerResult> {
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
    if (!this.#readings.hasDropped) return;
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
      const { problems } = this.#readings;
      return { kind: 'values', sampler: this.#sampler.name, offsetMs, durationMs, parts, problems };
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
