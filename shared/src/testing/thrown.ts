/** What an act throws, for tests of input that must be refused. */
import { AppError, type ErrorCode } from '../lib/errors.ts';

/**
 * The code of the AppError that `act` throws, undefined when it throws nothing. Anything else that it throws is a bug
 * and passes through.
 */
export function thrownCode(act: () => unknown): ErrorCode | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return undefined;
}
