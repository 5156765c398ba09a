/** The seam that every sampler implements; `list.ts` is the register. */
import type { MetricName } from '@rollcall/shared/catalogue/metrics.ts';
import type { Host } from '../host/host.ts';
import type { Readings } from './readings.ts';

/**
 * Reads one resource of the machine. Keeps no timers, sockets or global state; values are raw and cumulative as the
 * kernel counts them.
 */
export interface Sampler {
  /** Short noun, for example `cpu`; names the sampler's schema. */
  readonly name: string;
  /** `slow`: where ticks come faster, it is read at a slower interval of its own. @default each tick */
  readonly pace?: 'slow';
  /** The catalogue metrics it may emit. */
  readonly metrics: readonly MetricName[];
  /**
   * Takes one reading: calls `readings.add` for each value, always in the same order while the hardware is the same.
   * Throws when the resource as a whole cannot be read (`HostError`); a single value that cannot be read goes to
   * `readings.fail`. Never invents a value.
   */
  sample(host: Host, readings: Readings, signal: AbortSignal): void | Promise<void>;
}
