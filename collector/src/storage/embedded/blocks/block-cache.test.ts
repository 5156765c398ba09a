import { expect, it } from 'vitest';
import { BlockCache } from './block-cache.ts';
import { gaugeSchema } from '../../../journal/testing/lane-writer.ts';
import type { ColumnValues, Group } from '../format/group.ts';
import { JoinedGroup } from '../rollups/rollup-run.ts';
import type { GroupSource } from './stored-groups.ts';

const group = (hostId: string): Group => ({
  hostId,
  schemaHash: 'f'.repeat(64),
  firstMs: 0,
  lastMs: 1_000,
  rowCount: 100,
  columnCount: 2,
  sampleCount: 200,
  segmentRows: [100],
});
const rising = (): ColumnValues => ({
  values: Float64Array.from({ length: 100 }, (_, i) => i),
  states: undefined,
});
const constant = (): ColumnValues => ({ values: new Float64Array(100).fill(7), states: undefined });

/** A reader that counts. */
function counting<T>(make: () => T) {
  let reads = 0;
  return { read: () => (reads++, make()), reads: () => reads };
}

it('reads groups, times and columns once, and tells columns and streams apart', () => {
  const file = new BlockCache(1e6).ofFile();
  const [one] = [group('a')];
  const groups = counting(() => ({ all: [], bySampler: new Map(), schemas: [] }));
  expect(file.groups('a', groups.read)).toBe(file.groups('a', groups.read));
  const times = counting(() => new Float64Array(100));
  expect(file.times(one, times.read)).toBe(file.times(one, times.read));
  const column = counting(rising);
  for (const stream of [0, 1, 0, 1]) {
    for (const index of [0, 1])
      expect(file.column(one, { index, stream, wanted: undefined }, column.read)).toEqual(rising());
  }
  expect([groups.reads(), times.reads(), column.reads()]).toEqual([1, 1, 4]);
});

it('keeps a column that never changes as one number', () => {
  const cache = new BlockCache(1e6);
  const file = cache.ofFile();
  const one = group('a');
  file.column(one, { index: 0, stream: 0, wanted: undefined }, constant);
  expect(cache.bytes).toBeLessThan(400);
  const states = Uint8Array.from({ length: 100 }, (_, i) => i % 2);
  file.column(one, { index: 1, stream: 0, wanted: undefined }, () => ({ ...constant(), states }));
  const never = () => {
    throw new Error('read again');
  };
  expect(file.column(one, { index: 0, stream: 0, wanted: undefined }, never)).toEqual(constant());
  expect(file.column(one, { index: 1, stream: 0, wanted: undefined }, never)).toEqual({
    ...constant(),
    states,
  });
});

it('forgets the host that was not read for longest when it is full', () => {
  const cache = new BlockCache(3_000);
  const file = cache.ofFile();
  const column = counting(rising);
  const read = (host: Group) => file.column(host, { index: 0, stream: 0, wanted: undefined }, column.read);
  const [a, b, c] = [group('a'), group('b'), group('c')];
  for (const host of [a, b, c, a, b, c]) read(host);
  expect(column.reads()).toBe(3);
  const d = group('d');
  read(d);
  expect(cache.bytes).toBeLessThanOrEqual(3_000);
  for (const host of [b, c, d]) read(host);
  expect(column.reads()).toBe(4);
  read(a);
  expect(column.reads()).toBe(5);
});

it('does not keep what could not be read, nor anything of a file that is gone', () => {
  const cache = new BlockCache(1e6);
  const [first, second] = [cache.ofFile(), cache.ofFile()];
  const one = group('a');
  expect(first.column(one, { index: 0, stream: 0, wanted: undefined }, () => undefined)).toBeUndefined();
  expect(first.column(one, { index: 0, stream: 0, wanted: undefined }, rising)).toEqual(rising());
  second.times(one, () => new Float64Array(10));
  first.close();
  const again = counting(rising);
  first.column(one, { index: 0, stream: 0, wanted: undefined }, again.read);
  expect(again.reads()).toBe(1);
  const times = counting(() => new Float64Array(10));
  second.times(one, times.read);
  expect(times.reads()).toBe(0);
});

it('reads whole segments, once for all the rows in them', () => {
  const file = new BlockCache(1e6).ofFile();
  const one = { ...group('a'), segmentRows: [40, 40, 20] };
  const asked: unknown[] = [];
  const read = (fromRow: number, toRow: number) =>
    file.column(one, { index: 0, stream: 0, wanted: { fromRow, toRow } }, (rows) => {
      asked.push(rows);
      return rising();
    });
  for (const [fromRow, toRow] of [
    [10, 35],
    [0, 40],
    [41, 80],
    [39, 41],
    [80, 100],
    [95, 96],
  ] as const)
    read(fromRow, toRow);
  expect(asked).toEqual([
    { fromRow: 0, toRow: 40 },
    { fromRow: 40, toRow: 80 },
    { fromRow: 0, toRow: 80 },
    { fromRow: 80, toRow: 100 },
  ]);
});

it('does not keep columns of whole weeks', () => {
  const cache = new BlockCache(1e9);
  cache
    .ofFile()
    .column({ ...group('a'), rowCount: 60_480 }, { index: 0, stream: 0, wanted: undefined }, rising);
  expect(cache.bytes).toBe(0);
});

it('knows of a stream that a column does not have', () => {
  const file = new BlockCache(1e6).ofFile();
  const one = group('a');
  const absent = counting(() => 'absent' as const);
  for (let time = 0; time < 3; time++)
    expect(file.column(one, { index: 0, stream: 6, wanted: undefined }, absent.read)).toBeUndefined();
  expect(absent.reads()).toBe(1);
});

it('begins anew with a host that was too much at once', () => {
  const cache = new BlockCache(1_500);
  const file = cache.ofFile();
  const column = counting(rising);
  const one = group('a');
  for (const index of [0, 1, 0, 1])
    expect(file.column(one, { index, stream: 0, wanted: undefined }, column.read)).toEqual(rising());
  expect(cache.bytes).toBeLessThanOrEqual(1_500);
  expect(column.reads()).toBe(4);
});

it('counts the groups that joined ones are made of', () => {
  const file: GroupSource = { lastPos: 0, times: () => undefined, column: () => undefined };
  const one = { file, group: group('a'), schema: gaugeSchema('disk', { free: [] }) };
  const bytesOf = (all: readonly { readonly joined?: JoinedGroup }[]): number => {
    const cache = new BlockCache(1e9);
    const groups = { all: all.map((more) => ({ ...one, ...more })), bySampler: new Map(), schemas: [] };
    cache.ofFile().groups('a', () => groups);
    return cache.bytes;
  };
  const joined = new JoinedGroup(Array.from({ length: 30 }, () => one));
  expect(bytesOf([{ joined }])).toBe(31 * bytesOf([{}]));
});
