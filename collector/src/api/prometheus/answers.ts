/** The envelope of the Prometheus API: success with data and notes, or an error of a fixed set of types. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { ErrorCode } from '@rollcall/shared/lib/errors.ts';

/** What a route answers. */
export interface Answer {
  /** The JSON of `data`, in pieces so that large results need not be one string; bytes come from other threads. */
  readonly data: Iterable<string | Uint8Array> | AsyncIterable<Uint8Array>;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

/** At most so many notes of each kind are shown, as in Prometheus. */
const NOTES_MAX = 10;

/** An answer whose data is small enough for one string. */
export function answer(data: unknown, warnings: readonly string[] = []): Answer {
  return { data: [JSON.stringify(data)], warnings };
}

/** The JSON text of a successful answer. */
export async function* successJson({
  data,
  warnings = [],
  infos = [],
}: Answer): AsyncGenerator<string | Uint8Array> {
  yield '{"status":"success","data":';
  yield* data;
  if (warnings.length > 0) yield `,"warnings":${JSON.stringify(shortened(warnings, 'warning'))}`;
  if (infos.length > 0) yield `,"infos":${JSON.stringify(shortened(infos, 'info'))}`;
  yield '}';
}

/** Bytes that are worth a chunk of an answer. */
const CHUNK_BYTES = 64 * 1024;

/** The same text in fewer pieces, because each costs a write to the socket. */
export async function* inChunks(pieces: AsyncIterable<string | Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    const part = typeof piece === 'string' ? Buffer.from(piece) : piece;
    parts.push(part);
    bytes += part.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(parts);
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
