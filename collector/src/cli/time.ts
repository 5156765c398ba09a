/** Times as flags carry them. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { parseDuration } from '../query/parse/literals.ts';

/**
 * UTC milliseconds of Unix seconds or an RFC 3339 time.
 * @param flag for the message, for example `--time`
 * @throws AppError BAD_CONFIG
 */
export function timeOf(flag: string, text: string): number {
  const timeMs = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!Number.isFinite(timeMs)) {
    throw new AppError(
      'BAD_CONFIG',
      `${flag} ${text}: must be seconds since 1970 or like 2026-01-31T12:00:00Z`,
    );
  }
  return Math.round(timeMs);
}

/**
 * Milliseconds of a span as PromQL writes it, more than 0.
 * @throws AppError BAD_CONFIG
 */
export function spanOf(flag: string, text: string): number {
  const spanMs = parseDuration(text);
  if (spanMs !== undefined && spanMs > 0) return spanMs;
  throw new AppError('BAD_CONFIG', `${flag} ${text}: must be a span such as 90s, 5m or 30d`);
}

/** Which span of time is meant: `--from` and `--to`, or `--range` before `--to`. */
export interface RangeTimes {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly range: string;
}

/**
 * The span in UTC milliseconds.
 * @param nowMs its end when the times name none
 * @throws AppError BAD_CONFIG
 */
export function rangeOf(
  { from, to, range }: RangeTimes,
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } {
  const toMs = to === undefined ? nowMs : timeOf('--to', to);
  return { fromMs: from === undefined ? toMs - spanOf('--range', range) : timeOf('--from', from), toMs };
}
