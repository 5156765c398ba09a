/**
 * A run of consecutive records of one epoch: kept in memory while it is written, and after that on the shelf, from which
 * it is read again when somebody asks. Numbers that could not be read back are simply missing.
 */
import { readU48 } from '@rollcall/shared/lib/varint.ts';
import { ENTRY_PREFIX_BYTES, SEGMENT_HEADER_BYTES, type Entry } from './segment-format.ts';
import { addCounts, countsBetween, type Span } from './span.ts';
import type { RecordCounts } from './spool.ts';

const WALL_OFFSET = 22;
const BOOT_OFFSET = 28;

/** Everything about a segment but its records. */
export interface SegmentFacts {
  readonly firstSeq: number;
  /** `firstSeq` - 1 for an empty one. */
  readonly lastSeq: number;
  /** Counts of the epoch in front of the first number and through the last one. */
  readonly before: RecordCounts;
  readonly through: RecordCounts;
  /** Its size as a file. */
  readonly bytes: number;
  readonly firstWallMs: number;
  readonly lastWallMs: number;
  readonly lastBootMs: number;
}

export class Segment {
  #facts: SegmentFacts;
  /** By number minus the first one. Undefined while only the shelf has them. */
  #entries: (Entry | undefined)[] | undefined;
  #load: (() => readonly Entry[]) | undefined;
  /** Records that are no copies of schemas, made when it was opened. */
  appends = 0;

  private constructor(facts: SegmentFacts) {
    this.#facts = facts;
  }

  /** An empty one in memory. */
  static open(firstSeq: number, before: RecordCounts): Segment {
    const segment = new Segment({
      firstSeq,
      lastSeq: firstSeq - 1,
      before,
      through: before,
      bytes: 0,
      firstWallMs: Number.POSITIVE_INFINITY,
      lastWallMs: 0,
      lastBootMs: 0,
    });
    segment.#entries = [];
    return segment;
  }

  /** One that lies on the shelf. @param load its records, as far as they can be read; may throw AppError DISK_FAILED */
  static onShelf(facts: SegmentFacts, load: () => readonly Entry[]): Segment {
    const segment = new Segment(facts);
    segment.#load = load;
    return segment;
  }

  get facts(): SegmentFacts {
    return this.#facts;
  }

  get firstSeq(): number {
    return this.#facts.firstSeq;
  }

  get lastSeq(): number {
    return this.#facts.lastSeq;
  }

  get bytes(): number {
    return this.#facts.bytes;
  }

  get isInMemory(): boolean {
    return this.#entries !== undefined;
  }

  /** Adds a record behind the last one. */
  push(entry: Entry): void {
    if (this.#entries === undefined) throw new Error('a segment on the shelf cannot take records');
    // Numbers in between may be lost.
    this.#entries[entry.seq - this.firstSeq] = entry;
    const { bytes, before, counts } = entry;
    const facts = this.#facts;
    const wallMs = readU48(bytes, WALL_OFFSET);
    this.#facts = {
      ...facts,
      lastSeq: entry.seq,
      through: addCounts(before, counts),
      bytes: (facts.bytes === 0 ? SEGMENT_HEADER_BYTES : facts.bytes) + ENTRY_PREFIX_BYTES + bytes.length,
      firstWallMs: Math.min(facts.firstWallMs, wallMs),
      lastWallMs: Math.max(facts.lastWallMs, wallMs),
      lastBootMs: Math.max(facts.lastBootMs, readU48(bytes, BOOT_OFFSET)),
    };
  }

  /** Forgets the records; from now on they are read from the shelf. */
  release(load: () => readonly Entry[]): void {
    this.#load = load;
    this.#entries = undefined;
  }

  /** Undefined when the number is not in the segment or cannot be read. May throw AppError DISK_FAILED. */
  entry(seq: number): Entry | undefined {
    if (seq < this.firstSeq || seq > this.lastSeq) return undefined;
    if (this.#entries !== undefined) return this.#entries[seq - this.firstSeq];
    // Without damage an entry stands at its own place; what is missing shifts those behind it to the front.
    const entries = this.entries();
    let index = Math.min(seq - this.firstSeq, entries.length - 1);
    while ((entries[index]?.seq ?? 0) > seq) index--;
    const entry = entries[index];
    return entry?.seq === seq ? entry : undefined;
  }

  /** Those that can be read, in order. May throw AppError DISK_FAILED. */
  entries(): readonly Entry[] {
    if (this.#entries === undefined) return this.#load?.() ?? [];
    return this.#entries.filter((entry) => entry !== undefined);
  }

  /** All of it as one loss. */
  span(reason: number): Span {
    const { firstSeq, lastSeq, before, through, firstWallMs, lastWallMs, lastBootMs } = this.#facts;
    const lost = countsBetween(before, through);
    const walls = { firstWallMs: Math.min(firstWallMs, lastWallMs), lastWallMs, lastBootMs };
    return { from: firstSeq, to: lastSeq, reason, isEstimated: false, through, lost, ...walls };
  }
}

/** Wall clock and boot clock of a record. */
export function wallsOf(bytes: Buffer): {
  readonly firstWallMs: number;
  readonly lastWallMs: number;
  readonly lastBootMs: number;
} {
  const wallMs = readU48(bytes, WALL_OFFSET);
  return { firstWallMs: wallMs, lastWallMs: wallMs, lastBootMs: readU48(bytes, BOOT_OFFSET) };
}
