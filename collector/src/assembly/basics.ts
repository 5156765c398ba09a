/** What every part of the collector is put together with. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Config } from '../config/options.ts';
import type { SelfMetrics } from '../self/metrics.ts';

/** Ends something that was opened; the next one is ended when the promise has settled. */
export type Close = () => void | Promise<void>;

export interface Basics {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly randomBytes: (count: number) => Buffer;
  readonly metrics: SelfMetrics;
  /** Whoever opens something says at once how it is closed: what was opened last is closed first. */
  readonly onStop: (close: Close) => void;
}
