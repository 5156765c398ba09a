/**
 * One run of record numbers. From number 1 on it consists of, in this order: what was acknowledged and freed, what had to
 * be dropped, and the segments that are held. Numbers inside a segment can be lost too, by damage or because a record was
 * given up; a gap always counts more than what a segment may still hold. All parts keep the cumulative counts of ticks
 * and values, so a gap can be declared exactly wherever the collector's watermark lies. The file is long because all of
 * this is one account: whatever changes one part of it must keep the sum.
 */
import type { EpochState } from '@rollcall/shared/protocol/handshake.ts';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { RECORD_KIND, renumberRecord } from '@rollcall/shared/protocol/record.ts';
import { diskErrorCode } from '@rollcall/shared/lib/disk.ts';
import { readU48 } from '@rollcall/shared/lib/varint.ts';
import { Gaps } from './gaps.ts';
import type { Entry, SegmentHeader } from './segment-format.ts';
import { Segment, wallsOf } from './segment.ts';
import type { SchemaUse } from './schema-numbers.ts';
import type { Replacement, Shelf } from './shelf.ts';
import { addCounts, countsBetween, gapRecord, joinSpans, NO_COUNTS, type Span } from './span.ts';
import type { RecordCounts } from './spool.ts';

const KIND_OFFSET = 8;
const CRC_OFFSET = 4;
const WALL_OFFSET = 22;

export interface EpochOptions {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly bootId: string;
  /** Puts the epochs of a spool in order. */
  readonly ordinal: number;
  /** Where its segments are kept, undefined for memory alone. */
  readonly shelf: Shelf | undefined;
}

/** What was found of an epoch after a restart. */
export interface EpochRemains {
  /** In order of their numbers, without overlaps. */
  readonly segments: readonly Segment[];
  /** In order, without overlaps; may lie inside segments. */
  readonly gaps: readonly Span[];
  /** Those of the segments in which records could not be read. */
  readonly damaged: readonly Segment[];
  /** There is a file in front of all of these that could not be read. */
  readonly isFrontUnreadable: boolean;
  /** There is one behind all of these. Nothing can be said of what is in it before it can be read. */
  readonly isEndUnreadable: boolean;
  /** An earlier process knew that the collector has everything through this number. */
  readonly delivered: number;
}

