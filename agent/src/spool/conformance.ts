/** What every spool must do; each implementation runs this suite in its own test file. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeGap, GAP_REASON, type Gap } from '@rollcall/shared/protocol/gap.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { decodeRecord, RECORD_KIND, recordBody, type RecordDraft } from '@rollcall/shared/protocol/record.ts';
import { decodeSamples, encodeSamples } from '@rollcall/shared/protocol/samples.ts';
import { createSchema, decodeSchemaBody, type HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import type { Spool } from './spool.ts';

export interface SpoolSizes {
  readonly segmentBytes: number;
  readonly maxBytes: number;
}

const SIZES: SpoolSizes = { segmentBytes: 2_048, maxBytes: 8_192 };
const WIDE = { maxBytes: 1 << 30, maxRecords: LIMITS.recordsPerBatch };
const START_MS = Date.UTC(2026, 0, 1);

/** A record as a reader sees it. */
export interface ReadRecord {
  readonly seq: number;
  readonly kind: number;
  /** Last number that it accounts for: its own, or the end of the gap. */
  readonly to: number;
  readonly gap: Gap | undefined;
  readonly wallMs: number;
  readonly body: Buffer;
}

/** Everything from `fromSeq` to the end of the epoch, in several batches. */
export function readAll(spool: Spool, epochId: string, fromSeq: number): ReadRecord[] {
  const found: ReadRecord[] = [];
  let seq = fromSeq;
  for (;;) {
    const batch = spool.read(epochId, seq, WIDE);
    if (batch.records.length === 0) return found;
    for (const bytes of batch.records) {
      const record = decodeRecord(Buffer.from(bytes), 0);
      const body = recordBody(record);
      const gap = record.kind === RECORD_KIND.GAP ? decodeGap(body) : undefined;
      const { kind, wallMs } = record;
      found.push({ seq: record.seq, kind, to: gap?.to ?? record.seq, gap, wallMs, body });
    }
    seq = batch.nextSeq;
  }
}

/** A schema of `seriesCount` gauges. */
export function testSchema(sampler: string, seriesCount: number): HashedSchema {
  const series = Array.from({ length: seriesCount }, (_unused, index) => [`d${index}`]);
  const metric = { name: `node_${sampler}`, unit: '', type: 'gauge', encoding: 'float64', scale: 0 } as const;
  return createSchema({ sampler, intervalMs: 10_000, metrics: [{ ...metric, labelNames: ['dev'], series }] });
}

/** Appends one tick of the schemas; returns how many values it has. */
export function appendTick(
  spool: Spool,
  schemas: readonly HashedSchema[],
  wallMs = START_MS,
  bootMs = 1_000,
): number {
  const writer = new ByteWriter();
  let samples = 0;
  const blocks = schemas.map((schema) => {
    samples += schema.seriesCount;
    const values = new Float64Array(schema.seriesCount).map((_zero, index) => Math.sin(wallMs + index));
    const schemaNumber = spool.declareSchema(schema);
    return {
      kind: 'values',
      schemaNumber,
      schema,
      offsetMs: 0,
      values,
      present: undefined,
      errors: [],
    } as const;
  });
  encodeSamples(writer, blocks);
  const draft: RecordDraft = {
    kind: RECORD_KIND.SAMPLES,
    flags: 0,
    wallMs,
    bootMs,
    body: writer.view(),
  };
  spool.append(draft, { ticks: 1, samples });
  return samples;
}

/** The current epoch. */
export function currentEpoch(spool: Spool): { id: string; first: number; next: number; acked: number } {
  const epoch = spool.epochs().at(-1);
  if (epoch === undefined) throw new Error('a spool always has a current epoch');
  return epoch;
}

