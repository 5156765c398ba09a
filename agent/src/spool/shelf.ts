/** Where segments lie when they are not in memory: the port between the records of a spool and its disk. */
import type { Entry, SegmentHeader } from './segment-format.ts';
import type { Segment } from './segment.ts';
import type { Span } from './span.ts';

/** Calls take effect in the page cache at once; what must not happen before something is durable happens later. */
export interface Shelf {
  /**
   * Writes one more record of the segment; the first one makes its file with the header.
   * @throws AppError DISK_FAILED; then the record is not in the file
   */
  write(segment: Segment, entry: Entry, header: () => SegmentHeader): void;
  /** Records of the segment through this number are safe at the collector: those that are durable leave memory. */
  delivered(segment: Segment, through: number): void;
  /** The segment is complete: it is made durable, closed, and then it leaves memory but for a few records. */
  seal(epochId: string, segment: Segment): void;
  /** Keeps the gap, and only then removes `segment` and the gaps that began at `replaced`. */
  lost(
    epochId: string,
    gap: Span,
    instead: { readonly segment?: Segment; readonly replaced: readonly number[] },
  ): void;
  /** Removes a segment, or the gap that begins at a number, which is no longer needed. */
  freed(epochId: string, what: Segment | number): void;
  /** All of the epoch through this number was delivered, which the next start need not wait to be told. */
  noted(epochId: string, delivered: number): void;
  /** An epoch begins that takes over the records of another one; until it has replaced it, it does not count. */
  replacing(epochId: string): void;
  /**
   * Removes all of an epoch, unless it is written again before that is done.
   * @param replacedBy the epoch on this shelf that has its records now; it is made durable first
   * @param keptIn the same where nothing need be noted any more
   * @throws AppError DISK_FAILED when the replacement cannot be noted; then nothing has changed
   */
  forgotten(epochId: string, replacedBy?: Replacement, keptIn?: string): void;
}

/** The epoch in the place of another one. */
export interface Replacement {
  readonly id: string;
  /** In which it does so. */
  readonly bootId: string;
}
