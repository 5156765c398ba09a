import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../lib/varint.ts';
import { arbitraryTick } from '../testing/arbitrary.ts';
import { thrownCode } from '../testing/thrown.ts';
import { LIMITS } from './limits.ts';
import {
  decodeIntoColumns,
  decodeSamples,
  encodeSamples,
  fitsInteger,
  type FailedBlock,
  type UnknownBlock,
  type ValuesBlock,
} from './samples.ts';
import { createSchema, type HashedSchema, type ValueEncoding } from './schema.ts';

type Block = ValuesBlock | FailedBlock;

function encoded(blocks: readonly Block[]): Buffer {
  const writer = new ByteWriter(8);
  encodeSamples(writer, blocks);
  return writer.copy();
}

/** Decodes with the schemas of `blocks`. */
function decoded(body: Buffer, blocks: readonly Block[]): (Block | UnknownBlock)[] {
  const schemas = new Map(
    blocks.map((block) => [block.schemaNumber, block.kind === 'values' ? block.schema : EMPTY]),
  );
  return decodeSamples(body, (schemaNumber) => schemas.get(schemaNumber));
}

/** What is decoded into columns of two rows, of which the first one is filled; -1 stands where nothing is written. */
function inColumns(body: Buffer, blocks: readonly Block[]) {
  const schemas = new Map(
    blocks.map((block) => [block.schemaNumber, block.kind === 'values' ? block.schema : EMPTY]),
  );
  const rows: { values: Float64Array; row: object }[] = [];
  decodeIntoColumns(
    body,
    (schemaNumber) => schemas.get(schemaNumber),
    (schemaNumber, offsetMs, present) => {
      const values = new Float64Array((schemas.get(schemaNumber)?.seriesCount ?? 0) * 2).fill(-1);
      rows.push({ values, row: { schemaNumber, offsetMs, present } });
      return { values, at: 1, step: 2 };
    },
  );
  return rows.map(({ values, row }) => {
    expect(values.filter((_, at) => at % 2 === 0).every((value) => value === -1)).toBe(true);
    return { ...row, values: Array.from(values.filter((_, at) => at % 2 === 1)) };
  });
}

const EMPTY = createSchema({ sampler: 'empty', intervalMs: 1_000, metrics: [] });

function gauges(count: number, encoding: ValueEncoding = 'float64', scale = 0): HashedSchema {
  const series = Array.from({ length: count }, (_unused, i) => [`${i}`.padStart(6, '0')]);
  const metric = { name: 'm', unit: '', type: 'gauge', encoding, scale, labelNames: ['i'], series } as const;
  return createSchema({ sampler: 'test', intervalMs: 1_000, metrics: [metric] });
}

function blockOf(schema: HashedSchema, values: readonly number[], schemaNumber = 1): ValuesBlock {
  return {
    kind: 'values',
    schemaNumber,
    schema,
    offsetMs: 0,
    values: Float64Array.from(values),
    present: undefined,
    errors: [],
  };
}

