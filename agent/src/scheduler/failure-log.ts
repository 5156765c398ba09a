/** Logs failures that repeat each tick when they start, change and end, and not in between. */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Problem } from '../samplers/readings.ts';
import type { SamplerResult } from './sampler-run.ts';

export class FailureLog {
  readonly #log: Logger;
  /** The message in force per thing that fails. */
  readonly #current = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Notes how each sampler of a tick ended, and each part of one that fails alone. */
  note(results: readonly SamplerResult[]): void {
    for (const result of results) {
      const isWell = result.kind === 'values' && result.problems.length === 0;
      // As nearly always: nothing begins to fail, and nothing ends.
      if (isWell && this.#current.size === 0) continue;
      const what = `sampler ${result.sampler}`;
      if (result.kind === 'failed') {
        this.failed(what, result.error);
        continue;
      }
      this.ended(what);
      this.#noteParts(`${what}: `, result.problems);
    }
  }

  #noteParts(prefix: string, problems: readonly Problem[]): void {
    const failing = new Set(problems.map(({ what }) => prefix + what));
    for (const what of this.#current.keys()) {
      if (what.startsWith(prefix) && !failing.has(what)) this.ended(what);
    }
    for (const { what, error } of problems) this.failed(prefix + what, error);
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
