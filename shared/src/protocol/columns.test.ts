import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../lib/varint.ts';
import { arbitraryTick } from '../testing/arbitrary.ts';
import { mutate, seededRandom } from '../testing/mutate.ts';
import { thrownCode } from '../testing/thrown.ts';
import { EXAMPLE_SCHEMA } from '../testing/wire-examples.ts';
import { fromColumns, toColumns } from './columns.ts';
import { columnLayout } from './layouts.ts';
import { LIMITS } from './limits.ts';
import { encodeRecord, RECORD_HEADER_BYTES, RECORD_KIND } from './record.ts';
import { encodeSamples, type FailedBlock, type Layout, type ValuesBlock } from './samples.ts';
import { createSchema, type HashedSchema } from './schema.ts';

type Block = ValuesBlock | FailedBlock;

/** A record as `inflateRecord` gives it. */
function recordOf(kind: number, body: Uint8Array, seq: number, wallMs = seq * 10_000): Buffer {
  return encodeRecord(
    { kind, flags: seq % 16, wallMs, bootMs: seq * 9_999, body, compressMinBytes: 1e9 },
    seq,
  );
}

function tickOf(blocks: readonly Block[], seq: number): Buffer {
  const writer = new ByteWriter();
  encodeSamples(writer, blocks);
  return recordOf(RECORD_KIND.SAMPLES, writer.view(), seq);
}

function layoutsOf(blocks: readonly Block[]): Map<number, Layout> {
  return new Map(
    blocks.flatMap((block) =>
      block.kind === 'values' ? [[block.schemaNumber, columnLayout(block.schema)]] : [],
    ),
  );
}

function allOf(
  values: readonly number[],
  schema: HashedSchema = EXAMPLE_SCHEMA,
  schemaNumber = 1,
): ValuesBlock {
  const rest = { kind: 'values', offsetMs: 0, present: undefined, errors: [] } as const;
  return { ...rest, schemaNumber, schema, values: Float64Array.from(values) };
}

function gauges(count: number): HashedSchema {
  const series = Array.from({ length: count }, (_unused, i) => [`${i}`.padStart(6, '0')]);
  const rest = { name: 'm', unit: '', type: 'gauge', encoding: 'integer', scale: 0 } as const;
  return createSchema({
    sampler: 'test',
    intervalMs: 1_000,
    metrics: [{ ...rest, labelNames: ['i'], series }],
  });
}

/** A batch with one table of 2 × 1 in front of `count` records. */
function claim(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  write(writer);
  return writer.copy();
}

