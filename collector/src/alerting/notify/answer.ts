/** What the answer to a notification means, for receivers that speak HTTP in the usual way. */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { SendResult } from './notifier.ts';
import type { PostAnswer } from './post.ts';

/** Statuses that may be different next time; 5xx as well. */
const RETRY_STATUSES = new Set([408, 425, 429]);
const GONE_STATUS = 410;
/** Characters kept of an answer. */
const EXCERPT_LENGTH_MAX = 512;

export interface AnswerOptions {
  /** Wall clock, for a `Retry-After` that names a date. */
  readonly nowMs: number;
  /** Texts that the receiver knows and that must not be kept. */
  readonly secrets: readonly string[];
}

/**
 * 2xx is delivered; 408, 425, 429 and 5xx are tried again; everything else, redirects included, is refused for good.
 */
export function resultOfAnswer(answer: PostAnswer, options: AnswerOptions): SendResult {
  const { status } = answer;
  if (status >= 200 && status <= 299) return { kind: 'delivered', status };
  const error = `the receiver answered ${status}`;
  const excerpt = shownAnswer(answer.body, options.secrets);
  if (RETRY_STATUSES.has(status) || status >= 500) {
    const retryAfterMs = parseRetryAfterMs(answer.retryAfter, options.nowMs);
    return { kind: 'retry', error, status, retryAfterMs, excerpt };
  }
  return { kind: 'refused', error, status, excerpt, isReceiverGone: status === GONE_STATUS };
}

/** The result when there was no answer. Faults of the network are tried again; so is anything unknown. */
export function resultOfError(error: unknown): SendResult {
  const text = describeError(error);
  if (error instanceof AppError && error.code === 'TARGET_FORBIDDEN' && !error.isRetryable) {
    return { kind: 'refused', error: text, status: null, excerpt: null, isReceiverGone: false };
  }
  return { kind: 'retry', error: text, status: null, retryAfterMs: null, excerpt: null };
}

/** `Retry-After` in milliseconds from now, never negative; `null` when absent or malformed. RFC 9110 section 10.2.3. */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Only the three date forms of HTTP, all of which begin with the name of a day.
  const dateMs = /^(mon|tue|wed|thu|fri|sat|sun)/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs);
}

/** The beginning of an answer, without what the receiver may have repeated of our secrets. */
export function shownAnswer(body: string, secrets: readonly string[]): string | null {
  let text = body;
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '[redacted]');
  const clean = cleanText(text, EXCERPT_LENGTH_MAX);
  return clean === '' ? null : clean;
}
