import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutate, seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import { STATE } from '../blocks/block.ts';
import type { BlockHeader } from './block-file.ts';
import type { Column, GroupColumns } from './group.ts';
import { BlockReader } from './reader.ts';
import { openBlock, sourceOf, writeBlock } from './testing/memory-file.ts';

const FROM_MS = Date.UTC(2026, 0, 1);
const RAW: BlockHeader = { resolution: 'raw', fromMs: FROM_MS, toMs: FROM_MS + 3_600_000 };
const HOST = 'a'.repeat(32);
const SCHEMA = '1'.repeat(64);

/** A group of one raw column per array; undefined stands for an absent row. */
function rawGroup(columns: readonly (readonly (number | undefined)[])[], hostId = HOST): GroupColumns {
  const rowCount = columns[0]?.length ?? 0;
  return {
    hostId,
    schemaHash: SCHEMA,
    timesMs: Float64Array.from({ length: rowCount }, (_, i) => FROM_MS + i * 1_000),
    columns: columns.map((values) => ({
      states: values.includes(undefined)
        ? Uint8Array.from(values, (value) => (value === undefined ? STATE.ABSENT : STATE.PRESENT))
        : undefined,
      streams: [Float64Array.from(values, (value) => value ?? 0)],
    })),
  };
}

/** What a reader gives for a raw column: undefined for absent, 'stale', or the value. */
function rows(reader: BlockReader, index: number, hostId = HOST): unknown[] {
  const group = reader.groups(hostId)[0];
  if (group === undefined) return [];
  const column = reader.column(group, index);
  return Array.from(column?.values ?? [], (value, i) => {
    const state = column?.states?.[i] ?? STATE.PRESENT;
    return state === STATE.PRESENT ? value : state === STATE.STALE ? 'stale' : undefined;
  });
}

const HOSTILE_NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.1,
  0.3,
  1e-15,
  123456.789,
  2 ** 31,
  2 ** 51,
  2 ** 52,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53),
  1e15,
  1e22,
  1e300,
  5e-324,
  2.2e-308,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1_767_225_600.123,
  1_767_225_600.123_456_7,
];

const number = fc.oneof(
  fc.constantFrom(...HOSTILE_NUMBERS),
  fc.double(),
  fc.integer(),
  fc.integer({ min: -50, max: 50 }).map((value) => value / 100),
);
/** Columns as they occur: anything, counters, constants, decimals that wander. */
const values = (length: number): fc.Arbitrary<number[]> =>
  fc.oneof(
    fc.array(number, { minLength: length, maxLength: length }),
    number.map((value) => Array.from({ length }, () => value)),
    fc
      .tuple(number, fc.array(fc.nat(1_000_000), { minLength: length, maxLength: length }), fc.nat(6))
      .map(([start, steps, scale]) => {
        let sum = Number.isFinite(start) ? Math.round(start % 1e9) : 0;
        return steps.map((step) => (sum += step) / 10 ** scale);
      }),
  );
const states = (length: number): fc.Arbitrary<Uint8Array | undefined> =>
  fc.option(
    fc
      .array(fc.constantFrom(0, 1, 1, 1, 2), { minLength: length, maxLength: length })
      .map((list) => Uint8Array.from(list)),
    { nil: undefined },
  );
const column = (length: number): fc.Arbitrary<Column> =>
  fc.record({ states: states(length), streams: values(length).map((list) => [Float64Array.from(list)]) });
const group = fc.integer({ min: 1, max: 40 }).chain((length) =>
  fc.record({
    hostId: fc.constantFrom('a', 'b', 'c').map((letter) => letter.repeat(32)),
    schemaHash: fc.constantFrom('1', '2', '3').map((digit) => digit.repeat(64)),
    timesMs: fc.uniqueArray(fc.nat(3_599_999), { minLength: length, maxLength: length }).map((list) =>
      Float64Array.from(
        list.sort((left, right) => left - right),
        (ms) => FROM_MS + ms,
      ),
    ),
    columns: fc.array(column(length), { minLength: 1, maxLength: 5 }),
  }),
);
const groups = fc
  .uniqueArray(group, { maxLength: 6, selector: ({ hostId, schemaHash }) => hostId + schemaHash })
  .map((list) =>
    list.toSorted((left, right) => (left.hostId < right.hostId ? -1 : left.hostId > right.hostId ? 1 : 0)),
  );

