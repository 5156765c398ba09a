import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { expect, test } from 'vitest';
import { gaugeSchema } from '../../../journal/testing/lane-writer.ts';
import { Labels } from '../../labels.ts';
import type { Series } from '../../storage.ts';
import { STATE } from '../blocks/block.ts';
import type { TimeRange } from '../catalogue.ts';
import { SamplerTimeline, SeriesCollector } from '../reads/collect.ts';
import type { ColumnValues } from '../format/group.ts';
import { addInOrder, addJoined } from '../blocks/host-groups.ts';
import { JoinedMemory, JoinedRead } from './joined-memory.ts';
import { JoinedTimes } from './joined-times.ts';
import { Pace } from '../reads/pace.ts';
import type { HostGroup } from '../blocks/stored-groups.ts';

const HOST = 'a'.repeat(32);
const SERIES = ['a', 'b', 'c'];
const SCHEMA = gaugeSchema('disk', { free: SERIES });
const OTHER = gaugeSchema('disk', { free: ['b', 'd'] });
const ROWS = 300;
const FILE_MS = 1_000_000;
const ALL: TimeRange = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };
const ENOUGH_BYTES = 2 ** 24;
const pace = new Pace({
  clock: new FakeClock(),
  turnMs: 10,
  yieldToLoop: () => Promise.resolve(),
  signal: new AbortController().signal,
});

interface FileOptions {
  readonly rowCount?: number;
  readonly schema?: typeof SCHEMA;
  readonly firstMs?: number;
  /** Place of a series that is not in every row. */
  readonly gapsIn?: number | undefined;
  /** Place of a series that cannot be read. */
  readonly damaged?: number | undefined;
}

/** What a block file has of the host; its columns are counted when they are read. */
function fileOf(number: number, options: FileOptions = {}) {
  const { rowCount = ROWS, schema = SCHEMA, firstMs = number * FILE_MS, gapsIn, damaged } = options;
  const timesMs = Float64Array.from({ length: rowCount }, (_, row) => firstMs + row * 1_000);
  const columns = Array.from({ length: schema.seriesCount }, (_, index): ColumnValues => {
    const states = new Uint8Array(rowCount).fill(STATE.PRESENT);
    for (let row = 3; row < rowCount; row += 7) states[row] = STATE.ABSENT;
    return {
      values: timesMs.map((timeMs) => timeMs * 10 + index),
      states: index === gapsIn ? states : undefined,
    };
  });
  const reads = { columns: 0 };
  const file = {
    lastPos: number,
    times: () => timesMs,
    column(_: unknown, index: number) {
      reads.columns++;
      return index === damaged ? undefined : columns[index];
    },
  };
  const group = {
    hostId: HOST,
    schemaHash: schema.hash,
    rowCount,
    columnCount: columns.length,
    sampleCount: rowCount * columns.length,
    firstMs,
    lastMs: timesMs.at(-1) ?? 0,
    segmentRows: [rowCount],
  };
  return { host: { file, group, schema } satisfies HostGroup, reads };
}

/** Reads the groups, through a memory where there is one. */
async function read(
  groups: readonly HostGroup[],
  range: TimeRange,
  joined?: JoinedRead,
): Promise<{ readonly series: readonly Series[]; readonly isJoined: boolean }> {
  const collector = new SeriesCollector(1e9);
  const timeline = new SamplerTimeline({
    collector,
    hasDerivedEnds: true,
    columnsOf: ({ metrics }) =>
      (metrics[0]?.series ?? []).map(([name = ''], index) => ({
        index,
        series: collector.series(Labels.of({ name })),
      })),
  });
  const parts = { groups, readings: [], range };
  const isJoined = await addJoined(timeline, parts, { joined, pace });
  if (!isJoined) await addInOrder(timeline, parts, pace);
  const times = new JoinedTimes(joined);
  return { series: Array.from(collector.grown(), (one) => one.finish(times)), isJoined };
}

test('files that follow each other are read once, and give the same arrays again', async () => {
  const memory = new JoinedMemory(ENOUGH_BYTES);
  const files = [0, 1, 2].map((number) => fileOf(number));
  const groups = files.map(({ host }) => host);
  const range = { fromMs: 5_000, toMs: 2 * FILE_MS + 5_000 };
  const first = await read(groups, range, new JoinedRead(memory));
  const again = await read(groups, range, new JoinedRead(memory));
  const later = await read(groups, { ...range, fromMs: 9_000 }, new JoinedRead(memory));
  expect([first, again, later].map(({ isJoined }) => isJoined)).toEqual([true, true, true]);
  expect(files.map(({ reads }) => reads.columns)).toEqual([3, 3, 3]);
  const [one] = first.series;
  expect(first.series.every(({ timestamps }) => timestamps === one?.timestamps)).toBe(true);
  expect(again.series[0]?.timestamps).toBe(one?.timestamps);
  expect(later.series[0]?.timestamps[0]).toBe(9_000);
  expect(first.series).toEqual((await read(groups, range)).series);
});

