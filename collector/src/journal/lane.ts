/** The working state of a lane: what its watermark and counts will be once the open group is committed. */
import type { Gap } from '@rollcall/shared/protocol/gap.ts';
import type { WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { HashedSchema, SchemaOrigin } from '@rollcall/shared/protocol/schema.ts';
import { takenMs, withBootTime, type BootTime } from './boot-time.ts';
import { JOURNAL_LIMITS } from './limits.ts';
import type { LaneLookup, LaneMark, SchemaNumber } from './store.ts';

const HOUR_MS = 3_600_000;

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** What a record adds to the cumulative counts of its lane. */
export interface LaneCounts {
  readonly ticks: number;
  readonly samples: number;
  /** Whether the agent counts the same. */
  readonly isExact: boolean;
}

/** The mark of a lane of which nothing came yet. */
export function emptyMark(
  id: number,
  epoch: { readonly agentId: string; readonly epochId: string; readonly bootId: string },
): LaneMark {
  return {
    id,
    ...epoch,
    watermark: 0,
    crc: undefined,
    ticks: 0,
    samples: 0,
    isEstimated: false,
    applied: 0,
    rejected: 0,
    gapped: 0,
    refusedBlocks: 0,
    firstMs: undefined,
    lastMs: undefined,
    offsetMsMax: 0,
    bootTimes: [],
  };
}

export class Lane {
  readonly origin: SchemaOrigin;
  readonly mark: Mutable<LaneMark>;
  readonly #lookup: LaneLookup;
  readonly #numbers = new Map<number, SchemaNumber>();
  /** Per sampler the number in force. */
  readonly #inForce = new Map<string, SchemaNumber>();
  /** Checksums of records to be stored that are not committed yet, in order of their numbers. */
  readonly #pending = new Map<number, number>();
  /** Nothing of this lane was forgotten since it began: what is not in memory does not exist. */
  #isFresh: boolean;

  constructor(mark: LaneMark, origin: SchemaOrigin, lookup: LaneLookup) {
    this.mark = { ...mark };
    this.origin = origin;
    this.#lookup = lookup;
    this.#isFresh = mark.watermark === 0;
    if (this.#isFresh) return;
    for (const number of lookup.schemasInForce(mark.id)) this.#remember(number);
  }

  /** Checksum of the record with this number, undefined when it is not known (any more). */
  crcOf(seq: number): number | undefined {
    const pending = this.#pending.get(seq);
    if (pending !== undefined) return pending;
    if (seq === this.mark.watermark && this.mark.crc !== undefined) return this.mark.crc;
    return this.#lookup.crcOf(this.mark.id, seq);
  }

  schemaNumber(number: number): SchemaNumber | undefined {
    const known = this.#numbers.get(number);
    if (known !== undefined) return known;
    if (this.#isFresh) return undefined;
    const stored = this.#lookup.schemaNumber(this.mark.id, number);
    if (stored !== undefined) this.#numbers.set(number, stored);
    return stored;
  }

  /** Series and samplers in force, not counting those of `sampler`. */
  inForceBesides(sampler: string): { readonly samplers: number; readonly series: number } {
    let samplers = 0;
    let series = 0;
    for (const [name, { schema }] of this.#inForce) {
      if (name === sampler) continue;
      samplers++;
      series += schema.seriesCount;
    }
    return { samplers, series };
  }

  /** Moves the watermark over a record that is stored or rejected. */
  advance(record: WireRecord, fate: 'applied' | 'rejected', counts: LaneCounts): void {
    const { mark } = this;
    mark.watermark = record.seq;
    mark.crc = record.crc;
    mark[fate]++;
    mark.ticks += counts.ticks;
    mark.samples += counts.samples;
    mark.isEstimated ||= !counts.isExact;
    if (fate === 'applied') this.#pending.set(record.seq, record.crc);
  }

  /** Moves the watermark over a gap, and takes the agent's counts. */
  skip(from: number, gap: Gap): void {
    const { mark } = this;
    mark.watermark = gap.to;
    mark.crc = undefined;
    mark.gapped += gap.to - from + 1;
    mark.ticks = gap.ticksThrough;
    mark.samples = gap.samplesThrough;
    mark.isEstimated = gap.isEstimated;
  }

  /** Notes when the boot clock began. Returns whether that is anything new. */
  measured(bootTime: BootTime): boolean {
    const before = this.mark.bootTimes;
    this.mark.bootTimes = withBootTime(before, bootTime);
    return this.mark.bootTimes !== before;
  }

  /** When a record was taken, UTC milliseconds. */
  takenMs(record: WireRecord): number {
    return takenMs(record, this.mark.bootTimes);
  }

  /** Notes the time of an applied tick. */
  cover(timeMs: number): void {
    const { mark } = this;
    mark.firstMs = Math.min(mark.firstMs ?? timeMs, timeMs);
    mark.lastMs = Math.max(mark.lastMs ?? timeMs, timeMs);
  }

  /** Declares a schema, or declares it again. Returns what is to be stored. */
  declare(number: number, schema: HashedSchema, seq: number): SchemaNumber {
    const known = this.schemaNumber(number);
    const declared: SchemaNumber = {
      number,
      schema: known?.schema ?? schema,
      declaredSeq: seq,
      firstMs: known?.firstMs,
      lastMs: known?.lastMs,
    };
    this.#remember(declared);
    return declared;
  }

  /** Notes a reading with a schema. Returns what is to be stored, which is seldom anything. */
  use(number: number, timeMs: number): SchemaNumber | undefined {
    const known = this.schemaNumber(number);
    if (known === undefined) return undefined;
    const { firstMs, lastMs } = known;
    if (firstMs !== undefined && lastMs !== undefined && timeMs >= firstMs && timeMs <= lastMs)
      return undefined;
    const used: SchemaNumber = {
      ...known,
      firstMs: Math.min(firstMs ?? timeMs, timeMs),
      lastMs: Math.max(lastMs ?? timeMs, Math.ceil(timeMs / HOUR_MS) * HOUR_MS),
    };
    this.#numbers.set(number, used);
    if (this.#inForce.get(used.schema.sampler)?.number === number) {
      this.#inForce.set(used.schema.sampler, used);
    }
    return used;
  }

  /** Everything up to `watermark` is in the database now. */
  settled(watermark: number): void {
    for (const seq of this.#pending.keys()) {
      if (seq > watermark) break;
      this.#pending.delete(seq);
    }
    const isTooMany = this.#numbers.size > this.#inForce.size + JOURNAL_LIMITS.oldSchemasPerLane;
    // Only what the database has may be forgotten.
    if (isTooMany && watermark === this.mark.watermark) {
      this.#numbers.clear();
      this.#isFresh = false;
      for (const number of this.#inForce.values()) this.#numbers.set(number.number, number);
    }
  }

  #remember(number: SchemaNumber): void {
    this.#numbers.set(number.number, number);
    // The collector's own schemas are all in force at the same time; only their numbers are needed.
    if (this.origin === 'agent') this.#inForce.set(number.schema.sampler, number);
  }
}
