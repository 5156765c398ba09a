/** The seam between the feed and the journal: what was committed after a position, as series. */
import type { SinkSeries } from './sink.ts';

/** Some records of the journal, in order. */
export interface Slice {
  /** Position up to which everything is in it. */
  readonly toPos: number;
  /** In portions for one write each; none when the records hold no samples. */
  readonly batches: readonly (readonly SinkSeries[])[];
  readonly samples: number;
  readonly records: number;
  /** Time of the oldest record in it, UTC milliseconds; null when there is none. */
  readonly oldestMs: number | null;
}

/** Reads the journal for one store. */
export interface SliceReader {
  /**
   * The next records after a position, as many as one batch holds, at least one; undefined when there are none. Takes a
   * few milliseconds, in which nothing else of the thread runs.
   * @throws AppError STORAGE_UNAVAILABLE
   */
  read(afterPos: number): Slice | undefined;
  /** How many positions were given out after this one. */
  waitingAfter(pos: number): number;
}
