/** Logs failures that repeat each tick when they start, change and end, and not in between. */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { SamplerResult } from './sampler-run.ts';

export class FailureLog {
  readonly #log: Logger;
  /** The message in force per thing that fails. */
  readonly #current = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Notes how each sampler of a tick ended. */
  note(results: readonly SamplerResult[]): void {
    for (const result of results) {
      if (result.kind === 'failed') this.failed(`sampler ${result.sampler}`, result.error);
      else this.ended(`sampler ${result.sampler}`);
    }
  }

  /** An expected failure is a warning, anything else a bug that a person must look at. */
  failed(what: string, error: unknown): void {
    const message = describeError(error);
    if (this.#current.get(what) === message) return;
    this.#current.set(what, message);
    if (error instanceof AppError) this.#log.warn('failing', { what, code: error.code, error: message });
    else this.#log.error('failing', { what, error: message });
  }

  ended(what: string): void {
    if (this.#current.delete(what)) this.#log.info('works again', { what });
  }
}
