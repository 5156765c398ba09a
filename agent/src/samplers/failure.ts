/** What a failed reading is called on the wire. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { SAMPLE_ERROR } from '@rollcall/shared/protocol/samples.ts';
import { HostError, type HostErrorKind } from '../host/host.ts';
import { ParseError } from './parse.ts';
import type { SampleErrorCode } from './readings.ts';

const CODE_BY_KIND: Readonly<Record<HostErrorKind, SampleErrorCode>> = {
  absent: SAMPLE_ERROR.VANISHED,
  denied: SAMPLE_ERROR.NOT_PERMITTED,
  unsupported: SAMPLE_ERROR.VANISHED,
  too_large: SAMPLE_ERROR.OVERFLOW,
  timeout: SAMPLE_ERROR.TIMEOUT,
  io: SAMPLE_ERROR.SAMPLER,
};

/** The code of SAMPLE_ERROR for anything that a sampler throws; SAMPLER for a bug. */
export function sampleErrorCode(error: unknown): SampleErrorCode {
  if (error instanceof HostError) return CODE_BY_KIND[error.kind];
  if (error instanceof ParseError) return SAMPLE_ERROR.PARSE;
  if (!(error instanceof AppError)) return SAMPLE_ERROR.SAMPLER;
  if (error.code === 'SAMPLER_TIMEOUT') return SAMPLE_ERROR.TIMEOUT;
  return error.code === 'LIMIT_EXCEEDED' ? SAMPLE_ERROR.OVERFLOW : SAMPLE_ERROR.SAMPLER;
}
