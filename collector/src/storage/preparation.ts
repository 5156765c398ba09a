/** What preparing a store has come to, step by step. */
import { AppError } from '@rollcall/shared/lib/errors.ts';

export interface PreparationStep {
  /** For example `database rollcall`. */
  readonly what: string;
  /** `planned`: it would be created, but nothing is to be changed. `note`: nothing is done, and people should know why. */
  readonly outcome: 'exists' | 'created' | 'planned' | 'note';
  readonly text: string;
}

export interface PreparationOptions {
  /** How long samples are kept, milliseconds. */
  readonly retentionMs: number;
  /** Rollups that the store is to make, if it can. */
  readonly rollups: readonly Rollup[];
  /** Only looks. */
  readonly isDryRun: boolean;
  readonly signal: AbortSignal;
}

export interface Rollup {
  readonly name: '5m' | '1h';
  readonly retentionMs: number;
}

/** The error for a store that answers, but will not have us. */
export function refusedBy(what: string, text: string): AppError {
  return new AppError('STORE_REFUSED', `${what}: ${text}`);
}

/** The error for a store that does not answer. */
export function unreachable(url: string, text: string): AppError {
  return new AppError('STORAGE_UNAVAILABLE', `reach the store at ${url}: ${text}`, { isRetryable: true });
}
