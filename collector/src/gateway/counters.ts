/** What the gateway counts. Reasons come from closed lists, so the number of series is bounded. */

/** Name of each counter and what its `reason` is. */
export const GATEWAY_COUNTERS = {
  upgrades_total:
    'connection attempts by answer: accepted, origin, subprotocol, admission, unauthenticated, draining',
  sessions_total: 'agent sessions that were established; the reason is empty',
  session_ends_total: 'sessions that the collector ended, by error code',
  socket_errors_total: 'sockets that failed below the protocol, by error code of the socket',
  generations_total: 'logins with an unexpected generation: behind (refused), ahead (accepted), restored',
  batches_total: 'batches of records; the reason is empty',
  batch_bytes_total: 'bytes of batches; the reason is empty',
  records_total: 'records by answer: accepted, duplicate, rejected, refused',
  samples_total: 'samples in accepted and rejected records, by answer',
} as const;

export type GatewayCounterName = keyof typeof GATEWAY_COUNTERS;

export interface GatewayCounters {
  count(name: GatewayCounterName, reason: string, by?: number): void;
}
