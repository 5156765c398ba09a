import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { gaugeSchema } from '../../../journal/testing/lane-writer.ts';
import type { Block } from '../blocks/block.ts';
import { blocksOf, Readings, type ReadingChunk, type ReadingRun } from './readings.ts';

const SCHEMAS = [gaugeSchema('disk', { free: ['a', 'b'] }), gaugeSchema('disk', { free: ['b'] })] as const;

/** Readings in order of arrival; each stands in a record of its own. */
const arrivals = fc
  .array(
    fc.record({
      timeMs: fc.integer({ min: 0, max: 60 }),
      schema: fc.integer({ min: 0, max: 1 }),
      hasStates: fc.boolean(),
      isRepeated: fc.boolean(),
    }),
    { maxLength: 120, size: 'max' },
  )
  .chain((list) =>
    // Mostly in order of time, as agents write.
    fc.boolean().map((isSorted) => (isSorted ? list.toSorted((a, b) => a.timeMs - b.timeMs) : list)),
  );

test('takes what is older all at once as one by one, and nothing of what overlaps', () => {
  const property = fc.property(arrivals, fc.integer({ min: 0, max: 60 }), (list, cutMs) => {
    const blocks = list.map(({ timeMs, schema: at, hasStates }, pos): Block => {
      const schema = SCHEMAS[at] ?? SCHEMAS[0];
      const values = Float64Array.from({ length: schema.seriesCount }, (_, i) => pos * 10 + i / 3);
      const states = hasStates ? new Uint8Array(schema.seriesCount).fill(pos % 3) : undefined;
      return { schema, timeMs, pos, values, states };
    });
    const [older, newer] = [
      blocks.filter((one) => one.timeMs < cutMs),
      blocks.filter((one) => one.timeMs >= cutMs),
    ];
    const [together, single] = [new Readings(0), new Readings(0)];
    for (const block of newer) for (const readings of [together, single]) readings.insert(block);
    for (const block of older) single.insert(block);
    const made = together.prepend(older);
    const isInOrder = older.every(({ timeMs }, at) => at === 0 || timeMs > (older[at - 1]?.timeMs ?? 0));
    expect(made !== undefined).toBe(isInOrder);
    expect(new Readings(0).prepend(newer) !== undefined && made !== undefined).toBe(
      isInOrder && newer.every(({ timeMs }, at) => at === 0 || timeMs > (newer[at - 1]?.timeMs ?? 0)),
    );
    if (made === undefined) for (const block of older) together.insert(block);
    const late: Block = {
      schema: SCHEMAS[0],
      timeMs: 70,
      pos: 1_000,
      values: new Float64Array(2),
      states: undefined,
    };
    for (const readings of [together, single]) readings.insert(late);
    const all = (readings: Readings) => readings.runs(0, 100, 10_000).flatMap(blocksOf).map(told);
    expect(all(together)).toEqual(all(single));
    expect(together.prepend([late])).toBeUndefined();
  });
  fc.assert(property, { numRuns: 100 });
});

test('gives back what was put in, in order of time and position', () => {
  const property = fc.property(
    arrivals,
    fc.integer({ min: 0, max: 60 }),
    fc.integer({ min: 0, max: 60 }),
    fc.integer({ min: 0, max: 120 }),
    (list, fromMs, toMs, lastPos) => {
      const readings = new Readings(0);
      const plain: Block[] = [];
      let bytes = 0;
      for (const [pos, { timeMs, schema: at, hasStates, isRepeated }] of list.entries()) {
        const schema = SCHEMAS[at] ?? SCHEMAS[0];
        const values = Float64Array.from({ length: schema.seriesCount }, (_, i) => pos * 10 + i);
        const states = hasStates ? new Uint8Array(schema.seriesCount).fill(pos % 3) : undefined;
        const block = { schema, timeMs, pos, values, states };
        plain.push(block);
        for (let times = isRepeated ? 2 : 1; times > 0; times--) {
          bytes += readings.insert(block).bytes;
        }
      }
      const wanted = plain
        .filter((block) => block.timeMs >= fromMs && block.timeMs <= toMs && block.pos <= lastPos)
        .sort((a, b) => a.timeMs - b.timeMs || a.pos - b.pos);
      const found = readings.runs(fromMs, toMs, lastPos);
      expect(found.flatMap(blocksOf).map(told)).toEqual(wanted.map(told));
      const newest = readings.newest(fromMs, toMs, lastPos);
      expect(newest === undefined ? undefined : told(newest)).toEqual(wanted.map(told).at(-1));
      for (const { timesMs } of found)
        expect([...timesMs]).toEqual([...new Set(timesMs)].sort((a, b) => a - b));
      // Every chunk that was made is still there or was told as gone.
      for (let chunk = readings.oldest; chunk !== undefined; chunk = readings.oldest) {
        bytes -= chunk.bytes;
        readings.remove(chunk);
      }
      expect(bytes).toBe(0);
    },
  );
  expect(() => fc.assert(property, { numRuns: 60 })).not.toThrow();
});

test('what was given stays what it was while more comes in', () => {
  const readings = new Readings(0);
  const add = (timeMs: number, pos: number) =>
    readings.insert({ schema: SCHEMAS[1], timeMs, pos, values: Float64Array.of(timeMs), states: undefined });
  for (let at = 0; at < 40; at++) add(at * 10, at);
  const before = readings.runs(0, 1_000, 1_000);
  const texts = before.flatMap(blocksOf).map(told);
  for (let at = 0; at < 40; at++) add(at * 10 + 5, 100 + at);
  const { oldest } = readings;
  if (oldest !== undefined) readings.remove(oldest);
  expect(before.flatMap(blocksOf).map(told)).toEqual(texts);
});

