import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { parseRetryAfterMs, resultOfAnswer, resultOfError } from './answer.ts';

const NOW = Date.UTC(2026, 0, 1);
const OPTIONS = { nowMs: NOW, secrets: ['tok3n', ''] };

function kindOf(status: number): string {
  const result = resultOfAnswer({ status, retryAfter: null, body: '' }, OPTIONS);
  return result.kind === 'refused' && result.isReceiverGone ? 'gone' : result.kind;
}

describe('resultOfAnswer', () => {
  it.each([200, 201, 202, 204, 299])('takes %i for delivered', (status) => {
    expect(kindOf(status)).toBe('delivered');
  });

  it.each([408, 425, 429, 500, 502, 503, 504, 599])('tries again after %i', (status) => {
    expect(kindOf(status)).toBe('retry');
  });

  it.each([0, 100, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 413, 418, 422])(
    'takes %i for a refusal',
    (status) => {
      expect(kindOf(status)).toBe('refused');
    },
  );

  it('knows a receiver that is gone', () => {
    expect(kindOf(410)).toBe('gone');
  });

  it('keeps a short, clean excerpt without our secrets', () => {
    const body = `bad tok3n \u001b[31m\n${'x'.repeat(1000)}`;
    const result = resultOfAnswer({ status: 500, retryAfter: '7', body }, OPTIONS);
    if (result.kind !== 'retry') throw new Error('expected a retry');
    expect(result.excerpt).toMatch(/^bad \[redacted\] \[31mx+$/);
    expect(result.excerpt).toHaveLength(512);
    expect(result.retryAfterMs).toBe(7_000);
    expect(result.error).toBe('the receiver answered 500');
  });
});

describe('parseRetryAfterMs', () => {
  it.each([
    [null, null],
    ['', null],
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5_000],
    ['-5', null],
    ['1.5', null],
    ['1e9', null],
    ['99999999999999', null],
    ['soon', null],
    ['2027', 2_027_000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['Thursday', null],
  ])('reads %j as %j', (header, expected) => {
    expect(parseRetryAfterMs(header, NOW)).toBe(expected);
  });
});

describe('resultOfError', () => {
  it('tries again after network faults and bugs, not after a forbidden target', () => {
    const failed = new AppError('NOTIFY_FAILED', 'x', { isRetryable: true });
    expect(resultOfError(failed).kind).toBe('retry');
    expect(resultOfError(new TypeError('bug')).kind).toBe('retry');
    expect(resultOfError(new AppError('TARGET_FORBIDDEN', 'x')).kind).toBe('refused');
    expect(resultOfError(new AppError('TARGET_FORBIDDEN', 'x', { isRetryable: true })).kind).toBe('retry');
  });
});