test.each<[string, readonly FileOptions[]]>([
  ['gaps', [{}, { gapsIn: 1 }, {}]],
  ['damage', [{}, {}, { damaged: 2 }]],
  ['another schema', [{}, { schema: OTHER }, {}]],
  ['overlapping times', [{}, { firstMs: 100_500 }, {}]],
  ['the older one behind', [{ firstMs: FILE_MS * 9 }, {}, {}]],
  ['one file', [{ rowCount: 3 * ROWS }]],
  ['few rows', [{ rowCount: 5 }, { rowCount: 5 }]],
])('is read file by file: %s', async (_, options) => {
  const groups = options.map((one, number) => fileOf(number, one).host);
  const found = await read(groups, ALL, new JoinedRead(new JoinedMemory(ENOUGH_BYTES)));
  expect(found.isJoined).toBe(false);
  expect(found.series).toEqual((await read(groups, ALL)).series);
});

test('a file in the middle that was made anew is read anew', async () => {
  const memory = new JoinedMemory(ENOUGH_BYTES);
  const [first, second, last] = [fileOf(0).host, fileOf(1).host, fileOf(2).host];
  await read([first, second, last], ALL, new JoinedRead(memory));
  const groups = [first, fileOf(1, { rowCount: ROWS + 1, firstMs: FILE_MS + 500 }).host, last];
  const found = await read(groups, ALL, new JoinedRead(memory));
  expect(found.isJoined).toBe(true);
  expect(found.series).toEqual((await read(groups, ALL)).series);
});

test('a few rows of long files are not worth reading all of them', async () => {
  const groups = [fileOf(0).host, fileOf(1).host];
  const range = { fromMs: 0, toMs: (ROWS / 2) * 1_000 };
  const found = await read(groups, range, new JoinedRead(new JoinedMemory(ENOUGH_BYTES)));
  expect(found.isJoined).toBe(false);
});

test('of a read about more than fits the first files are there again', async () => {
  const bytesEach = 3 * ROWS * (SERIES.length + 1) * 8;
  const memory = new JoinedMemory(bytesEach * 16);
  const hosts = Array.from({ length: 9 }, () => [0, 1, 2].map((number) => fileOf(number)));
  const readAll = async () => {
    const joined = new JoinedRead(memory);
    const found = [];
    for (const files of hosts)
      found.push(
        await read(
          files.map(({ host }) => host),
          ALL,
          joined,
        ),
      );
    return found.map(({ isJoined }) => isJoined);
  };
  await readAll();
  const reads = hosts.map(([file]) => file?.reads.columns);
  expect(await readAll()).toEqual([true, true, ...hosts.slice(2).map(() => false)]);
  expect(hosts.slice(0, 2).map(([file]) => file?.reads.columns)).toEqual(reads.slice(0, 2));
});

test('whatever is asked for in whatever order, the series are those of the files', async () => {
  let joinedReads = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const next = seededRandom(seed);
    const random = (below: number): number => Math.floor(next() * below);
    const memory = new JoinedMemory(2 ** (16 + random(8)));
    const files = Array.from({ length: 6 }, (_, number) =>
      fileOf(number, {
        rowCount: 200 + random(200),
        schema: random(8) === 0 ? OTHER : SCHEMA,
        gapsIn: random(6) === 0 ? random(2) : undefined,
        damaged: random(12) === 0 ? random(2) : undefined,
      }),
    );
    for (let round = 0; round < 30; round++) {
      const from = random(files.length);
      const groups = files.slice(from, from + 1 + random(files.length)).map(({ host }) => host);
      const firstMs = groups[0]?.group.firstMs ?? 0;
      const lastMs = groups.at(-1)?.group.lastMs ?? 0;
      const range = { fromMs: firstMs + random(4) * 40_000, toMs: lastMs - random(4) * 40_000 };
      const found = await read(groups, range, new JoinedRead(memory));
      if (found.isJoined) joinedReads++;
      expect(found.series, `seed ${seed}, round ${round}`).toEqual((await read(groups, range)).series);
    }
  }
  expect(joinedReads).toBeGreaterThan(50);
});