/** @param open a new empty spool; the same sizes hold for all of its life */
export function spoolConformance(open: (sizes: SpoolSizes) => Spool): void {
  const cpu = testSchema('cpu', 20);

  describe('numbers and schemas', () => {
    it('begins with one empty epoch', () => {
      const spool = open(SIZES);
      expect(spool.epochs()).toMatchObject([{ first: 1, next: 1, acked: 0 }]);
      expect(readAll(spool, currentEpoch(spool).id, 1)).toEqual([]);
      expect(spool.stats()).toMatchObject({ recordsHeld: 0, bytesHeld: 0, samplesDropped: 0 });
    });

    it('writes a schema once in front of its first use', () => {
      const spool = open(SIZES);
      appendTick(spool, [cpu]);
      appendTick(spool, [cpu]);
      const kinds = readAll(spool, currentEpoch(spool).id, 1).map(({ kind }) => kind);
      expect(kinds).toEqual([RECORD_KIND.SCHEMA, RECORD_KIND.SAMPLES, RECORD_KIND.SAMPLES]);
    });

    it('gives equal schemas one number and different ones different numbers', () => {
      const spool = open(SIZES);
      const first = spool.declareSchema(cpu);
      expect(spool.declareSchema(testSchema('cpu', 20))).toBe(first);
      expect(spool.declareSchema(testSchema('cpu', 21))).not.toBe(first);
    });

    it('goes on in a new epoch before an epoch has more schemas than the collector allows', () => {
      const spool = open({ segmentBytes: 64 * 1024, maxBytes: 1024 * 1024 });
      for (let i = 1; i <= LIMITS.schemasPerEpoch + 10; i++) appendTick(spool, [testSchema('net', i % 300)]);
      const epochs = spool.epochs();
      expect(epochs.length).toBeGreaterThan(1);
      for (const { id } of epochs) {
        const records = readAll(spool, id, 1);
        expect(unreadable(records)).toEqual([]);
        const numbers = records.filter(isSchema).map(({ body }) => decodeSchemaBody(body).number);
        expect(new Set(numbers).size).toBeLessThanOrEqual(LIMITS.schemasPerEpoch);
      }
    });

    it('keeps several schemas of one sampler together in each segment', () => {
      const spool = open(SIZES);
      for (let i = 0; i < 100; i++) appendTick(spool, [cpu, testSchema('cpu', 7)]);
      const { id, first } = currentEpoch(spool);
      expect(unreadable(readAll(spool, id, first))).toEqual([]);
    });

    it('tells its listener after each append', () => {
      const spool = open(SIZES);
      let calls = 0;
      spool.onAppend(() => calls++);
      appendTick(spool, [cpu]);
      expect(calls).toBe(1);
    });
  });

  describe('reading', () => {
    it('keeps to the limits of a batch but always makes progress', () => {
      const spool = open(SIZES);
      for (let i = 0; i < 5; i++) appendTick(spool, [cpu]);
      const { id } = currentEpoch(spool);
      expect(spool.read(id, 1, { maxBytes: 1, maxRecords: 10 })).toMatchObject({ nextSeq: 2, isEnd: false });
      expect(spool.read(id, 2, { maxBytes: 1 << 20, maxRecords: 3 })).toMatchObject({
        nextSeq: 5,
        isEnd: false,
      });
      expect(spool.read(id, 5, WIDE)).toMatchObject({ nextSeq: 7, isEnd: true });
      expect(spool.read(id, 7, WIDE)).toEqual({ epochId: id, records: [], nextSeq: 7, isEnd: true });
      expect(spool.read('0000000000000000', 1, WIDE).records).toEqual([]);
    });

    it('knows the checksum of what it holds only', () => {
      const spool = open(SIZES);
      appendTick(spool, [cpu]);
      const { id } = currentEpoch(spool);
      const [record] = spool.read(id, 2, WIDE).records;
      expect(spool.crcOf(id, 2)).toBe(record?.readUInt32LE(4));
      expect(spool.crcOf(id, 3)).toBeUndefined();
      expect(spool.crcOf('0000000000000000', 1)).toBeUndefined();
    });

    it('refuses a record larger than the wire allows', () => {
      const spool = open(SIZES);
      const body = Buffer.alloc(LIMITS.recordInflatedBytes + 1);
      const draft = { kind: RECORD_KIND.EVENT, flags: 0, wallMs: 1, bootMs: 1, body };
      expect(() => spool.append(draft, { ticks: 0, samples: 0 })).toThrow(/at most/);
    });
  });

  describe('acknowledgement', () => {
    it('frees what was acknowledged, segment by segment', () => {
      const spool = open(SIZES);
      for (let i = 0; i < 25; i++) appendTick(spool, [cpu]);
      const { id, next } = currentEpoch(spool);
      const { bytesHeld } = spool.stats();
      spool.acknowledge(id, next - 1);
      expect(spool.stats().bytesHeld).toBeLessThan(bytesHeld);
      expect(spool.stats().oldestUnackedMs).toBeUndefined();
      expect(currentEpoch(spool)).toMatchObject({ next, acked: next - 1 });
    });

    it('never takes back an acknowledgement nor one for numbers that do not exist', () => {
      const spool = open(SIZES);
      for (let i = 0; i < 3; i++) appendTick(spool, [cpu]);
      const { id } = currentEpoch(spool);
      spool.acknowledge(id, 3);
      spool.acknowledge(id, 2);
      expect(currentEpoch(spool).acked).toBe(3);
      spool.acknowledge(id, 99);
      expect(currentEpoch(spool).acked).toBe(4);
    });

    it('declares a rollback when asked for what it freed', () => {
      const spool = open(SIZES);
      for (let i = 0; i < 25; i++) appendTick(spool, [cpu]);
      const { id, next } = currentEpoch(spool);
      spool.acknowledge(id, next - 1);
      const { first } = currentEpoch(spool);
      const [gap, ...rest] = readAll(spool, id, 3);
      expect(gap).toMatchObject({ seq: 3, to: first - 1, gap: { reason: GAP_REASON.COLLECTOR_ROLLBACK } });
      expect(unreadable(rest)).toEqual([]);
    });
  });

  describe('giving up a record', () => {
    it('replaces it by a gap with exact counts', () => {
      const spool = open(SIZES);
      for (let i = 0; i < 4; i++) appendTick(spool, [cpu]);
      const { id } = currentEpoch(spool);
      spool.giveUp({ epochId: id, seq: 3, reason: GAP_REASON.POISON });
      spool.giveUp({ epochId: id, seq: 77, reason: GAP_REASON.POISON });
      const records = readAll(spool, id, 1);
      expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
      const gap = {
        to: 3,
        reason: GAP_REASON.POISON,
        ticksThrough: 2,
        samplesThrough: 40,
        isEstimated: false,
      };
      expect(records[2]?.gap).toMatchObject(gap);
      expect(spool.stats().samplesDropped).toBe(20);
    });
  });

  describe('a new epoch', () => {
    it('takes along what is above the mark, with the schemas it needs', () => {
      const spool = open(SIZES);
      for (let i = 0; i < 6; i++) appendTick(spool, [cpu], START_MS + i);
      const old = currentEpoch(spool);
      spool.rotateEpoch({ epochId: old.id, rehomeAfter: 4 });
      const fresh = currentEpoch(spool);
      expect(fresh.id).not.toBe(old.id);
      expect(spool.epochs()).toHaveLength(1);
      const records = readAll(spool, fresh.id, 1);
      expect(unreadable(records)).toEqual([]);
      const walls = records.filter(({ kind }) => kind === RECORD_KIND.SAMPLES).map(({ wallMs }) => wallMs);
      expect(walls).toEqual([START_MS + 3, START_MS + 4, START_MS + 5]);
    });

    it('takes along gaps with exact counts', () => {
      const spool = open(SIZES);
      for (let i = 0; i < 100; i++) appendTick(spool, [cpu]);
      const old = currentEpoch(spool);
      spool.rotateEpoch({ epochId: old.id, rehomeAfter: 0 });
      const records = readAll(spool, currentEpoch(spool).id, 1);
      const ticksHeld = records.filter(({ kind }) => kind === RECORD_KIND.SAMPLES).length;
      const gap = {
        isEstimated: false,
        ticksThrough: 100 - ticksHeld,
        samplesThrough: 20 * (100 - ticksHeld),
      };
      expect(records[0]?.gap).toMatchObject(gap);
      expect(unreadable(records)).toEqual([]);
      appendTick(spool, [cpu]);
      expect(unreadable(readAll(spool, currentEpoch(spool).id, 1))).toEqual([]);
    });

    it('leaves an epoch that it does not hold alone', () => {
      const spool = open(SIZES);
      appendTick(spool, [cpu]);
      const before = spool.epochs();
      spool.rotateEpoch({ epochId: '0000000000000000', rehomeAfter: 0 });
      expect(spool.epochs()).toEqual(before);
    });
  });

  it('accounts for every number, held, acknowledged or in an exact gap, whatever happens', () => {
    const schemas = Array.from({ length: 12 }, (_unused, index) =>
      testSchema(index % 2 ? 'a' : 'b', index + 1),
    );
    const operation = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), at: fc.nat(11) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), at: fc.nat(100) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('giveUp' as const), at: fc.nat(100) }) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const spool = open({ segmentBytes: 1_024, maxBytes: 3_072 });
        const { id } = currentEpoch(spool);
        // Cumulative counts at each number, the plain model of an epoch.
        const through = [{ ticks: 0, samples: 0 }];
        for (const { kind, at } of operations) {
          const { next, acked } = currentEpoch(spool);
          const share = acked + Math.floor(((next - 1 - acked) * at) / 100);
          const schema = schemas[at];
          if (kind === 'acknowledge') spool.acknowledge(id, share);
          else if (kind === 'giveUp') giveUpTick(spool, share);
          else if (schema !== undefined) appendTick(spool, [schema]);
          noteCounts(spool, through);
          expect(conservationFaults(spool, through)).toEqual([]);
        }
      }),
      { numRuns: 40 },
    );
  });
}

