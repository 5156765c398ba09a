/**
 * The closed list of error codes. Codes are public: they stand in logs, API answers and counters, are documented in
 * docs/errors.md (generated from this table) and are never used again for another meaning.
 */
export const ERROR_CODES = {
  BAD_CONFIG: 'configuration has one or more problems; each is named with its key, value and what is allowed',
  PORT_TAKEN: 'the address to listen on is already in use by another program',
  DATA_DIR_UNUSABLE: 'the data folder cannot be created, written, or is in use by another collector',
  UNSUPPORTED_NODE: 'the running Node.js is older than the oldest one supported',
  DATABASE_TOO_NEW: 'the database was written by a newer version of Rollcall',

  PROTOCOL_ERROR: 'a frame, record or message breaks the wire format or comes out of state',
  FRAME_CRC: 'the checksum of a frame does not match its body',
  RECORD_CORRUPT: 'lengths or the checksum of a record do not match its bytes',
  RECORD_UNDECODABLE: 'the body of a record cannot be decoded',
  UNKNOWN_KIND: 'a record is of a kind that this version does not know',
  TIME_OUT_OF_WINDOW: 'a record is older than 15 days or more than 10 minutes in the future',
  LIMIT_EXCEEDED: 'something is larger or more than its documented limit',
  SEQ_HOLE: 'a record arrived whose predecessor never did',
  SEQ_CONFLICT: 'two different records carry the same number',
  CREDIT_EXCEEDED: 'an agent sent more than it was granted',
  AUTH_FAILED: 'the agent is unknown or its signature is wrong',
  REVOKED: 'the agent has been revoked',
  IDENTITY_CONFLICT: "the agent's key is in use on two machines",
  SUPERSEDED: 'a newer session of the same agent has taken over',
  TOO_SLOW: 'the peer did not finish the handshake or a message in time',
  UPGRADE_NEEDED: 'the two ends have no protocol version in common',
  SLOW_DOWN: 'too many requests in a short time; try again later',
  STORAGE_UNAVAILABLE: 'the collector cannot write to its disk at the moment',
  STORE_FAILED:
    'an external store could not be reached, or refused a request; the message names it and says what it answered',
  STORES_DIFFER: 'two stores do not hold the same samples; the differences are listed',
  BLOCK_DAMAGED:
    'a piece of a block file in the data folder is not what was written; the rest of the file reads on',
  DRAINING: 'the collector is about to stop',

  ENROLL_REFUSED: 'the enrolment token is wrong, expired or used up',
  COLLECTOR_UNTRUSTED: "the collector's signature does not match the identity pinned at enrolment",
  COLLECTOR_UNREACHABLE: 'no connection to the collector could be made',

  DISK_FAILED:
    "a file could not be written, read or made durable; the message names it and the system's code",
  READ_FAILED: 'a file of the operating system could not be read',
  SAMPLER_TIMEOUT: 'a sampler did not finish in time',

  BAD_REQUEST: 'a request has a parameter that is missing or malformed',
  NOT_FOUND: 'the thing asked for does not exist',
  STORE_REFUSED:
    'a store outside of the collector answers, but will not have us: token, rights, name or version; the message says which',
  IMPORT_FAILED: 'a file to import is not OpenMetrics text, or ends too early; the message names the line',
  INCIDENT_ENDED: 'the incident has ended, so this can no longer be done to it',
  UNAUTHORIZED: 'the request needs a login or an API token',
  BAD_QUERY: 'the text of a query is not valid PromQL, or uses a part of it that is not supported',
  QUERY_FAILED: 'a valid query cannot be evaluated on the data that it met',
  QUERY_LIMIT: 'a query would touch more series, samples or points than allowed',
  QUERY_TIMEOUT: 'a query took longer than allowed',
  QUERY_CANCELED: 'the client left before its query was finished',

  RULES_FAILED: 'a rule file is malformed, or a unit test of rules does not give what it expects',
  TARGET_FORBIDDEN: 'an outgoing request points at an address that is not allowed',
  NOTIFY_FAILED: 'a receiver did not accept a notification',
} as const;

/** The name of one of them. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Whether `text` is one of our codes; for input from the other end. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}

/**
 * An expected failure. The message says what was attempted, on what, and what to do: lower case, no full stop, no
 * secrets. Anything else that is thrown is a bug.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** Whether the same attempt may succeed later without anybody changing anything. */
  readonly isRetryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly isRetryable?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.isRetryable = options.isRetryable ?? false;
  }
}

/** Causes told by `describeError`; a chain that is longer, or a ring, ends there. */
const CAUSES_MAX = 8;

/** One line for people: the message of an error and of its causes. */
export function describeError(error: unknown): string {
  return describeChain(error, CAUSES_MAX);
}

function describeChain(error: unknown, causesLeft: number): string {
  if (!(error instanceof Error)) return String(error);
  const isSystem =
    'code' in error && !(error instanceof AppError) && !error.message.includes(String(error.code));
  const code = isSystem ? ` (${String(error.code)})` : '';
  const own = `${error.message}${code}`;
  if (error.cause === undefined || causesLeft <= 0) return own;
  const cause = describeChain(error.cause, causesLeft - 1);
  // A message may quote its cause already.
  return own.includes(cause) ? own : `${own}: ${cause}`;
}

/** The `code` of a Node.js system error such as `ENOENT`, or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
