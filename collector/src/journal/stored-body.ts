/** Records as the journal has them: whole, or damaged by the disk, which the database does not notice. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { decodeRecord, recordBody } from '@rollcall/shared/protocol/record.ts';

/**
 * The body of a stored record; undefined when its bytes are damaged. One damaged record must cost no other: it is left out
 * wherever records are read, told when it is sealed, and found by `verify`.
 */
export function storedBody(bytes: Buffer): Buffer | undefined {
  try {
    return recordBody(decodeRecord(bytes, 0));
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
