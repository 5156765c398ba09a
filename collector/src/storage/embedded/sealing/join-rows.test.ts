import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { STATE } from '../blocks/block.ts';
import type { Column, GroupColumns } from '../format/group.ts';
import type { BlockReader } from '../format/reader.ts';
import { openBlock, writeBlock, writePacked } from '../format/testing/memory-file.ts';
import { GROUP_ROWS_MAX, joinRows, packRows, type RowSource } from './join-rows.ts';

const FROM_MS = Date.UTC(2026, 0, 1);
const RAW = { resolution: 'raw', fromMs: FROM_MS, toMs: FROM_MS + 10 * 86_400_000 } as const;
const FRAME = { hostId: 'a'.repeat(32), schemaHash: '1'.repeat(64) };
const ROWS = 120;

/** The groups of a block as sources. */
function sourcesOf(reader: BlockReader): RowSource[] {
  return reader.groups(FRAME.hostId).map((group) => ({
    timesMs: reader.times(group),
    segmentRows: group.segmentRows,
    packed: () => reader.packed(group),
    column(index): Column {
      const column = reader.column(group, index);
      return { states: column?.states, streams: [column?.values] };
    },
  }));
}

/** A block with one group from `startMs` on, a second between its rows. */
function blockOf(startMs: number, columns: readonly Column[], rowCount: number): BlockReader {
  const timesMs = Float64Array.from({ length: rowCount }, (_, row) => startMs + row * 1_000);
  const group: GroupColumns = { ...FRAME, timesMs, columns };
  return openBlock(writeBlock(RAW, [group]).bytes);
}

/** A block of what `packRows` makes of the sources. */
function packedBlock(sources: readonly RowSource[]): BlockReader {
  const rows = packRows(sources);
  if (rows === undefined) throw new Error('the sources can be packed');
  return openBlock(
    writePacked(
      RAW,
      rows.map((piece) => ({ ...FRAME, ...piece })),
    ),
  );
}

/** Times and columns as plain values; what is not present is told by its state only. */
function plain(
  sources: readonly { timesMs: Float64Array; column: (index: number) => Column }[],
  count: number,
) {
  return sources.map(({ timesMs, column }) => ({
    timesMs: [...timesMs],
    columns: Array.from({ length: count }, (_, index) => {
      const { states, streams } = column(index);
      return Array.from(timesMs, (_time, row) => {
        const state = states?.[row] ?? STATE.PRESENT;
        return state === STATE.PRESENT ? streams[0]?.[row] : ['absent', '', 'stale'][state];
      });
    }),
  }));
}

const cell = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 1e6 }) },
  { weight: 2, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.constantFrom('absent', 'stale') },
);
const oneColumn = fc.oneof(
  fc.array(cell, { minLength: ROWS, maxLength: ROWS }),
  fc.constantFrom(7, 'absent').map((value) => Array.from({ length: ROWS }, () => value)),
);
const oneHour = fc.tuple(oneColumn, oneColumn, oneColumn);

function toColumn(cells: readonly (number | string)[]): Column {
  const states = Uint8Array.from(cells, (one) =>
    one === 'absent' ? STATE.ABSENT : one === 'stale' ? STATE.STALE : STATE.PRESENT,
  );
  const values = Float64Array.from(cells, (one) => (typeof one === 'number' ? one : 0));
  return { states: states.every((state) => state === STATE.PRESENT) ? undefined : states, streams: [values] };
}

test('values that are taken over encoded read as those that are encoded anew, merge after merge', () => {
  fc.assert(
    fc.property(fc.array(oneHour, { minLength: 1, maxLength: 4 }), fc.boolean(), (hours, isReversed) => {
      const blocks = hours.map((columns, hour) =>
        blockOf(FROM_MS + hour * 3_600_000, columns.map(toColumn), ROWS),
      );
      const sources = (isReversed ? blocks.toReversed() : blocks).flatMap(sourcesOf);
      const wanted = plain([joinRows(sources, false)], 3);
      const once = packedBlock(sources);
      expect(plain(sourcesOf(once), 3)).toEqual(wanted);
      expect([...once.verify()].flat()).toEqual([]);
      // A late hour joins what was merged before.
      const late = sourcesOf(blockOf(FROM_MS + 50 * 3_600_000, (hours[0] ?? []).map(toColumn), ROWS));
      const twice = packedBlock([...late, ...sourcesOf(once)]);
      expect(plain(sourcesOf(twice), 3)).toEqual(plain([joinRows([...sources, ...late], false)], 3));
      expect(twice.sampleCount).toBe(once.sampleCount + (blocks[0]?.sampleCount ?? 0));
    }),
    { numRuns: 40 },
  );
});

test('a read of some rows decodes their segments and gives the same there', () => {
  const column = (hour: number): Column => ({
    states: undefined,
    streams: [Float64Array.from({ length: ROWS }, (_, row) => hour * 1000 + row ** 2)],
  });
  const hours = [0, 1, 2].map((hour) => blockOf(FROM_MS + hour * 3_600_000, [column(hour)], ROWS));
  const reader = packedBlock(hours.flatMap(sourcesOf));
  const [group] = reader.groups(FRAME.hostId);
  if (group === undefined) throw new Error('the block has a group');
  expect(group.segmentRows).toEqual([ROWS, ROWS, ROWS]);
  const all = reader.column(group, 0)?.values ?? [];
  for (const [fromRow, toRow] of [
    [0, 1],
    [ROWS - 1, ROWS + 1],
    [ROWS, 2 * ROWS],
    [3 * ROWS - 1, 3 * ROWS],
  ] as const) {
    const some = reader.column(group, 0, 0, { fromRow, toRow })?.values;
    expect(some?.subarray(fromRow, toRow)).toEqual(Float64Array.from(all).subarray(fromRow, toRow));
  }
  expect(reader.column(group, 0, 0, { fromRow: 0, toRow: ROWS })?.values[ROWS]).toBeNaN();
});

test('what overlaps, or is cut into tiny segments, is not taken over', () => {
  const columns = [toColumn(Array.from({ length: ROWS }, () => 1))];
  const first = sourcesOf(blockOf(FROM_MS, columns, ROWS));
  const overlapping = sourcesOf(blockOf(FROM_MS + 60_500, columns, ROWS));
  expect(packRows([...first, ...overlapping])).toBeUndefined();
  const tiny = [toColumn([1, 2, 3])];
  const late = [1, 2].flatMap((hour) => sourcesOf(blockOf(FROM_MS + hour * 3_600_000, tiny, 3)));
  expect(packRows([...first, ...late])).toBeUndefined();
  expect(packRows(first)).toHaveLength(1);
});

test('a group ends before it has more rows than a group may have', () => {
  const source = (at: number): RowSource => {
    const rows = 40_000;
    return {
      timesMs: Float64Array.from({ length: rows }, (_, row) => at * rows + row),
      segmentRows: [rows],
      packed: () => [{ states: undefined, segments: [{ bytes: Buffer.of(at), noise: Buffer.alloc(0) }] }],
      column: () => ({ states: undefined, streams: [undefined] }),
    };
  };
  const pieces = packRows([0, 1, 2, 3, 4].map(source)) ?? [];
  expect(pieces.map(({ segmentRows }) => segmentRows.length)).toEqual([2, 2, 1]);
  expect(Math.max(...pieces.map(({ timesMs }) => timesMs.length))).toBeLessThanOrEqual(GROUP_ROWS_MAX);
  expect(pieces.flatMap(({ columns }) => columns[0]?.segments.map(({ bytes }) => bytes[0]))).toEqual([
    0, 1, 2, 3, 4,
  ]);
});
