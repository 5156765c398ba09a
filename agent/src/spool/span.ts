/** A run of numbers that an epoch no longer holds, and the gap record that declares it. */
import { encodeGap } from '@rollcall/shared/protocol/gap.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { encodeRecord, RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import type { RecordCounts } from './spool.ts';

export interface Span {
  readonly from: number;
  readonly to: number;
  /** One of GAP_REASON. */
  readonly reason: number;
  /** The counts could not be read and are a guess. */
  readonly isEstimated: boolean;
  /** Ticks and values of the epoch up to and including `to`. */
  readonly through: RecordCounts;
  /** Ticks and values of the span itself. */
  readonly lost: RecordCounts;
  readonly firstWallMs: number;
  readonly lastWallMs: number;
  readonly lastBootMs: number;
}

export const NO_COUNTS: RecordCounts = { ticks: 0, samples: 0 };

export function addCounts(left: RecordCounts, right: RecordCounts): RecordCounts {
  return { ticks: left.ticks + right.ticks, samples: left.samples + right.samples };
}

/** What was counted between two points; never below zero. */
export function countsBetween(before: RecordCounts, through: RecordCounts): RecordCounts {
  return {
    ticks: Math.max(0, through.ticks - before.ticks),
    samples: Math.max(0, through.samples - before.samples),
  };
}

/** One span for both, under the reason of the later one; `right` begins behind `left`. */
export function joinSpans(left: Span, right: Span): Span {
  return {
    ...right,
    from: left.from,
    isEstimated: left.isEstimated || right.isEstimated,
    lost: addCounts(left.lost, right.lost),
    firstWallMs: Math.min(left.firstWallMs, right.firstWallMs),
    lastWallMs: Math.max(left.lastWallMs, right.lastWallMs),
    lastBootMs: Math.max(left.lastBootMs, right.lastBootMs),
  };
}

/** Whether two spans can be declared by one gap record. */
export function canJoin(left: Span, right: Span): boolean {
  const isAdjacent = left.to + 1 === right.from && left.reason === right.reason;
  return isAdjacent && right.to - left.from < LIMITS.gapNumbers;
}

/** The gap record for the part of `span` from `seq` on, cut to what one record may cover. */
export function gapRecord(span: Span, seq: number): { readonly bytes: Buffer; readonly nextSeq: number } {
  const to = Math.min(span.to, seq + LIMITS.gapNumbers - 1);
  // Counts are known at the end of a span only; a gap that must end earlier is an estimate, the last one is exact.
  const share = to === span.to ? 1 : to / span.to;
  const body = encodeGap({
    to,
    reason: span.reason,
    isEstimated: span.isEstimated || to !== span.to,
    ticksThrough: Math.round(span.through.ticks * share),
    samplesThrough: Math.round(span.through.samples * share),
    firstWallMs: span.firstWallMs,
    lastWallMs: span.lastWallMs,
  });
  const draft = { kind: RECORD_KIND.GAP, flags: 0, wallMs: span.lastWallMs, bootMs: span.lastBootMs, body };
  return { bytes: encodeRecord(draft, seq), nextSeq: to + 1 };
}