describe('a block file', () => {
  it('gives back exactly what was written', () => {
    fc.assert(
      fc.property(groups, (written) => {
        const { bytes, summary } = writeBlock(RAW, written);
        expect(summary.sizeBytes).toBe(bytes.length);
        const reader = openBlock(bytes);
        expect(reader.checksum).toBe(summary.checksum);
        for (const { hostId, schemaHash, timesMs, columns } of written) {
          const found = reader.groups(hostId).find((candidate) => candidate.schemaHash === schemaHash);
          if (found === undefined) throw new Error('group is missing');
          expect(found).toMatchObject({
            rowCount: timesMs.length,
            firstMs: timesMs[0],
            lastMs: timesMs.at(-1),
          });
          expect(reader.times(found)).toEqual(timesMs);
          columns.forEach(({ states: wanted, streams }, index) => {
            const got = reader.column(found, index);
            const stateOf = (row: number): number => wanted?.[row] ?? STATE.PRESENT;
            expect(Array.from(timesMs, (_, row) => got?.states?.[row] ?? STATE.PRESENT)).toEqual(
              Array.from(timesMs, (_, row) => stateOf(row)),
            );
            // toEqual tells -0 from 0.
            expect(Array.from(got?.values ?? [])).toEqual(
              Array.from(timesMs, (_, row) =>
                stateOf(row) === STATE.PRESENT ? streams[0]?.[row] : Number.NaN,
              ),
            );
          });
        }
        for (const damages of reader.verify()) expect(damages).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    [
      'NaN, infinities and negative zero',
      [Number.NaN, Number.POSITIVE_INFINITY, -0, 0, Number.NEGATIVE_INFINITY],
    ],
    ['the edges of exact integers', [2 ** 53, -(2 ** 53), 2 ** 52, -(2 ** 52), 2 ** 53 - 1]],
    ['the smallest numbers', [5e-324, -5e-324, 2.2e-308, 0]],
    ['seconds with fractions', [1_767_225_600.123, 1_767_225_601.128, 1_767_225_602.123_456_7]],
    ['many decimals', [0.000_025_843, 0.1, 123.456_789_012, 1e-15]],
    ['absent rows', [undefined, 1, undefined, undefined, 2]],
    ['only absent rows', [undefined, undefined]],
    ['a single row', [42]],
  ])('keeps %s', (_, list) => {
    const { bytes } = writeBlock(RAW, [rawGroup([list])]);
    expect(rows(openBlock(bytes), 0)).toEqual(list);
  });

  it('keeps stale markers apart from values', () => {
    const timesMs = Float64Array.of(FROM_MS, FROM_MS + 1, FROM_MS + 2);
    const states = Uint8Array.of(STATE.PRESENT, STATE.STALE, STATE.ABSENT);
    const { bytes, summary } = writeBlock(RAW, [
      {
        hostId: HOST,
        schemaHash: SCHEMA,
        timesMs,
        columns: [{ states, streams: [Float64Array.of(1, 2, 3)] }],
      },
    ]);
    expect(rows(openBlock(bytes), 0)).toEqual([1, 'stale', undefined]);
    expect(summary.sampleCount).toBe(2);
  });

  it('keeps the streams of a rollup, and tells a stream that a column does not have', () => {
    const timesMs = Float64Array.of(FROM_MS, FROM_MS + 300_000);
    const streams = [1, 2, 3, 4, 5].map((value) => Float64Array.of(value, value + 1));
    const { bytes } = writeBlock({ ...RAW, resolution: '5m' }, [
      {
        hostId: HOST,
        schemaHash: SCHEMA,
        timesMs,
        columns: [{ states: undefined, streams: [...streams, undefined] }],
      },
    ]);
    const reader = openBlock(bytes);
    const [found] = reader.groups(HOST);
    if (found === undefined) throw new Error('group is missing');
    expect(reader.column(found, 0, 4)?.values).toEqual(Float64Array.of(5, 6));
    expect(reader.column(found, 0, 5)).toBeUndefined();
  });

  it('may be empty', () => {
    const { bytes, summary } = writeBlock(RAW, []);
    expect(summary).toMatchObject({ sampleCount: 0, hostCount: 0, firstMs: undefined });
    expect([...openBlock(bytes).hostIds()]).toEqual([]);
  });

  it('holds several groups of a host and schema, one after another in time', () => {
    const first = rawGroup([[1, 2]]);
    const second = { ...rawGroup([[3, 4]]), timesMs: Float64Array.of(FROM_MS + 5_000, FROM_MS + 6_000) };
    const reader = openBlock(writeBlock(RAW, [first, second]).bytes);
    const values = reader.groups(HOST).map((found) => [...(reader.column(found, 0)?.values ?? [])]);
    expect(values).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(() => writeBlock(RAW, [second, first])).toThrow('times are whole and rise');
  });

  it.each([
    ['hosts out of order', 'order of their ids', [rawGroup([[1]], 'b'.repeat(32)), rawGroup([[1]])]],
    [
      'a time outside of the window',
      'lie in the window',
      [{ ...rawGroup([[1]]), timesMs: Float64Array.of(RAW.toMs) }],
    ],
    [
      'a time with a fraction',
      'times are whole',
      [{ ...rawGroup([[1]]), timesMs: Float64Array.of(FROM_MS + 0.5) }],
    ],
    ['no rows', 'rows within', [rawGroup([[]])]],
    ['no columns', 'columns within', [{ ...rawGroup([[1]]), columns: [] }]],
    ['a host id of another kind', '32 hexadecimal', [rawGroup([[1]], 'web-1')]],
  ])('is not written with %s', (_, message, list) => {
    expect(() => writeBlock(RAW, list)).toThrow(message);
  });

  it('is read in pieces: one column of many does not bring the whole host', () => {
    const random = seededRandom(1);
    const columns = Array.from({ length: 600 }, () => Array.from({ length: 150 }, () => random()));
    const { bytes } = writeBlock(RAW, [rawGroup(columns)]);
    const source = sourceOf(bytes);
    const reader = new BlockReader(source, 'test.block');
    const [found] = reader.groups(HOST);
    if (found === undefined) throw new Error('group is missing');
    expect(reader.column(found, 50)?.values).toEqual(Float64Array.from(columns[50] ?? []));
    expect(source.bytesRead).toBeLessThan(bytes.length / 4);
  });
});

describe('a damaged block file', () => {
  const random = seededRandom(7);
  const many = Array.from({ length: 200 }, () => Array.from({ length: 150 }, () => random()));
  const { bytes } = writeBlock(RAW, [rawGroup(many), rawGroup(many, 'b'.repeat(32))]);

  it('loses only the columns that the damage hits, and names them', () => {
    const broken = Buffer.from(bytes);
    const at = Math.floor(bytes.length * 0.95);
    broken[at] = (broken[at] ?? 0) ^ 1;
    const reader = openBlock(broken);
    const damages = [...reader.verify()].flat();
    expect(damages.length).toBeGreaterThan(0);
    expect(damages.length).toBeLessThan(many.length);
    for (const { code, place } of damages) {
      expect(code).toBe('BLOCK_DAMAGED');
      expect(place).toMatchObject({ file: 'test.block', hostId: 'b'.repeat(32), schemaHash: SCHEMA });
    }
    const [found] = reader.groups('b'.repeat(32));
    if (found === undefined) throw new Error('group is missing');
    const lost = new Set(damages.map(({ place }) => place.column));
    many.forEach((list, index) => {
      const code = thrownCode(() => {
        expect(reader.column(found, index)?.values).toEqual(Float64Array.from(list));
      });
      expect(code).toBe(lost.has(index) ? 'BLOCK_DAMAGED' : undefined);
    });
  });

  it.each([0, 1, 25, 26, 70, 1_000, 100_000])('is refused when only %i bytes of it are there', (length) => {
    expect(thrownCode(() => openBlock(bytes.subarray(0, length)))).toBe('BLOCK_DAMAGED');
  });

  it('is never read wrongly: any change is found', () => {
    const small = writeBlock(RAW, [
      rawGroup([
        [1, 2, 3],
        [0.5, undefined, 7],
      ]),
    ]).bytes;
    for (let at = 0; at < small.length; at++) {
      const broken = Buffer.from(small);
      broken[at] = (broken[at] ?? 0) ^ (1 << (at % 8));
      const code = thrownCode(() => {
        const [first] = [...openBlock(broken).verify()].flat();
        if (first !== undefined) throw first;
      });
      expect(code, `byte ${at}`).toBe('BLOCK_DAMAGED');
    }
  });

  it('throws nothing else, whatever was done to it', () => {
    const small = writeBlock(RAW, [
      rawGroup([
        [1, 2, 3],
        [0.5, undefined, 7],
      ]),
    ]).bytes;
    for (let seed = 0; seed < 300; seed++) {
      const broken = mutate(small, bytes, seededRandom(seed));
      const code = thrownCode(() => {
        for (const damages of openBlock(broken).verify()) void damages;
      });
      expect([undefined, 'BLOCK_DAMAGED', 'DATABASE_TOO_NEW'], `seed ${seed}`).toContain(code);
    }
  });
});
