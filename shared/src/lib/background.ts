/** For promises that nobody awaits: their failure is reported instead of lost. */
import { describeError } from './errors.ts';
import type { Logger } from './log.ts';

/** Lets `promise` run on its own; a rejection is logged as an error under `name`. */
export function background(log: Logger, name: string, promise: Promise<unknown>): void {
  promise.catch((error: unknown) => {
    log.error('background work failed', { name, error: describeError(error) });
  });
}