export class Epoch {
  readonly id: string;
  readonly bootId: string;
  readonly ordinal: number;
  /** Its folder must stay for another start, for there is a file that could not be read. */
  #isEndUnreadable = false;
  #shelf: Shelf | undefined;
  #next = 1;
  #acked = 0;
  /**
   * Through which the shelf knows that it was delivered, maybe by an earlier process. It only helps to choose what makes way: the
   * collector may have been set back since.
   */
  #noted = 0;
  #counts: RecordCounts = NO_COUNTS;
  /** Kept to declare a rollback if the collector loses what it had acknowledged. */
  #freed: Span | undefined;
  #gaps = new Gaps();
  #segments: Segment[] = [];
  /** Epochs on the shelf whose records are in this one, which is in memory. */
  #inherited: Epoch[] = [];
  /** Size of all but the active one, of so many: there may be hundreds, and each record asks. */
  #sealed: { readonly active: Segment | undefined; readonly count: number; readonly bytes: number } = {
    active: undefined,
    count: 0,
    bytes: 0,
  };

  constructor({ id, bootId, ordinal, shelf }: EpochOptions) {
    this.id = id;
    this.bootId = bootId;
    this.ordinal = ordinal;
    this.#shelf = shelf;
  }

  /** An epoch as it was found on the shelf; what is missing between its parts is declared corrupt. */
  static restore(options: EpochOptions, remains: EpochRemains): Epoch {
    const epoch = new Epoch(options);
    epoch.#segments = [...remains.segments];
    epoch.#gaps = new Gaps(remains.gaps);
    epoch.#isEndUnreadable = remains.isEndUnreadable;
    // What was freed had been acknowledged: who misses it now has lost it. A file that cannot be read is our own loss.
    const { CORRUPT, COLLECTOR_ROLLBACK } = GAP_REASON;
    epoch.#restoreBounds(remains.damaged, remains.isFrontUnreadable ? CORRUPT : COLLECTOR_ROLLBACK);
    epoch.#noted = Math.min(remains.delivered, epoch.#next - 1);
    return epoch;
  }

  /** Number that the next record gets. */
  get next(): number {
    return this.#next;
  }

  get acked(): number {
    return this.#acked;
  }

  get isOnShelf(): boolean {
    return this.#shelf !== undefined;
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  /** The segments held, oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Size of everything that is held. */
  get bytes(): number {
    const { active } = this;
    const count = this.#segments.length;
    // Only the active one grows, and another one comes as the active one: so these are the same as before.
    if (this.#sealed.active !== active || this.#sealed.count !== count) {
      let bytes = 0;
      for (const segment of this.#segments) if (segment !== active) bytes += segment.bytes;
      this.#sealed = { active, count, bytes };
    }
    return this.#sealed.bytes + (active?.bytes ?? 0);
  }

  /** Size of the segments that are in memory. */
  get memoryBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + (segment.isInMemory ? segment.bytes : 0), 0);
  }

  /** Size of the segments that hold something above the watermark. */
  get waitingBytes(): number {
    let sum = 0;
    for (let i = this.#firstWaiting(); i < this.#segments.length; i++) sum += this.#segments[i]?.bytes ?? 0;
    return sum;
  }

  /** Records above the watermark that are held. */
  get waitingRecords(): number {
    let sum = 0;
    for (let i = this.#firstWaiting(); i < this.#segments.length; i++) {
      const { firstSeq = 0, lastSeq = 0 } = this.#segments[i] ?? {};
      sum += lastSeq - Math.max(this.#acked, firstSeq - 1);
    }
    return sum;
  }

  /** Whether everything that was numbered is acknowledged. */
  get isDelivered(): boolean {
    return this.#acked >= this.#next - 1;
  }

  /** Whether the collector had everything when it was last heard of. */
  get wasDelivered(): boolean {
    return Math.max(this.#acked, this.#noted) >= this.#next - 1;
  }

  /** The segment that is being written. */
  get active(): Segment | undefined {
    return this.#segments.at(-1);
  }

  state(): EpochState {
    const first = this.#segments[0]?.firstSeq ?? this.#next;
    return { id: this.id, bootId: this.bootId, first, next: this.#next, acked: this.#acked };
  }

  /** Wall clock of the oldest record held above the watermark; of one near to it when that takes no reading. */
  oldestWaitingMs(): number | undefined {
    const segment = this.#segments[this.#firstWaiting()];
    if (segment === undefined) return undefined;
    const seq = Math.max(segment.firstSeq, this.#acked + 1);
    const bytes = segment.kept(seq)?.bytes;
    return bytes === undefined ? segment.facts.firstWallMs : readU48(bytes, WALL_OFFSET);
  }

  /** All that is known of it was delivered, and need not be kept. */
  leave(): void {
    if (!this.#isEndUnreadable) this.forget();
  }

  /**
   * Nobody needs its records any more. Of an epoch that has them in memory only, the files stay until it has files itself,
   * or was delivered.
   * @param replacement the epoch that has them now, complete already, and the boot of today
   * @throws AppError DISK_FAILED when there is one that takes the place on the shelf; then nothing has changed
   */
  forget(replacement?: Replacement & { readonly epoch: Epoch }): void {
    if (replacement !== undefined && !replacement.epoch.isOnShelf) {
      replacement.epoch.#inherited = this.isOnShelf ? [...this.#inherited, this] : this.#inherited;
      return;
    }
    this.#shelf?.forgotten(this.id, replacement);
    for (const each of this.#inherited.splice(0)) each.forget();
  }

  /**
   * Makes way altogether: what the collector does not know of it is declared as lost in `heir`, and its files go when that
   * is safe. Returns how many values that had not been acknowledged were held.
   */
  makeWay(heir: Epoch, reason: number): number {
    this.#acked = Math.max(this.#acked, this.#noted);
    const held = this.#waiting(reason);
    for (const gap of this.#gaps.all) if (gap.to > this.#acked) heir.#declareForeign(gap);
    if (held !== undefined) heir.#declareForeign(held);
    if (heir.isOnShelf) {
      for (const each of [this, ...this.#inherited.splice(0)])
        each.#shelf?.forgotten(each.id, undefined, heir.id);
    } else {
      heir.#inherited.push(...this.#inherited.splice(0), ...(this.isOnShelf ? [this] : []));
    }
    return held?.lost.samples ?? 0;
  }

  /** Tells the shelf when all of it is delivered; nothing may be added any more. */
  noteDelivered(): void {
    if (!this.isDelivered || this.#noted === this.#acked) return;
    this.#noted = this.#acked;
    this.#shelf?.noted(this.id, this.#acked);
  }

  /** Begins to take over the records of another epoch. @throws AppError DISK_FAILED */
  beginReplacement(): void {
    this.#shelf?.replacing(this.id);
  }

  openSegment(): void {
    this.sealSegment();
    this.#segments.push(Segment.open(this.#next, this.#counts));
  }

  /** Nothing more is written to the active segment. */
  sealSegment(): void {
    const { active } = this;
    if (active === undefined) return;
    if (active.lastSeq < active.firstSeq) this.#segments.pop();
    else if (active.isOpen) this.#shelf?.seal(this.id, active);
  }

  /**
   * Adds a record that carries the number `next` to the active segment.
   * @throws AppError DISK_FAILED; then nothing has changed
   */
  push(bytes: Buffer, counts: RecordCounts, use: SchemaUse): void {
    const { active } = this;
    if (active === undefined) throw new Error('an epoch without a segment cannot take records');
    const { ticks, samples } = counts;
    const entry: Entry = { seq: this.#next, before: this.#counts, counts: { ticks, samples }, bytes };
    this.#shelf?.write(active, entry, () => this.#header(active, use));
    active.push(entry);
    this.#counts = addCounts(this.#counts, counts);
    this.#next++;
  }

  /**
   * Moves an epoch that was in memory to the shelf.
   * @throws AppError DISK_FAILED; then it is in memory as before, and part of it may lie on the shelf
   */
  moveTo(shelf: Shelf, use: SchemaUse): void {
    for (const segment of this.#segments) {
      if (segment.bytes === 0) continue;
      for (const entry of segment.entries()) shelf.write(segment, entry, () => this.#header(segment, use));
    }
    this.#shelf = shelf;
    for (const segment of this.#segments) shelf.seal(this.id, segment);
    for (const gap of this.#gaps.all) shelf.lost(this.id, gap, { replaced: [] });
    // Only when what moved is durable, which the files of those are.
    for (const each of this.#inherited.splice(0)) each.#shelf?.forgotten(each.id, undefined, this.id);
  }

  /** The record with this number or the gap that begins with it, and the number that follows. May throw DISK_FAILED. */
  at(seq: number): { readonly bytes: Buffer; readonly nextSeq: number } | undefined {
    const gap = this.#gaps.at(seq);
    if (gap !== undefined) return gapRecord(gap, seq);
    const segment = this.#segmentOf(seq);
    if (segment !== undefined) {
      const entry = segment.entry(seq);
      if (entry !== undefined) return { bytes: entry.bytes, nextSeq: seq + 1 };
      this.#declareDamage(segment, GAP_REASON.CORRUPT);
      const damage = this.#gaps.at(seq);
      return damage === undefined ? undefined : gapRecord(damage, seq);
    }
    return this.#freed !== undefined && seq <= this.#freed.to ? gapRecord(this.#freed, seq) : undefined;
  }

  /** Checksum of the record with this number, undefined when it is not held. May throw AppError DISK_FAILED. */
  crcOf(seq: number): number | undefined {
    if (this.#gaps.at(seq) !== undefined) return undefined;
    return this.#segmentOf(seq)?.entry(seq)?.bytes.readUInt32LE(CRC_OFFSET);
  }

  /** Everything up to `watermark` is safe at the collector. */
  acknowledge(watermark: number): void {
    this.#acked = Math.max(this.#acked, Math.min(watermark, this.#next - 1));
    // What the collector says now counts, also when it has lost some.
    this.#noted = Math.min(this.#noted, this.#acked);
    // Only the active segment and the one before it may have anything in memory that goes with that.
    const shelf = this.#shelf;
    if (shelf !== undefined) for (const each of this.#segments.slice(-2)) shelf.delivered(each, this.#acked);
  }

  /** Frees, oldest first, what is acknowledged and may go; the active segment stays. */
  free(mayGo: (newest: { readonly wallMs: number; readonly bootMs: number }) => boolean): void {
    for (;;) {
      const gap = this.#gaps.first;
      const [segment] = this.#segments;
      const oldest = segment === undefined || (gap?.from ?? this.#next) < segment.firstSeq ? gap : segment;
      if (oldest === undefined || (oldest === segment && this.#segments.length === 1)) return;
      const span = oldest instanceof Segment ? oldest.span(GAP_REASON.COLLECTOR_ROLLBACK) : oldest;
      if (span.to > this.#acked || !mayGo({ wallMs: span.lastWallMs, bootMs: span.lastBootMs })) return;
      this.#freeFront(oldest, span);
    }
  }

  /**
   * Gives up the oldest segment, or another one: it becomes a gap, or it is freed when it was acknowledged. Returns how many
   * values that had not been acknowledged were in it.
   */
  dropOldestSegment(reason: number, segment = this.#segments[0]): number {
    if (segment === undefined || segment.lastSeq < segment.firstSeq) return 0;
    const whole = segment.span(reason);
    const isFirst =
      segment === this.#segments[0] && (this.#gaps.first?.from ?? segment.firstSeq) >= segment.firstSeq;
    if (whole.to <= this.#acked && isFirst) {
      this.#freeFront(segment, { ...whole, reason: GAP_REASON.COLLECTOR_ROLLBACK });
      return 0;
    }
    const lostSamples = this.#waitingSamplesIn(segment);
    const inside = this.#gaps.take(whole);
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    this.#addGap(whole, { segment, replaced: inside.map(({ from }) => from) });
    return lostSamples;
  }

  /** Replaces one held record by a gap of that number. Returns how many values it had. May throw DISK_FAILED. */
  giveUp(seq: number, reason: number): number {
    const entry = this.#gaps.at(seq) === undefined ? this.#segmentOf(seq)?.entry(seq) : undefined;
    if (entry === undefined) return 0;
    const through = addCounts(entry.before, entry.counts);
    const one = { from: seq, to: seq, reason, isEstimated: false, through, lost: entry.counts };
    this.#addGap({ ...one, ...wallsOf(entry.bytes) }, { replaced: [] });
    return entry.counts.samples;
  }

  /**
   * Declares a segment lost that the shelf cannot give back, but for what is in memory. Returns how many values had not
   * been acknowledged.
   */
  giveUpSegment(seq: number, reason: number): number {
    const segment = this.#segmentOf(seq);
    if (segment === undefined) return 0;
    if (segment.isOpen || segment.keptEntries().length > 0) {
      // What is in memory is still there.
      const before = this.#waitingSamplesIn(segment);
      segment.loseForgotten();
      this.#declareDamage(segment, reason);
      return before - this.#waitingSamplesIn(segment);
    }
    const lostSamples = this.#waitingSamplesIn(segment);
    const whole = segment.span(reason);
    const inside = this.#gaps.take(whole);
    this.#segments = this.#segments.filter((each) => each !== segment);
    this.#addGap(whole, { segment, replaced: inside.map(({ from }) => from) });
    return lostSamples;
  }

  /**
   * Copies what is held or lost above `rehomeAfter` into an empty epoch. Segments stay segments, so that each still
   * begins with the schemas that its records use. Where the other epoch is in memory and this one is not, its segments are
   * read from the files of this one: the spool may be much larger than memory. May throw AppError DISK_FAILED.
   */
  moveInto(target: Epoch, rehomeAfter: number, use: SchemaUse): void {
    const gaps = [...(this.#freed === undefined ? [] : [this.#freed]), ...this.#gaps.all];
    const adoptGapsBelow = (seq: number): void => {
      for (let [gap] = gaps; gap !== undefined && gap.from < seq; [gap] = gaps) {
        gaps.shift();
        if (gap.to > rehomeAfter) target.#adoptSpan(gap, rehomeAfter);
      }
    };
    // Who sends reads record by record.
    let newest: { readonly segment: Segment; readonly entries: readonly Entry[] } | undefined;
    for (const segment of this.#segments) {
      adoptGapsBelow(segment.firstSeq);
      if (segment.lastSeq <= rehomeAfter) continue;
      target.openSegment();
      /** By their numbers here. */
      const moved = new Map<number, Pick<Entry, 'seq' | 'before'>>();
      for (const entry of segment.entries()) {
        const { seq, bytes } = entry;
        adoptGapsBelow(seq + 1);
        if (this.#gaps.at(seq) !== undefined) continue;
        const isSchema = bytes[KIND_OFFSET] === RECORD_KIND.SCHEMA;
        if (seq <= rehomeAfter && !isSchema) continue;
        if (this.isOnShelf) moved.set(seq, { seq: target.next, before: target.#counts });
        target.push(renumberRecord(bytes, target.next), entry.counts, use);
      }
      if (!this.isOnShelf || target.isOnShelf) continue;
      target.active?.forget(Number.POSITIVE_INFINITY, () => {
        if (newest?.segment === segment) return newest.entries;
        const entries = segment.entries().flatMap((entry) => {
          const at = moved.get(entry.seq);
          return at === undefined ? [] : { ...entry, ...at, bytes: renumberRecord(entry.bytes, at.seq) };
        });
        newest = { segment, entries };
        return entries;
      });
    }
    adoptGapsBelow(this.#next);
  }

  #adoptSpan(span: Span, rehomeAfter: number): void {
    const from = Math.max(span.from, rehomeAfter + 1);
    const isCut = from > span.from;
    const share = (span.to - from + 1) / (span.to - span.from + 1);
    const lost = {
      ticks: Math.round(span.lost.ticks * share),
      samples: Math.round(span.lost.samples * share),
    };
    const through = addCounts(this.#counts, lost);
    const to = this.#next + span.to - from;
    const isEstimated = span.isEstimated || isCut;
    this.#counts = through;
    this.#next = to + 1;
    this.#addGap({ ...span, from: to - (span.to - from), to, isEstimated, through, lost }, { replaced: [] });
  }

  /** Declares what another epoch has lost; the next number stands for all of it, whatever numbers it had there. */
  #declareForeign(span: Span): void {
    this.#counts = addCounts(this.#counts, span.lost);
    const seq = this.#next++;
    // The boot clock may have been that of another boot.
    this.#addGap({ ...span, from: seq, to: seq, through: this.#counts, lastBootMs: 0 }, { replaced: [] });
  }

  /** Everything above the watermark that is held, as one loss. An estimate: the collector may have more than was told. */
  #waiting(reason: number): Span | undefined {
    const spans = this.#segments.filter(
      ({ firstSeq, lastSeq }) => lastSeq >= firstSeq && lastSeq > this.#acked,
    );
    return spans
      .map((segment): Span => ({
        ...segment.span(reason),
        isEstimated: true,
        lost: this.#waitingIn(segment),
      }))
      .reduce<Span | undefined>((all, span) => (all === undefined ? span : joinSpans(all, span)), undefined);
  }

  #header({ firstSeq, facts }: Segment, use: SchemaUse): SegmentHeader {
    const { id: epochId, bootId, ordinal } = this;
    return { epochId, bootId, ordinal, firstSeq, before: facts.before, ...use };
  }

  /** Finds out from what is held where the numbers begin and end, and declares what is missing in between. */
  #restoreBounds(damaged: readonly Segment[], frontReason: number): void {
    const outside = this.#gaps.all.filter(({ from }) => this.#segmentOf(from) === undefined);
    const parts: readonly (Segment | Span)[] = [...this.#segments, ...outside].sort(
      (left, right) => startOf(left) - startOf(right),
    );
    const [first] = parts;
    if (first === undefined) return;
    this.#next = startOf(first);
    // What lies in front of a gap is counted with the gap: nothing tells them apart any more.
    if (first instanceof Segment) this.#counts = first.facts.before;
    else if (first.from > 1) this.#counts = first.through;
    if (this.#next > 1) this.#freed = freedSpan(first, this.#counts, frontReason);
    for (const part of parts) this.#restorePart(part);
    for (const gap of this.#gaps.all) if (!outside.includes(gap)) this.#restoreInside(gap);
    for (const segment of damaged) this.#declareDamage(segment, GAP_REASON.CORRUPT);
  }

  /** What a gap inside a segment stands for is still there to be counted, should it move to another epoch. */
  #restoreInside(gap: Span): void {
    try {
      const before = this.#segmentOf(gap.from)?.entry(gap.from)?.before;
      if (before !== undefined) this.#gaps.replace(gap, { ...gap, lost: countsBetween(before, gap.through) });
    } catch (error) {
      // Its end is exact wherever it is read.
      if (diskErrorCode(error) === undefined) throw error;
    }
  }

  #restorePart(part: Segment | Span): void {
    const from = this.#next;
    const hole = startOf(part) - from;
    if (part instanceof Segment) {
      const { before, through } = part.facts;
      const lost = countsBetween(this.#counts, before);
      const end = { to: part.firstSeq - 1, through: before, lost };
      if (hole > 0) this.#gaps.cover({ ...part.span(GAP_REASON.CORRUPT), from, ...end });
      this.#counts = through;
      this.#next = part.lastSeq + 1;
      return;
    }
    if (part.to < from) {
      // The process died between writing the gap in front and removing those that lie in it.
      this.#gaps.take({ from: part.from, to: part.from });
      return;
    }
    // The counts in front of a gap are not known, so a hole there becomes part of it.
    const lost = countsBetween(this.#counts, part.through);
    this.#gaps.replace(part, { ...part, from: Math.min(from, part.from), lost });
    this.#counts = part.through;
    this.#next = part.to + 1;
  }

  #freeFront(oldest: Segment | Span, span: Span): void {
    const isSegment = oldest instanceof Segment;
    if (isSegment) this.#segments.shift();
    for (const gap of this.#gaps.take({ from: 1, to: span.to })) this.#shelf?.freed(this.id, gap.from);
    if (isSegment) this.#shelf?.freed(this.id, oldest);
    const freed = { ...span, reason: GAP_REASON.COLLECTOR_ROLLBACK };
    this.#freed = this.#freed === undefined ? freed : joinSpans(this.#freed, freed);
  }

  /** Declares a gap; what it stands for goes when it is durable. */
  #addGap(span: Span, instead: { readonly segment?: Segment; readonly replaced: readonly number[] }): void {
    const gap = this.#gaps.add(span);
    this.#shelf?.lost(this.id, gap, instead);
  }

  /**
   * Numbers of a segment that could not be read back become gaps with the exact counts that their neighbours tell. May
   * throw AppError DISK_FAILED.
   */
  #declareDamage(segment: Segment, reason: number): void {
    const { firstSeq, lastSeq, facts } = segment;
    let seq = firstSeq;
    let before = facts.before;
    const missing = (to: number, through: RecordCounts, walls: ReturnType<typeof wallsOf>): void => {
      const lost = countsBetween(before, through);
      this.#gaps.cover({ from: seq, to, reason, isEstimated: false, through, lost, ...walls });
    };
    for (const entry of segment.entries()) {
      if (entry.seq > seq) missing(entry.seq - 1, entry.before, wallsOf(entry.bytes));
      seq = entry.seq + 1;
      before = addCounts(entry.before, entry.counts);
    }
    const { firstWallMs, lastWallMs, lastBootMs } = segment.span(reason);
    if (seq <= lastSeq) missing(lastSeq, facts.through, { firstWallMs, lastWallMs, lastBootMs });
  }

  #waitingSamplesIn(segment: Segment): number {
    return this.#waitingIn(segment).samples;
  }

  /** What a segment holds above the watermark. */
  #waitingIn(segment: Segment): RecordCounts {
    const { facts, firstSeq, lastSeq } = segment;
    if (lastSeq <= this.#acked) return NO_COUNTS;
    let before = facts.before;
    if (this.#acked >= firstSeq) before = this.#beforeOrGuess(segment, this.#acked + 1);
    let waiting = countsBetween(before, facts.through);
    for (const gap of this.#gaps.all) {
      const isInside = gap.from > Math.max(this.#acked, firstSeq - 1) && gap.to <= lastSeq;
      if (isInside) waiting = countsBetween(gap.lost, waiting);
    }
    return waiting;
  }

  #beforeOrGuess(segment: Segment, seq: number): RecordCounts {
    const exact = segment.kept(seq)?.before;
    if (exact !== undefined) return exact;
    const { before, through, firstSeq, lastSeq } = segment.facts;
    const share = (seq - firstSeq) / (lastSeq - firstSeq + 1);
    const { ticks, samples } = countsBetween(before, through);
    return addCounts(before, { ticks: Math.round(ticks * share), samples: Math.round(samples * share) });
  }

  /** Place of the oldest segment with a number above the watermark, looked for from the newest on: there may be hundreds. */
  #firstWaiting(): number {
    let place = this.#segments.length;
    while (place > 0 && (this.#segments[place - 1]?.lastSeq ?? 0) > this.#acked) place--;
    return place;
  }

  #segmentOf(seq: number): Segment | undefined {
    return this.#segments.findLast(({ firstSeq, lastSeq }) => firstSeq <= seq && seq <= lastSeq);
  }
}

function startOf(part: Segment | Span): number {
  return part instanceof Segment ? part.firstSeq : part.from;
}

/** Everything in front of the oldest part that is left. */
function freedSpan(first: Segment | Span, through: RecordCounts, reason: number): Span {
  const isSegment = first instanceof Segment;
  const span = isSegment ? first.span(reason) : first;
  const to = startOf(first) - 1;
  const isEstimated = !isSegment;
  return { ...span, from: 1, to, reason, isEstimated, through, lost: through, lastWallMs: span.firstWallMs };
}
