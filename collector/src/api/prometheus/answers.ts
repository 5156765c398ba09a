/** The envelope of the Prometheus API: success with data and notes, or an error of a fixed set of types. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { ErrorCode } from '@rollcall/shared/lib/errors.ts';

/** What a route answers. */
export interface Answer {
  /**
   * The JSON of `data`, in pieces so that large results need not be one string; bytes come from other threads. A piece is
   * good until the next one is asked for, or the reading ends.
   */
  readonly data: Iterable<string | Uint8Array> | AsyncIterable<Uint8Array>;
  /** Length of the only piece; undefined when there may be several. */
  readonly onlyPieceBytes?: number | undefined;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

/** At most so many notes of each kind are shown, as in Prometheus. */
const NOTES_MAX = 10;

/** An answer whose data is small enough for one string. */
export function answer(data: unknown, warnings: readonly string[] = []): Answer {
  const bytes = Buffer.from(JSON.stringify(data));
  return { data: [bytes], onlyPieceBytes: bytes.length, warnings };
}

/** What stands before the data of a successful answer. */
export const SUCCESS = '{"status":"success","data":';

/** What stands behind it. */
export function afterData({ warnings = [], infos = [] }: Answer): string {
  let text = '';
  if (warnings.length > 0) text += `,"warnings":${JSON.stringify(shortened(warnings, 'warning'))}`;
  if (infos.length > 0) text += `,"infos":${JSON.stringify(shortened(infos, 'info'))}`;
  return `${text}}`;
}

function shortened(notes: readonly string[], kind: string): readonly string[] {
  const rest = notes.length - NOTES_MAX;
  return rest <= 0 ? notes : [...notes.slice(0, NOTES_MAX), `${rest} more ${kind} annotations omitted`];
}

/** Status and body of a failed request. */
export interface ErrorReply {
  readonly status: number;
  readonly body: { readonly status: 'error'; readonly errorType: string; readonly error: string };
}

/** Status and error type by code; what is not listed is our fault. */
const ERRORS: Partial<Readonly<Record<ErrorCode, readonly [status: number, errorType: string]>>> = {
  BAD_REQUEST: [400, 'bad_data'],
  BAD_QUERY: [400, 'bad_data'],
  QUERY_FAILED: [422, 'execution'],
  QUERY_LIMIT: [422, 'execution'],
  QUERY_TIMEOUT: [503, 'timeout'],
  QUERY_CANCELED: [499, 'canceled'],
  NOT_FOUND: [404, 'not_found'],
  STORAGE_UNAVAILABLE: [503, 'unavailable'],
  STORE_FAILED: [503, 'unavailable'],
  SLOW_DOWN: [503, 'unavailable'],
  DRAINING: [503, 'unavailable'],
};

/** The reply to a failed request; undefined when the error is not an expected one. */
export function errorReply(error: unknown): ErrorReply | undefined {
  if (!(error instanceof AppError)) return undefined;
  const [status, errorType] = ERRORS[error.code] ?? [];
  if (status === undefined || errorType === undefined) return undefined;
  const prefix = error.code === 'BAD_QUERY' ? 'invalid parameter "query": ' : '';
  return { status, body: { status: 'error', errorType, error: prefix + error.message } };
}

/** The reply when something failed that should not have; details are in the log. */
export const INTERNAL_ERROR: ErrorReply = {
  status: 500,
  body: { status: 'error', errorType: 'internal', error: 'internal error, see the log of the collector' },
};