/** Gives up the record if it is a tick; without a schema record the ticks behind it could not be read. */
function giveUpTick(spool: Spool, seq: number): void {
  const { id, first } = currentEpoch(spool);
  if (seq < first || readAll(spool, id, seq)[0]?.kind !== RECORD_KIND.SAMPLES) return;
  spool.giveUp({ epochId: id, seq, reason: GAP_REASON.POISON });
}

/** Extends the model: what an append added stands in its last record, the schema records before it count nothing. */
function noteCounts(spool: Spool, through: { ticks: number; samples: number }[]): void {
  const { id, next } = currentEpoch(spool);
  const before = through.at(-1) ?? { ticks: 0, samples: 0 };
  const added = readAll(spool, id, through.length);
  while (through.length < next) through.push(before);
  const last = added.at(-1);
  if (last === undefined) return;
  const numbers = new Map(
    readAll(spool, id, currentEpoch(spool).first)
      .filter(isSchema)
      .map(({ body }) => {
        const { number, schema } = decodeSchemaBody(body);
        return [number, schema] as const;
      }),
  );
  const samples = decodeSamples(last.body, (number) => numbers.get(number)).reduce(
    (sum, block) => sum + (block.kind === 'values' ? block.values.length : 0),
    0,
  );
  through[next - 1] = { ticks: before.ticks + 1, samples: before.samples + samples };
}

