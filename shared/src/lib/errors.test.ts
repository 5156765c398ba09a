import { describe, expect, it } from 'vitest';
import { AppError, describeError, ERROR_CODES, isErrorCode, systemErrorCode } from './errors.ts';

describe('error codes', () => {
  it('are upper case, explained in one line, and differ in meaning', () => {
    const meanings = Object.values(ERROR_CODES);
    expect(new Set(meanings).size).toBe(meanings.length);
    for (const [code, meaning] of Object.entries(ERROR_CODES)) {
      expect(code).toMatch(/^[A-Z][A-Z_]+$/);
      expect(meaning).toMatch(/^[^\n|]{10,120}[^.\n|]$/);
    }
  });

  it('are not confused with what every object has', () => {
    expect(isErrorCode('SEQ_HOLE')).toBe(true);
    expect(['toString', '__proto__', 'seq_hole', ''].some(isErrorCode)).toBe(false);
  });
});

describe('AppError', () => {
  it('is not retryable unless it says so', () => {
    expect(new AppError('NOT_FOUND', 'x').isRetryable).toBe(false);
    expect(new AppError('SLOW_DOWN', 'x', { isRetryable: true }).isRetryable).toBe(true);
  });

  it('has no cause when none is given', () => {
    expect('cause' in new AppError('NOT_FOUND', 'x')).toBe(false);
  });
});

describe('describeError', () => {
  it('tells the causes and the codes of the system', () => {
    const system = Object.assign(new Error('open failed'), { code: 'ENOENT' });
    const error = new AppError('READ_FAILED', 'read /proc/stat', { cause: system });
    expect(describeError(error)).toBe('read /proc/stat: open failed (ENOENT)');
    expect(systemErrorCode(system)).toBe('ENOENT');
    expect(systemErrorCode(new Error('x'))).toBeUndefined();
  });

  it('takes whatever was thrown', () => {
    expect([undefined, null, 3, 'text'].map(describeError)).toEqual(['undefined', 'null', '3', 'text']);
  });

  it('ends when causes form a ring', () => {
    const ping = new Error('ping');
    ping.cause = new Error('pong', { cause: ping });
    expect(describeError(ping)).toMatch(/^ping(: pong: ping){4}$/);
  });

  it('tells nothing twice: neither a code that the message has, nor a cause that it quotes', () => {
    const system = Object.assign(new Error("ENOENT: no such file or directory, open '/x'"), {
      code: 'ENOENT',
    });
    const once = "read /x: ENOENT: no such file or directory, open '/x'";
    expect(describeError(new AppError('READ_FAILED', 'read /x', { cause: system }))).toBe(once);
    const quoting = new AppError('READ_FAILED', `read /x: ${describeError(system)}`, { cause: system });
    expect(describeError(quoting)).toBe(once);
  });
});
