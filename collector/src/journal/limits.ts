/** Limits of the journal; each has a test. */
export const JOURNAL_LIMITS = {
  /**
   * A group is committed when its oldest record has waited so long, or it has so many bytes, records or lanes. It is written
   * and told to its agents within one turn of the event loop: about 10 µs a record, and with ten thousand lanes 30 µs more
   * for each of them, whose pages lie apart, and 40 µs for its acknowledgement.
   */
  groupMs: 50,
  groupBytes: 4 * 1024 * 1024,
  groupRecords: 1_000,
  groupLanes: 200,
  /** How much of a rejected record is kept for diagnosis, and for how many of them. */
  quarantineBytes: 4 * 1024,
  quarantineRecords: 1_000,
  /** Largest distance of a block's reading from its record's time. Reads widen their range by what occurs. */
  blockOffsetMs: 3_600_000,
  probeBytes: 16 * 1024,
  inventoryChangeBytes: 64 * 1024,
  /** Schemas remembered per lane beyond those in force. */
  oldSchemasPerLane: 1_024,
  /**
   * Rows of one deletion at first, and at least; it adapts so that one takes well below 20 ms. Each ends with a sync, which
   * takes as long for one row as for a hundred: with fewer a slow disk would never be done.
   */
  pruneRows: 100,
  pruneRowsMax: 2_000,
  pruneStepMs: 8,
} as const;