describe('samples', () => {
  it('come back as they were, negative zeros and absent columns included', () => {
    fc.assert(
      fc.property(arbitraryTick, (blocks) => {
        const read = decoded(encoded(blocks), blocks);
        expect(read).toEqual(
          blocks.map((block) => (block.kind === 'values' ? withPlainZeros(block) : block)),
        );
        blocks.forEach((block, i) => {
          const other = read[i];
          if (block.kind !== 'values' || other?.kind !== 'values') return;
          expect(isIdentical(withPlainZeros(block).values, other.values)).toBe(true);
        });
      }),
    );
  });

  it('can be told from one block to the next after an unknown one', () => {
    const schema = gauges(3);
    const blocks = [
      blockOf(schema, [1, 2, 3], 1),
      blockOf(schema, [4, 5, 6], 2),
      blockOf(schema, [7, 8, 9], 3),
    ];
    const read = decodeSamples(encoded(blocks), (number) => (number === 2 ? undefined : schema));
    expect(read).toMatchObject([blocks[0], { kind: 'unknown', schemaNumber: 2 }, blocks[2]]);
  });

  it('are the same in columns, one row per block with values', () => {
    fc.assert(
      fc.property(arbitraryTick, (blocks) => {
        const body = encoded(blocks);
        expect(inColumns(body, blocks)).toEqual(
          decoded(body, blocks).flatMap((block) =>
            block.kind === 'values'
              ? [
                  {
                    schemaNumber: block.schemaNumber,
                    offsetMs: block.offsetMs,
                    values: Array.from(block.values, (value, i) => (block.present?.[i] === 0 ? -1 : value)),
                    present: block.present,
                  },
                ]
              : [],
          ),
        );
      }),
    );
  });

  it('of all blocks together are as many in columns, too', () => {
    const schema = gauges(2_000);
    const blocks = Array.from({ length: 6 }, (_unused, i) =>
      blockOf(schema, Array<number>(2_000).fill(1), i + 1),
    );
    expect(inColumns(encoded(blocks), blocks)).toHaveLength(5);
  });

  it('of all blocks together are as many as an agent may have series; the rest is told as unknown', () => {
    const schema = gauges(2_000);
    const blocks = Array.from({ length: 6 }, (_unused, i) =>
      blockOf(schema, Array<number>(2_000).fill(1), i + 1),
    );
    const kinds = decodeSamples(encoded(blocks), () => schema).map(({ kind }) => kind);
    expect(kinds).toEqual(['values', 'values', 'values', 'values', 'values', 'unknown']);
  });

  it('take a byte each when they do not change', () => {
    expect(encoded([blockOf(gauges(100), Array<number>(100).fill(7.5))]).length).toBeLessThan(115);
    expect(encoded([blockOf(gauges(100, 'integer'), Array<number>(100).fill(75))]).length).toBeLessThan(115);
  });

  it('with decimals come back as the nearest double', () => {
    const schema = gauges(3, 'integer', 2);
    const [block] = decodeSamples(encoded([blockOf(schema, [0.07, 1.1, -123_456.78])]), () => schema);
    expect(block).toMatchObject({ values: Float64Array.of(0.07, 1.1, -123_456.78) });
  });

  it.each([
    ['no blocks', []],
    ['too many blocks', Array.from({ length: 65 }, (_unused, i): FailedBlock => failed(i + 1))],
  ])('with %s are refused', (_name, blocks) => {
    const writer = new ByteWriter();
    writer.varint(blocks.length);
    for (const { schemaNumber } of blocks) writer.bytes(Uint8Array.of(schemaNumber, 3, 2, 0, 1));
    expect(thrownCode(() => decodeSamples(writer.copy(), () => EMPTY))).toBe('RECORD_UNDECODABLE');
  });

  it('of too many blocks are not written', () => {
    const blocks = Array.from({ length: LIMITS.blocksPerRecord + 1 }, (_unused, i) => failed(i + 1));
    expect(thrownCode(() => encoded(blocks))).toBe('LIMIT_EXCEEDED');
    expect(decoded(encoded(blocks.slice(1)), blocks)).toEqual(blocks.slice(1));
  });

  it.each<readonly [string, ValueEncoding, number]>([
    ['NaN as a float', 'float64', Number.NaN],
    ['infinity as a float', 'float64', Infinity],
    ['NaN as an integer', 'integer', Number.NaN],
    ['infinity as an integer', 'integer', -Infinity],
    ['2^52 as an integer', 'integer', 2 ** 52],
  ])('cannot be written with %s', (_name, encoding, value) => {
    expect(thrownCode(() => encoded([blockOf(gauges(1, encoding), [value])]))).toBe('RECORD_UNDECODABLE');
  });

  it('that do not match their schema are a bug', () => {
    expect(() => encoded([blockOf(gauges(3), [1, 2])])).toThrow('one value per series');
    expect(() => encoded([{ ...blockOf(gauges(2), [1, 2]), present: Uint8Array.of(1) }])).toThrow(
      'one flag per series',
    );
  });

  // Number of blocks, schema number, length of the block, flags, offset 0, then what the flags promise.
  it.each<readonly [string, string]>([
    ['a block that ends before its declared length', '01 01 05 01 00 80 80 80'],
    ['a block that goes on after its declared length', '01 01 03 01 00 80 80'],
    ['a block beyond the end of the body', '01 01 7f 01 00 80 80'],
    ['bytes after the last block', '01 01 04 01 00 80 80 00'],
    ['unknown flags', '01 01 04 09 00 80 80'],
    ['a failed block with other flags', '01 01 03 03 00 01'],
    ['a failed block with something behind it', '01 01 04 02 00 01 00'],
    ['more errors than series', '01 01 08 05 00 03 00 01 01 01 80'],
    ['an error for a series that does not exist', '01 01 07 05 00 01 02 01 80 80'],
    ['a float of more than eight bytes', '01 01 04 01 00 47 80'],
    ['a float control byte of zeros only', '01 01 04 01 00 81 80'],
    ['a float that is infinite', '01 01 06 01 00 06 7f f0 80'],
    ['a float that is no number', '01 01 06 01 00 06 7f f8 80'],
    ['a bitmap that is cut', '01 01 02 00 00'],
    ['an empty block', '01 01 00'],
    ['nothing at all', ''],
  ])('with %s are refused', (_name, hex) => {
    const schema = gauges(2);
    expect(thrownCode(() => decodeSamples(Buffer.from(hex.replaceAll(' ', ''), 'hex'), () => schema))).toBe(
      'RECORD_UNDECODABLE',
    );
  });

  it('with an integer beyond the range are refused', () => {
    const schema = gauges(2, 'integer');
    const writer = new ByteWriter();
    writer.bytes(Uint8Array.of(1, 1));
    const start = writer.length;
    writer.bytes(Uint8Array.of(1, 0));
    writer.zigzag(2 ** 52 - 1);
    writer.zigzag(1);
    writer.prefixLength(start);
    expect(thrownCode(() => decodeSamples(writer.copy(), () => schema))).toBe('RECORD_UNDECODABLE');
  });
});

describe('fitsInteger', () => {
  it.each([
    [0.1, 1, true],
    [0.15, 1, false],
    [1e-9, 9, true],
    [2 ** 52 - 1, 0, true],
    [2 ** 52, 0, false],
    [-(2 ** 52 - 1), 0, true],
    [Number.NaN, 0, false],
    [Infinity, 0, false],
    [1e308, 9, false],
    [5e-324, 9, false],
  ])('of %d with %i decimals is %s', (value, scale, expected) => {
    expect(fitsInteger(value, scale)).toBe(expected);
  });
});

function failed(schemaNumber: number): FailedBlock {
  return { kind: 'failed', schemaNumber, offsetMs: 0, code: 1 };
}

/** Integers do not keep the sign of zero. */
function withPlainZeros(block: ValuesBlock): ValuesBlock {
  const encodings = block.schema.metrics.flatMap(({ encoding, series }) => series.map(() => encoding));
  return {
    ...block,
    values: block.values.map((value, i) => (encodings[i] === 'integer' ? value + 0 : value)),
  };
}

function isIdentical(left: Float64Array, right: Float64Array): boolean {
  return left.length === right.length && left.every((value, i) => Object.is(value, right[i]));
}
