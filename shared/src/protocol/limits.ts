/**
 * The limits of the wire, defaults of both ends. Each has a test; what goes over one is refused, counted, and hurts
 * nobody else. docs/protocol.md explains them.
 */
export const LIMITS = {
  /** One WebSocket message. */
  messageBytes: 256 * 1024,
  fragmentsPerMessage: 16,
  recordsPerBatch: 256,
  /** What an agent aims at, so that a batch passes a slow link in seconds. */
  batchTargetBytes: 64 * 1024,
  /** The records of a packed batch, unpacked. */
  packedInflatedBytes: 512 * 1024,
  /** The values of a batch in columns, absent ones as well. */
  packedValues: 256 * 1024,
  jsonBytes: 64 * 1024,
  jsonDepth: 8,
  recordBytes: 128 * 1024,
  recordInflatedBytes: 512 * 1024,
  recordInflateRatio: 100,
  blocksPerRecord: 64,
  seriesPerSchema: 2_000,
  /** Above it the collector warns. */
  seriesPerAgentSoft: 2_000,
  /** Above it a schema is refused. */
  seriesPerAgent: 10_000,
  schemasPerEpoch: 256,
  labelsPerSeries: 16,
  labelNameBytes: 128,
  labelValueBytes: 256,
  /** The same two for series that the collector itself stores. */
  ownLabelsPerSeries: 64,
  ownLabelValueBytes: 4_096,
  epochsPerAgent: 64,
  /** Numbers that one gap record may cover. */
  gapNumbers: 10_000_000,
  eventBytes: 4 * 1024,
  inventoryBytes: 8 * 1024 * 1024,
  inventoryChunkBytes: 128 * 1024,
  inventorySections: 64,
  vitalsCount: 16,
  /** Sockets that have not authenticated yet. */
  unauthenticatedSockets: 2_048,
  handshakeMs: 10_000,
  /** A peer that is silent for so long is gone. */
  idleMs: 60_000,
  heartbeatMs: 15_000,
  /** An unfinished message older than this ends the session. */
  slowMessageMs: 30_000,
  /** Unacknowledged bytes that an agent may have under way; and while it is its turn to drain a backlog. */
  creditWindowBytes: 16 * 1024,
  creditTurnBytes: 128 * 1024,
  creditPoolBytes: 256 * 1024 * 1024,
  /** Bytes in the socket's own buffer above which the agent waits. */
  agentSendBufferBytes: 64 * 1024,
  /** Oldest and newest record time accepted, relative to the collector's clock. */
  recordAgeMs: 15 * 86_400_000,
  recordFutureMs: 600_000,
  enrollBytes: 16 * 1024,
  /** The JSON of a CONFIG, and the samplers that it may name. */
  configBytes: 4 * 1024,
  disabledSamplers: 64,
  /** Keys of a collector that an agent pins or is told of. */
  identityKeys: 4,
} as const;
