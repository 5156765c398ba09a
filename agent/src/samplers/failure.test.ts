import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { SAMPLE_ERROR } from '@rollcall/shared/protocol/samples.ts';
import { HostError } from '../host/host.ts';
import { sampleErrorCode } from './failure.ts';
import { ParseError } from './parse.ts';

describe('sampleErrorCode', () => {
  it.each([
    [new HostError('denied', 'x'), 'NOT_PERMITTED'],
    [new HostError('timeout', 'x'), 'TIMEOUT'],
    [new HostError('absent', 'x'), 'VANISHED'],
    [new HostError('unsupported', 'x'), 'VANISHED'],
    [new HostError('too_large', 'x'), 'OVERFLOW'],
    [new HostError('io', 'x'), 'SAMPLER'],
    [new ParseError('x'), 'PARSE'],
    [new AppError('SAMPLER_TIMEOUT', 'x'), 'TIMEOUT'],
    [new AppError('LIMIT_EXCEEDED', 'x'), 'OVERFLOW'],
    [new AppError('BAD_CONFIG', 'x'), 'SAMPLER'],
    [new TypeError('x'), 'SAMPLER'],
    ['thrown text', 'SAMPLER'],
    [undefined, 'SAMPLER'],
  ] as const)('%s is %s', (error, name) => {
    expect(sampleErrorCode(error)).toBe(SAMPLE_ERROR[name]);
  });
});
