/**
 * One run of record numbers held in memory. From number 1 on it consists of, in this order: what was acknowledged and
 * freed, what had to be dropped, and the segments that are held. All three keep the cumulative counts of ticks and
 * values, so a gap can be declared exactly wherever the collector's watermark lies.
 */
import type { EpochState } from '@rollcall/shared/protocol/handshake.ts';
import { decodeGap, encodeGap, GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import {
  encodeRecord,
  RECORD_HEADER_BYTES,
  RECORD_KIND,
  renumberRecord,
} from '@rollcall/shared/protocol/record.ts';
import { readU48 } from '@rollcall/shared/lib/varint.ts';
import type { RecordCounts } from './spool.ts';

const KIND_OFFSET = 8;
const CRC_OFFSET = 4;
const WALL_OFFSET = 22;
const BOOT_OFFSET = 28;

interface HeldRecord extends RecordCounts {
  readonly bytes: Buffer;
}

interface Segment {
  readonly firstSeq: number;
  /** Ticks and values of the epoch in front of it. */
  readonly before: RecordCounts;
  readonly records: HeldRecord[];
  bytes: number;
}

/** Numbers that are no longer held, and what the epoch had counted at the last of them. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly reason: number;
  readonly isEstimated: boolean;
  readonly through: RecordCounts;
  readonly firstWallMs: number;
  readonly lastWallMs: number;
  readonly lastBootMs: number;
}

const NOTHING: RecordCounts = { ticks: 0, samples: 0 };

export class MemoryEpoch {
  readonly id: string;
  readonly #bootId: string;
  #next = 1;
  #acked = 0;
  #counts: RecordCounts = NOTHING;
  /** Kept to declare a rollback if the collector loses what it had acknowledged. */
  #freed: Span | undefined;
  #gaps: Span[] = [];
  #segments: Segment[] = [];

  /** @param id 16 hexadecimal digits */
  constructor(id: string, bootId: string) {
    this.id = id;
    this.#bootId = bootId;
  }

  /** Number that the next record gets. */
  get next(): number {
    return this.#next;
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  get recordCount(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.records.length, 0);
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Size of the segment that is being written, 0 without one. */
  get activeBytes(): number {
    return this.#segments.at(-1)?.bytes ?? 0;
  }

  /** Whether everything that was numbered is acknowledged. */
  get isDelivered(): boolean {
    return this.#acked >= this.#next - 1;
  }

  state(): EpochState {
    const first = this.#segments[0]?.firstSeq ?? this.#next;
    return { id: this.id, bootId: this.#bootId, first, next: this.#next, acked: this.#acked };
  }

  /** Values in records above the watermark that are held. */
  unackedSamples(): number {
    return this.#segments.reduce((sum, segment) => sum + this.#unackedSamplesIn(segment), 0);
  }

  /** Wall clock of the oldest record held above the watermark. */
  oldestUnackedMs(): number | undefined {
    for (const { firstSeq, records } of this.#segments) {
      const record = records[Math.max(0, this.#acked + 1 - firstSeq)];
      if (record !== undefined) return readU48(record.bytes, WALL_OFFSET);
    }
    return undefined;
  }

  openSegment(): void {
    this.#segments.push({ firstSeq: this.#next, before: this.#counts, records: [], bytes: 0 });
  }

  /** Adds a record that carries the number `next` to the active segment. */
  push(bytes: Buffer, counts: RecordCounts): void {
    const segment = this.#segments.at(-1);
    if (segment === undefined) throw new Error('an epoch without a segment cannot take records');
    segment.records.push({ bytes, ticks: counts.ticks, samples: counts.samples });
    segment.bytes += bytes.length;
    this.#counts = add(this.#counts, counts);
    this.#next++;
  }

  /** The record with this number or the gap that begins with it, and the number that follows. */
  at(seq: number): { readonly bytes: Buffer; readonly nextSeq: number } | undefined {
    const held = this.#held(seq);
    if (held !== undefined) return { bytes: held.bytes, nextSeq: seq + 1 };
    const span = this.#spans().find(({ from, to }) => from <= seq && seq <= to);
    return span === undefined ? undefined : gapRecord(span, seq);
  }

  crcOf(seq: number): number | undefined {
    return this.#held(seq)?.bytes.readUInt32LE(CRC_OFFSET);
  }

  /** Frees the segments and gaps that lie wholly below the watermark, except the active segment. */
  acknowledge(watermark: number): void {
    this.#acked = Math.max(this.#acked, Math.min(watermark, this.#next - 1));
    for (let gap = this.#gaps[0]; gap !== undefined && gap.to <= this.#acked; gap = this.#gaps[0]) {
      this.#gaps.shift();
      this.#free(gap);
    }
    while (this.#segments.length > 1) {
      const [oldest] = this.#segments;
      if (oldest === undefined || oldest.firstSeq + oldest.records.length - 1 > this.#acked) return;
      this.#segments.shift();
      this.#free(spanOf(oldest, GAP_REASON.COLLECTOR_ROLLBACK));
    }
  }

  /** Turns the oldest segment into a gap. Returns how many values that had not been acknowledged were in it. */
  dropOldestSegment(): number {
    const segment = this.#segments.shift();
    if (segment === undefined || segment.records.length === 0) return 0;
    const lostSamples = this.#unackedSamplesIn(segment);
    this.#addGap(spanOf(segment, GAP_REASON.BYTES));
    return lostSamples;
  }

  /** Replaces one held record by a gap of that number. Returns how many values it had. */
  giveUp(seq: number, reason: number): number {
    const segment = this.#segmentOf(seq);
    const record = this.#held(seq);
    if (segment === undefined || record === undefined) return 0;
    const index = seq - segment.firstSeq;
    const one = { ...spanOf(segment, reason), ...wallsOf(record.bytes), from: seq, to: seq };
    const through = segment.records.slice(0, index + 1).reduce(add, segment.before);
    const { bytes } = gapRecord({ ...one, through }, seq);
    segment.records[index] = { ...record, bytes };
    segment.bytes += bytes.length - record.bytes.length;
    return record.samples;
  }

  /**
   * Copies what is held or lost above `rehomeAfter` into an empty epoch. Segments stay segments, so that each still
   * begins with the schemas that its records use.
   */
  moveInto(target: MemoryEpoch, rehomeAfter: number): void {
    let before = NOTHING;
    for (const span of this.#spans()) {
      if (span.to > rehomeAfter) target.#adoptSpan(span, { before, rehomeAfter });
      before = span.through;
    }
    for (const segment of this.#segments) {
      if (segment.firstSeq + segment.records.length - 1 <= rehomeAfter) continue;
      target.openSegment();
      for (const [index, record] of segment.records.entries()) {
        const isSchema = record.bytes[KIND_OFFSET] === RECORD_KIND.SCHEMA;
        if (segment.firstSeq + index <= rehomeAfter && !isSchema) continue;
        target.#adoptRecord(record);
      }
    }
  }

  #adoptSpan(span: Span, options: { readonly before: RecordCounts; readonly rehomeAfter: number }): void {
    const from = Math.max(span.from, options.rehomeAfter + 1);
    const isCut = from > span.from;
    const share = (span.to - from + 1) / (span.to - span.from + 1);
    const lost = {
      ticks: Math.round((span.through.ticks - options.before.ticks) * share),
      samples: Math.round((span.through.samples - options.before.samples) * share),
    };
    this.#counts = add(this.#counts, lost);
    const to = this.#next + span.to - from;
    const isEstimated = span.isEstimated || isCut;
    this.#gaps.push({ ...span, from: this.#next, to, isEstimated, through: this.#counts });
    this.#next = to + 1;
  }

  #adoptRecord(record: HeldRecord): void {
    if (record.bytes[KIND_OFFSET] !== RECORD_KIND.GAP) {
      this.push(renumberRecord(record.bytes, this.#next), record);
      return;
    }
    // A record that was given up: its gap names its own number and counts, so it is written anew.
    const seq = this.#next;
    const through = add(this.#counts, record);
    const walls = wallsOf(record.bytes);
    const { reason } = decodeGap(record.bytes.subarray(RECORD_HEADER_BYTES));
    const span = { from: seq, to: seq, reason, isEstimated: false, through, ...walls };
    this.push(gapRecord(span, seq).bytes, record);
  }

  #spans(): readonly Span[] {
    return this.#freed === undefined ? this.#gaps : [this.#freed, ...this.#gaps];
  }

  #free(span: Span): void {
    const from = this.#freed?.from ?? span.from;
    const firstWallMs = Math.min(this.#freed?.firstWallMs ?? span.firstWallMs, span.firstWallMs);
    const lastWallMs = Math.max(this.#freed?.lastWallMs ?? span.lastWallMs, span.lastWallMs);
    this.#freed = { ...span, from, firstWallMs, lastWallMs, reason: GAP_REASON.COLLECTOR_ROLLBACK };
  }

  #addGap(span: Span): void {
    const last = this.#gaps.at(-1);
    const isOneGap =
      last !== undefined && last.reason === span.reason && span.to - last.from < LIMITS.gapNumbers;
    if (!isOneGap) {
      this.#gaps.push(span);
      return;
    }
    const firstWallMs = Math.min(last.firstWallMs, span.firstWallMs);
    const lastWallMs = Math.max(last.lastWallMs, span.lastWallMs);
    const isEstimated = last.isEstimated || span.isEstimated;
    this.#gaps[this.#gaps.length - 1] = { ...span, from: last.from, isEstimated, firstWallMs, lastWallMs };
  }

  #unackedSamplesIn(segment: Segment): number {
    const from = Math.max(0, this.#acked + 1 - segment.firstSeq);
    return segment.records.slice(from).reduce((sum, record) => sum + record.samples, 0);
  }

  #segmentOf(seq: number): Segment | undefined {
    return this.#segments.find(({ firstSeq, records }) => firstSeq <= seq && seq < firstSeq + records.length);
  }

  #held(seq: number): HeldRecord | undefined {
    const segment = this.#segmentOf(seq);
    return segment?.records[seq - segment.firstSeq];
  }
}

function add(left: RecordCounts, right: RecordCounts): RecordCounts {
  return { ticks: left.ticks + right.ticks, samples: left.samples + right.samples };
}

function wallsOf(bytes: Buffer): { firstWallMs: number; lastWallMs: number; lastBootMs: number } {
  const wallMs = readU48(bytes, WALL_OFFSET);
  return { firstWallMs: wallMs, lastWallMs: wallMs, lastBootMs: readU48(bytes, BOOT_OFFSET) };
}

function spanOf(segment: Segment, reason: number): Span {
  let firstWallMs = Number.POSITIVE_INFINITY;
  let lastWallMs = 0;
  let lastBootMs = 0;
  for (const { bytes } of segment.records) {
    const walls = wallsOf(bytes);
    firstWallMs = Math.min(firstWallMs, walls.firstWallMs);
    lastWallMs = Math.max(lastWallMs, walls.lastWallMs);
    lastBootMs = Math.max(lastBootMs, walls.lastBootMs);
  }
  return {
    from: segment.firstSeq,
    to: segment.firstSeq + segment.records.length - 1,
    reason,
    isEstimated: false,
    through: segment.records.reduce(add, segment.before),
    firstWallMs,
    lastWallMs,
    lastBootMs,
  };
}

/** The gap record for the part of `span` from `seq` on, cut to what one record may cover. */
function gapRecord(span: Span, seq: number): { readonly bytes: Buffer; readonly nextSeq: number } {
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
