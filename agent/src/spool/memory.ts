/**
 * The spool that keeps its records in memory. It loses them with the process, which the collector notices because every
 * start begins a new epoch: numbers that were sent once are never used again.
 */
import { RecordSpool, type RecordSpoolOptions } from './record-spool.ts';

/** A segment is closed before it grows over this. */
const SEGMENT_BYTES = 256 * 1024;
/** Bytes of all segments together, about a day of ticks. */
const SPOOL_BYTES = 4 * 1024 * 1024;

export interface MemorySpoolOptions extends Pick<RecordSpoolOptions, 'clock' | 'bootId' | 'randomBytes'> {
  /** @default 256 KiB */
  readonly segmentBytes?: number;
  /** At least two segments. @default 4 MiB */
  readonly maxBytes?: number;
}

export class MemorySpool extends RecordSpool {
  constructor(options: MemorySpoolOptions) {
    const { segmentBytes = SEGMENT_BYTES, maxBytes = SPOOL_BYTES } = options;
    super({ ...options, segmentBytes, maxMemoryBytes: maxBytes });
  }
}
