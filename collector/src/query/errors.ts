/** The errors of PromQL, worded as Prometheus words them: clients print these texts. */
import { AppError } from '@rollcall/shared/lib/errors.ts';

/**
 * The error of a query that cannot be understood: `LINE:COLUMN: parse error: reason`. Lines and columns
 * count from 1.
 */
export function parseError(text: string, offset: number, reason: string): AppError {
  return new AppError('BAD_QUERY', `${positionText(text, offset)}: parse error: ${reason}`);
}

/** The error of a query that is well-formed but cannot be answered. */
export function executionError(reason: string): AppError {
  return new AppError('QUERY_FAILED', reason);
}

/** `LINE:COLUMN` of an offset, both from 1 and in UTF-16 units. */
export function positionText(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = before.split('\n').length;
  return `${line}:${offset - lineStart + 1}`;
}