describe('columns', () => {
  it('come back as the very bytes of the records, whatever there was in them', () => {
    // Ticks of one epoch: all samplers, then some of them, values that stay or jump, gaps, other schemas in between.
    const batch = fc.tuple(
      arbitraryTick.chain((blocks) =>
        fc.record({
          blocks: fc.constant(blocks),
          known: fc.subarray([1, 2, 3, 4, 5]),
          ticks: fc.array(fc.subarray([0, 1, 2, 3, 4], { minLength: 1 }), { minLength: 1, maxLength: 12 }),
        }),
      ),
      fc.array(arbitraryTick, { maxLength: 3 }),
      fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(batch, ([{ blocks, known, ticks }, others, events]) => {
        const bodies: (readonly Block[])[] = ticks.map((tick) => tick.flatMap((i) => blocks[i] ?? []));
        // The same numbers do not come back with other schemas, so these have numbers of their own.
        const renumbered = others.map((tick, i) =>
          tick.map((block) => ({ ...block, schemaNumber: block.schemaNumber + 10 * (i + 1) })),
        );
        const records = [...bodies, ...renumbered]
          .filter((tick) => tick.length > 0)
          .map((tick, i) => tickOf(tick, 3 + 2 * i));
        for (const [i, event] of events.entries()) records.splice(i, 0, recordOf(4, event, 900 + i, 0));
        const layouts = layoutsOf([...blocks.filter((_, i) => known.includes(i + 1)), ...renumbered.flat()]);
        fc.pre(records.length > 0);
        const columns = toColumns(records, (schemaNumber) => layouts.get(schemaNumber));
        expect(columns).toBeDefined();
        const back = fromColumns(columns ?? Buffer.alloc(0), records.length);
        expect(back.equals(Buffer.concat(records))).toBe(true);
      }),
    );
  });

  it('take a tenth of the values where these stand still or rise steadily', () => {
    const schema = gauges(100);
    const records = Array.from({ length: 60 }, (_unused, tick) =>
      tickOf(
        [
          allOf(
            Array.from({ length: 100 }, (_zero, i) => i * (1e6 + tick)),
            schema,
          ),
        ],
        tick + 1,
      ),
    );
    const layout = columnLayout(schema);
    expect(toColumns(records, () => layout)?.length).toBeLessThan((60 * 100) / 4);
  });

  it('are not made of what is no samples body, or of more values than a batch may have', () => {
    const layout = columnLayout(EXAMPLE_SCHEMA);
    const good = tickOf([allOf([1, 2, 3, 4, 5])], 1);
    expect(toColumns([good], () => layout)).toBeDefined();
    const spoil = (change: (body: Buffer) => Buffer): Buffer =>
      recordOf(RECORD_KIND.SAMPLES, change(Buffer.from(good.subarray(RECORD_HEADER_BYTES))), 1);
    const cut = spoil((body) => body.subarray(0, -1));
    const longer = spoil((body) => Buffer.concat([body, Buffer.of(0)]));
    const tooMany = spoil((body) => Buffer.concat([Buffer.of(65), body.subarray(1)]));
    const none = spoil(() => Buffer.of(0));
    // Behind the count, the number, the length, the flags and the offset: infinity.
    const infinite = spoil((body) => Buffer.concat([body.subarray(0, 5), Buffer.of(0x06, 0x7f, 0xf0)]));
    for (const record of [cut, longer, tooMany, none, infinite])
      expect(toColumns([good, record], () => layout)).toBeUndefined();
    const wide = gauges(LIMITS.seriesPerSchema);
    const zeros = allOf(Array<number>(LIMITS.seriesPerSchema).fill(0), wide);
    const many = Array.from({ length: 132 }, (_unused, i) => tickOf([zeros], i + 1));
    const wideLayout = columnLayout(wide);
    expect(toColumns(many.slice(0, 131), () => wideLayout)).toBeDefined();
    expect(toColumns(many, () => wideLayout)).toBeUndefined();
  });

  it.each([
    ['nothing', () => {}],
    ['more tables than schemas in an epoch', (w: ByteWriter) => w.varint(LIMITS.schemasPerEpoch + 1)],
    ['a table without rows', (w: ByteWriter) => [1, 1, 0, 1, 2].forEach((value) => w.varint(value))],
    ['a metric without series', (w: ByteWriter) => [1, 1, 1, 1, 1].forEach((value) => w.varint(value))],
    [
      'a schema number too large',
      (w: ByteWriter) => [1, 65_536, 1, 1, 2].forEach((value) => w.varint(value)),
    ],
    ['more rows than blocks', (w: ByteWriter) => [1, 1, 16_385, 1, 2].forEach((value) => w.varint(value))],
    ['more series than a host', (w: ByteWriter) => [1, 1, 1, 1, 20_002].forEach((value) => w.varint(value))],
    [
      'more values than a batch',
      (w: ByteWriter) => [1, 1, 27, 1, 20_000].forEach((value) => w.varint(value)),
    ],
    [
      'a row that no record takes',
      (w: ByteWriter) => w.bytes(batchOf([1, 1, 1, 1, 2], [0, 0], [4, 0, 0, 0, 0, 0, 0])),
    ],
    ['a row that is not there', (w: ByteWriter) => w.bytes(batchOf([0], [], [1, 0, 0, 0, 0, 1, 1, 1, 0]))],
    ['a number below 0', (w: ByteWriter) => w.bytes(batchOf([0], [], [4, 0, 3, 0, 0, 0, 0]))],
    ['a kind that is no byte', (w: ByteWriter) => w.bytes(batchOf([0], [], [256, 0, 0, 0, 0, 0, 0]))],
    ['flags that are no two bytes', (w: ByteWriter) => w.bytes(batchOf([0], [], [4, 65_536, 0, 0, 0, 0, 0]))],
    ['bytes left over', (w: ByteWriter) => w.bytes(batchOf([0], [], [4, 0, 0, 0, 0, 0, 0, 0]))],
    [
      'a failed block in a table',
      (w: ByteWriter) => w.bytes(batchOf([1, 1, 1, 1, 2], [0, 0], [1, 0, 0, 0, 0, 1, 1, 2, 0, 1])),
    ],
  ] as const)('are refused with %s', (_what, write) => {
    expect(thrownCode(() => fromColumns(claim(write), 1))).toBe('RECORD_UNDECODABLE');
  });

  it('are read with one record, one table and one value', () => {
    const bytes = batchOf([1, 7, 1, 1, 2], [0, 42], [1, 0, 0, 0, 0, 1, 1, 1, 0]);
    const body = Buffer.of(1, 7, 3, 1, 0, 42);
    const header = Buffer.from('06000000ffffffff0100000006000000010000000000', 'hex');
    expect(fromColumns(bytes, 1)).toEqual(Buffer.concat([header, Buffer.alloc(12), body]));
  });

  it('are refused when they grow beyond what a batch may hold', () => {
    // A body of 100,000 bytes in each of six records.
    const writer = new ByteWriter();
    writer.varint(0);
    writer.bytes(Buffer.alloc(4 * 6));
    for (let i = 0; i < 6; i++) {
      for (const value of [4, 0, 0, 0, 0, 0, 100_000]) writer.varint(value);
      writer.bytes(Buffer.alloc(100_000));
    }
    expect(thrownCode(() => fromColumns(writer.view(), 6))).toBe('RECORD_UNDECODABLE');
  });

  it('with small changes are read or refused', () => {
    const random = seededRandom(76);
    const layout = columnLayout(EXAMPLE_SCHEMA);
    const records = Array.from({ length: 9 }, (_unused, i) =>
      tickOf([allOf([i / 3, 20.5, i * i, 1e9 + i * 1e5, -i])], i + 1),
    );
    const bytes = toColumns(records, () => layout) ?? Buffer.alloc(0);
    const outcomes = new Set<string | undefined>();
    for (let i = 0; i < 2_000; i++) {
      outcomes.add(thrownCode(() => fromColumns(mutate(bytes, bytes, random), records.length)));
    }
    expect(outcomes).toEqual(new Set([undefined, 'RECORD_UNDECODABLE']));
  });
});

/** Tables, columns, a checksum of ones and one record. */
function batchOf(tables: readonly number[], columns: readonly number[], record: readonly number[]): Buffer {
  return claim((writer) => {
    for (const value of tables) writer.varint(value);
    for (const value of columns) writer.varint(value);
    writer.u32(0xffff_ffff);
    for (const value of record) writer.varint(value);
  });
}
