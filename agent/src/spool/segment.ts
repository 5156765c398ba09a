/**
 * A run of consecutive records of one epoch: in memory as far as they may still be needed there, else on the shelf, from
 * which they are read again when somebody asks. Numbers that could not be read back are simply missing.
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

/**
 * The records of a segment from its first one through a number, as far as they can be read; may contain later ones. May
 * throw AppError DISK_FAILED.
 */
export type Load = (through: number) => readonly Entry[];

export class Segment {
  #facts: SegmentFacts;
  /** The lowest number that is in memory; those below it are on the shelf. */
  #keptFrom: number;
  /** By number minus `#keptFrom`. */
  #kept: (Entry | undefined)[] = [];
  /** Undefined when nothing below `#keptFrom` can be read. */
  #load: Load | undefined;
  #isOpen = false;
  /** Records that are no copies of schemas, made when it was opened. */
  appends = 0;

  private constructor(facts: SegmentFacts) {
    this.#facts = facts;
    this.#keptFrom = facts.lastSeq + 1;
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
    segment.#isOpen = true;
    return segment;
  }

  /** One that lies on the shelf and takes no more records. */
  static onShelf(facts: SegmentFacts, load: Load): Segment {
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

  /** Whether it takes room in memory. */
  get isInMemory(): boolean {
    return this.#keptFrom <= this.lastSeq;
  }

  /** Whether it takes records: it has not been closed. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Adds a record behind the last one. */
  push(entry: Entry): void {
    if (!this.#isOpen) throw new Error('a segment on the shelf cannot take records');
    // Numbers in between may be lost.
    this.#kept[entry.seq - this.#keptFrom] = entry;
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

  /** Forgets the records through a number, which the shelf has; from now on those are read from there. */
  forget(through: number, load: Load): void {
    const count = Math.min(through, this.lastSeq) + 1 - this.#keptFrom;
    if (count <= 0) return;
    this.#kept = this.#kept.slice(count);
    this.#keptFrom += count;
    this.#load = load;
  }

  /** What was forgotten is read from here, and no longer from where it was before. */
  readFrom(load: Load): void {
    if (this.#keptFrom > this.firstSeq) this.#load = load;
  }

  /** Takes no more records. */
  close(): void {
    this.#isOpen = false;
  }

  /** Gives up for now what was forgotten, for it cannot be read; what is in memory stays. */
  loseForgotten(): void {
    this.#load = undefined;
  }

  /** Undefined when the number is not in the segment or cannot be read. May throw AppError DISK_FAILED. */
  entry(seq: number): Entry | undefined {
    if (seq < this.firstSeq || seq > this.lastSeq) return undefined;
    if (seq >= this.#keptFrom) return this.kept(seq);
    const entries = this.#forgotten();
    // Without damage an entry stands at its own place; what is missing shifts those behind it to the front.
    let index = Math.min(seq - this.firstSeq, entries.length - 1);
    while ((entries[index]?.seq ?? 0) > seq) index--;
    const entry = entries[index];
    return entry?.seq === seq ? entry : undefined;
  }

  /** The record with this number if it is in memory. */
  kept(seq: number): Entry | undefined {
    return this.#kept[seq - this.#keptFrom];
  }

  /** Those that can be read, in order. May throw AppError DISK_FAILED. */
  entries(): readonly Entry[] {
    const forgotten = this.#forgotten().filter(({ seq }) => seq < this.#keptFrom);
    return [...forgotten, ...this.keptEntries()];
  }

  /** Those in memory, in order. */
  keptEntries(): readonly Entry[] {
    return this.#kept.filter((entry) => entry !== undefined);
  }

  #forgotten(): readonly Entry[] {
    if (this.#keptFrom === this.firstSeq) return [];
    return this.#load?.(this.#keptFrom - 1) ?? [];
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