test('readings of hosts that come in turns do not touch each other, nor what was read of them before', () => {
  const [schema] = SCHEMAS;
  const hosts = Array.from({ length: 40 }, () => new Readings(0));
  const hasStates = (host: number): boolean => host % 3 === 0;
  const reading = (host: number, tick: number): Block => ({
    schema,
    timeMs: tick,
    pos: tick * 100 + host,
    // Of the second value some do not fit in fewer bytes.
    values: Float64Array.of(host * 1_000 + tick, host % 2 === 0 ? 1 / (tick + host + 1) : host),
    states: hasStates(host) ? Uint8Array.of(1, tick % 3) : undefined,
  });
  const read: { readonly runs: readonly ReadingRun[]; readonly wanted: readonly string[] }[] = [];
  for (let tick = 0; tick < 70; tick++) {
    for (const [host, readings] of hosts.entries()) {
      // Some have been silent for a while.
      if ((host + Math.floor(tick / 7)) % 5 === 0) continue;
      readings.insert(reading(host, tick));
      if ((tick + host) % 6 > 0) continue;
      const runs = readings.runs(0, 100, 1e6);
      read.push({ runs, wanted: runs.flatMap(blocksOf).map(({ timeMs }) => told(reading(host, timeMs))) });
    }
  }
  for (const { runs, wanted } of read) expect(runs.flatMap(blocksOf).map(told)).toEqual(wanted);
});

test('a chunk takes 32 readings of a schema that stays in use, the first ones too', () => {
  for (const states of [undefined, Uint8Array.of(1, 2)]) {
    const readings = new Readings(0);
    for (let at = 0; at < 33; at++)
      readings.insert({ schema: SCHEMAS[0], timeMs: at, pos: at, values: Float64Array.of(at, -at), states });
    expect(readings.runs(0, 100, 100).map(({ timesMs }) => timesMs.length)).toEqual([32, 1]);
  }
});

/** The states of a reading without any count as all present. */
function told({ schema, timeMs, pos, values, states }: Block): string {
  const shown = states ?? new Uint8Array(schema.seriesCount).fill(1);
  return `${schema.seriesCount} ${timeMs} ${pos}: ${values.join(' ')} (${shown.join(' ')})`;
}

test('a chunk that is given up keeps no memory, and runs that were read stay what they are', () => {
  const [schema] = SCHEMAS;
  const readings = new Readings(0);
  const chunks = Array.from({ length: 12 }, (_, at) => {
    const values = Float64Array.of(at, -at);
    return readings.insert({ schema, timeMs: at, pos: at, values, states: new Uint8Array([1, 1]) }).made;
  }).flat();
  const runs = readings.runs(0, 12, 12);
  const before = runs.flatMap(blocksOf);
  expect(before).toHaveLength(12);
  const empty = chunks.map((chunk) => {
    readings.remove(chunk);
    return chunk.bytes;
  });
  expect(Math.max(...empty)).toBeLessThanOrEqual(500);
  expect(readings.runs(0, 12, 12)).toEqual([]);
  expect(runs.flatMap(blocksOf)).toEqual(before);
});

test('rows of a full chunk have memory of their own as soon as another chunk follows', () => {
  const [schema] = SCHEMAS;
  const readings = new Readings(0);
  const add = (at: number) =>
    readings.insert({ schema, timeMs: at, pos: at, values: Float64Array.of(at, at), states: undefined });
  const chunk = add(0).made[0];
  for (let at = 1; at < 32; at++) add(at);
  expect(readings.oldest).toBe(chunk);
  expect(isInPiece(chunk)).toBe(true);
  add(32);
  expect(isInPiece(chunk)).toBe(false);
  // Objects and memory of its own, and per column 12 bytes and 32 small distances, rounded up.
  expect(chunk?.bytes).toBe(500 + 400 + 8 * (4 + 2 + (4 * 32) / 8));
});

test('parts of a chunk that others follow do not hold up the memory that passing rows share', () => {
  const [schema] = SCHEMAS;
  const readings = new Readings(0);
  const add = (timeMs: number, pos: number) =>
    readings.insert({ schema, timeMs, pos, values: Float64Array.of(timeMs, pos), states: undefined }).made;
  for (let at = 0; at < 8; at++) add(at * 10, at);
  const atTheEnd = add(35, 100);
  expect(atTheEnd.map(isInPiece)).toEqual([false, false, true]);
  // Nor do they have memory of their own, which is counted as 400 bytes.
  for (const { bytes } of atTheEnd) expect(bytes).toBeLessThan(500 + 400);
  for (let at = 8; at < 40; at++) add(at * 10, at);
  // What stands before another chunk stays so.
  expect(add(55, 101).map(isInPiece)).toEqual([false, false, false]);
  expect(readings.runs(0, 400, 1_000).flatMap(({ timesMs }) => [...timesMs])).toHaveLength(42);
});

/** Whether the newest row stands in memory that is shared with others. */
function isInPiece(chunk: ReadingChunk | undefined): boolean {
  const newest = chunk?.newest(0, 1e9, 1e9);
  return newest !== undefined && newest.values.buffer.byteLength > newest.values.byteLength;
}