/** What is wrong with the account of the epoch; empty when each number from the watermark on stands in it once. */
function conservationFaults(
  spool: Spool,
  through: readonly { readonly ticks: number; readonly samples: number }[],
): string[] {
  const { id, next, acked, first } = currentEpoch(spool);
  const faults: string[] = [];
  let seq = acked + 1;
  for (const record of readAll(spool, id, seq)) {
    if (record.seq !== seq) faults.push(`record ${record.seq} where ${seq} belongs`);
    const { gap, to } = record;
    const isExact =
      gap === undefined ||
      (!gap.isEstimated &&
        gap.ticksThrough === through[to]?.ticks &&
        gap.samplesThrough === through[to]?.samples);
    if (!isExact) faults.push(`gap ${seq} to ${to} has wrong counts`);
    seq = to + 1;
  }
  if (seq !== next) faults.push(`ends in front of ${seq}, next is ${next}`);
  if (spool.stats().bytesHeld > spool.stats().bytesMax) faults.push('holds more than its bound');
  return [...faults, ...unreadable(readAll(spool, id, first))];
}

/** The blocks whose schema does not stand in front of them. */
function unreadable(records: readonly ReadRecord[]): string[] {
  const schemas = new Map<number, HashedSchema>();
  const faults: string[] = [];
  for (const { seq, kind, body } of records) {
    if (kind === RECORD_KIND.SCHEMA) {
      const { number, schema } = decodeSchemaBody(body);
      schemas.set(number, schema);
    }
    if (kind !== RECORD_KIND.SAMPLES) continue;
    for (const block of decodeSamples(body, (number) => schemas.get(number))) {
      if (block.kind === 'unknown') faults.push(`record ${seq} needs schema ${block.schemaNumber}`);
    }
  }
  return faults;
}

function isSchema({ kind }: ReadRecord): boolean {
  return kind === RECORD_KIND.SCHEMA;
}
