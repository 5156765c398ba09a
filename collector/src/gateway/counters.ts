/** What the gateway counts. Reasons come from closed lists, so the number of series is bounded. */

/** Name of each counter and what its `reason` is. */
export const GATEWAY_COUNTERS = {
  upgrades_total:
    'connection attempts by answer: accepted, origin, subprotocol, admission, unauthenticated, draining',
  sessions_total: 'agent sessions that were established; the reason is empty',
  session_ends_total: 'sessions that the collector ended, by error code',
  socket_errors_total: 'sockets that failed below the protocol, by error code of the socket',
  generations_total: 'logins with an unexpected generation: behind (refused), ahead (accepted), restored',
  keys_total:
    'changes of the keys of agents: offered (and stored), promoted (the agent has logged in with it), deferred (too soon after others), refused',
  deferred_messages_total:
    'messages that waited for a later turn of the event loop, because this one was used up; the reason is empty',
  batches_total: 'batches of records; the reason is empty',
  batch_bytes_total: 'bytes of batches; the reason is empty',
  records_total: 'records by answer: accepted, duplicate, rejected, refused',
  samples_total: 'samples in accepted and rejected records, by answer',
} as const;

export type GatewayCounterName = keyof typeof GATEWAY_COUNTERS;

export interface GatewayCounters {
  count(name: GatewayCounterName, reason: string, by?: number): void;
}

/** The errors of ws that a peer can cause; anything else is counted as `other`. */
export const SOCKET_ERRORS: ReadonlySet<string> = new Set([
  'WS_ERR_EXPECTED_FIN',
  'WS_ERR_EXPECTED_MASK',
  'WS_ERR_INVALID_CLOSE_CODE',
  'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
  'WS_ERR_INVALID_OPCODE',
  'WS_ERR_INVALID_UTF8',
  'WS_ERR_TOO_MANY_BUFFERED_PARTS',
  'WS_ERR_UNEXPECTED_MASK',
  'WS_ERR_UNEXPECTED_RSV_1',
  'WS_ERR_UNEXPECTED_RSV_2_3',
  'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
  'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
]);
