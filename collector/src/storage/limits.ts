/** The errors that every adapter ends a read with. */
import { AppError } from '@rollcall/shared/lib/errors.ts';

/** @throws AppError QUERY_CANCELED */
export function throwIfCanceled(signal: AbortSignal): void {
  if (signal.aborted) throw new AppError('QUERY_CANCELED', 'query was canceled');
}

/** The error of a read that goes over `samplesMax`. */
export function tooManySamples(samplesMax: number): AppError {
  return new AppError(
    'QUERY_LIMIT',
    `query processing would load too many samples into memory, at most ${samplesMax} are allowed: narrow the time range or the matchers`,
  );
}
