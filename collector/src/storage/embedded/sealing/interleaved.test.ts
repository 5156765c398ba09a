/** Rollups of schemas that take turns, next to the samples that they are made of. */
import { createSchema, type SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { STATE } from '../blocks/block.ts';
import type { Column } from '../format/group.ts';
import { JoinedTimes } from '../recent/joined-times.ts';
import { RolledSeries } from '../rollups/rolled-series.ts';
import { joinTogether, rollUpTogether, takeTurns, type InputRows } from './interleaved.ts';
import type { RowSource } from './join-rows.ts';
import { counterColumns, ROLLUP, ROLLUP_MS, rollUp, rollUpFurther } from './rollup.ts';
import type { SchemaGroup } from './tick-columns.ts';

const BASE_MS = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;
const HOST = 'a'.repeat(32);

function metric(name: string, type: SchemaMetric['type'], devices: readonly string[]): SchemaMetric {
  const series = devices.map((device) => [device]);
  return { name, unit: '', type, encoding: 'float64', scale: 0, labelNames: ['device'], series };
}

/** The series stand at other places in each schema; the last one has none. */
const SCHEMAS = [['b'], ['a', 'b'], ['a', 'b', 'c'], ['c'], []].map((devices) =>
  createSchema({
    sampler: 'disk',
    intervalMs: 10_000,
    metrics: [metric('bytes_total', 'counter', devices), metric('heat', 'gauge', devices)],
  }),
);

/** One reading: of which schema, how long after the one before, and a cell for each series that there may be. */
interface Tick {
  readonly schema: number;
  readonly gapMs: number;
  readonly cells: readonly ('absent' | 'reset' | number)[];
}

interface Sample {
  readonly timeMs: number;
  readonly value: number;
}

const SERIES = ['a', 'b', 'c'].flatMap((device) => [`bytes_total ${device}`, `heat ${device}`]);

/** Days of rows by schema, and the samples of each series. */
function written(days: readonly (readonly Tick[])[], scale: number) {
  const samples = new Map(SERIES.map((name) => [name, [] as Sample[]]));
  const counters = new Map<string, number>();
  const times: number[] = [];
  const groups = days.map((ticks, day) => {
    const rows = SCHEMAS.map(() => [] as { timeMs: number; cells: readonly (number | undefined)[] }[]);
    const dayMs = BASE_MS + day * DAY_MS;
    let timeMs = dayMs;
    for (const { schema, gapMs, cells } of ticks) {
      timeMs += gapMs;
      times.push(timeMs);
      const own = namesOf(schema).map((name) => {
        const cell = cells[SERIES.indexOf(name)] ?? 'absent';
        if (cell === 'absent') return undefined;
        const isCounter = name.startsWith('bytes');
        const first = samples.get(name)?.find((sample) => sample.timeMs >= dayMs);
        // Where a counter starts again in the first span of a later day, what it rose by before is lost, as ever.
        const isLost = day > 0 && (first === undefined || hourOf(first.timeMs) === hourOf(timeMs));
        const before = cell === 'reset' && !isLost ? 0 : (counters.get(name) ?? 0);
        const step = cell === 'reset' ? 3 : cell;
        const value = isCounter ? before + step * scale : step * scale;
        if (isCounter) counters.set(name, value);
        samples.get(name)?.push({ timeMs, value });
        return value;
      });
      rows[schema]?.push({ timeMs, cells: own });
    }
    const groupsOfDay = rows.flatMap((list, at): SchemaGroup[] => {
      const schema = SCHEMAS[at];
      if (schema === undefined || list.length === 0) return [];
      const columns = Array.from({ length: Math.max(1, schema.seriesCount) }, (_, index): Column => {
        const cells = list.map((row) => row.cells[index]);
        const states = Uint8Array.from(cells, (cell) => (cell === undefined ? STATE.ABSENT : STATE.PRESENT));
        return {
          states: states.includes(STATE.ABSENT) ? states : undefined,
          streams: [
            states.includes(STATE.PRESENT) ? Float64Array.from(cells, (cell) => cell ?? 0) : undefined,
          ],
        };
      });
      const timesMs = Float64Array.from(list, (row) => row.timeMs);
      return [{ schema, group: { hostId: HOST, schemaHash: schema.hash, timesMs, columns } }];
    });
    // As in files: in the order in which they were met.
    return groupsOfDay.sort((left, right) => (left.group.timesMs[0] ?? 0) - (right.group.timesMs[0] ?? 0));
  });
  return { groups, samples, times };
}

function hourOf(timeMs: number): number {
  return Math.floor(timeMs / ROLLUP_MS['1h']);
}

function namesOf(schema: number): readonly string[] {
  return (SCHEMAS[schema]?.metrics ?? []).flatMap(({ name, series }) =>
    series.map(([device]) => `${name} ${device}`),
  );
}

/** What all schemas have of a series. */
function rollupsOf(parts: readonly SchemaGroup[], name: string) {
  return parts.flatMap(({ schema, group }) => {
    const index = namesOf(SCHEMAS.indexOf(schema)).indexOf(name);
    const column = index < 0 ? undefined : group.columns[index];
    if (column === undefined) return [];
    const { states, streams } = column;
    return Array.from(group.timesMs, (timeMs, row) => ({
      timeMs,
      state: states?.[row] ?? STATE.PRESENT,
      values: streams.map((values) => values?.[row]),
    })).filter(({ state }) => state === STATE.PRESENT);
  });
}

/** What a counter rose by, as whoever reads the files sees it. */
function riseRead(files: readonly (readonly SchemaGroup[])[], name: string): number {
  const series = new RolledSeries('counter');
  for (const { schema, group } of files.flat()) {
    const index = namesOf(SCHEMAS.indexOf(schema)).indexOf(name);
    const { states, streams } = group.columns[index] ?? { states: undefined, streams: [] };
    const [values, counts] = [streams[ROLLUP.LAST], streams[ROLLUP.COUNT]];
    if (values === undefined || counts === undefined) continue;
    const { timesMs } = group;
    const presentCount = states?.filter((state) => state === STATE.PRESENT).length ?? timesMs.length;
    const increases = streams[ROLLUP.INCREASE];
    series.add({
      timesMs,
      firstRow: 0,
      starts: [],
      presentCount,
      states,
      values,
      isSum: false,
      increases,
      counts,
    });
  }
  const { values } = series.finish(new JoinedTimes());
  return (values.at(-1) ?? 0) - (values[0] ?? 0);
}

function rise(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }, at) => {
    const before = samples[at - 1]?.value ?? value;
    return sum + (value >= before ? value - before : value);
  }, 0);
}

/** What each span of a series should hold, in order of time: its end, count, min, max, sum and last of its samples. */
function wantedOf(samples: readonly Sample[], spanMs: number) {
  return Array.from(
    Map.groupBy(samples, ({ timeMs }) => Math.floor(timeMs / spanMs)),
    ([span, list]) => {
      const values = list.map(({ value }) => value);
      const sum = values.reduce((total, value) => total + value, 0);
      return { timeMs: (span + 1) * spanMs - 1, count: list.length, sum, list, values };
    },
  );
}

function expectSame(
  files: readonly (readonly SchemaGroup[])[],
  samples: Map<string, Sample[]>,
  spanMs: number,
  times?: readonly number[],
): void {
  for (const [name, list] of samples) {
    const rollups = files.flatMap((parts) => rollupsOf(parts, name)).sort((l, r) => l.timeMs - r.timeMs);
    const wanted = wantedOf(list, spanMs);
    expect(rollups.map(({ timeMs }) => timeMs)).toEqual(wanted.map(({ timeMs }) => timeMs));
    const isCounter = name.startsWith('bytes');
    for (const [at, { timeMs, values, count, sum, list: own }] of wanted.entries()) {
      const found = rollups[at]?.values ?? [];
      // Where a later reading of any schema is without the series, it has ended.
      const newestMs = times?.findLast((readMs) => readMs <= timeMs) ?? 0;
      const hasEnded = (found[ROLLUP.COUNT] ?? 0) < 0;
      expect(hasEnded).toBe(times === undefined ? hasEnded : newestMs > (own.at(-1)?.timeMs ?? 0));
      expect(Math.abs(found[ROLLUP.COUNT] ?? 0)).toBe(count);
      expect(found[ROLLUP.LAST]).toBe(values.at(-1));
      if (isCounter) continue;
      expect(found[ROLLUP.MIN]).toBe(Math.min(...values));
      expect(found[ROLLUP.MAX]).toBe(Math.max(...values));
      expect(found[ROLLUP.SUM]).toBeCloseTo(sum, 6);
    }
    if (!isCounter || wanted.length === 0) continue;
    // What it rose by within the first rollup is not between two of them.
    expect(riseRead(files, name)).toBeCloseTo(rise(list) - rise(wanted[0]?.list ?? []), 6);
    if (files.length > 1) continue;
    const total = rollups.reduce((all, { values }) => all + (values[ROLLUP.INCREASE] ?? Number.NaN), 0);
    expect(total).toBeCloseTo(rise(list), 6);
  }
}

/** Rollups of one file as the merge of several finds them. */
function inputsOf(parts: readonly SchemaGroup[], input: number) {
  return parts.map(({ schema, group }, place) => {
    const source: InputRows = {
      input,
      place,
      timesMs: group.timesMs,
      segmentRows: [group.timesMs.length],
      packed: () => [],
      column: (index) => group.columns[index] ?? { states: undefined, streams: [] },
    };
    return { schema, source };
  });
}

function joined(files: readonly (readonly SchemaGroup[])[]): readonly SchemaGroup[] {
  const inputs = files.flatMap((parts, input) => inputsOf(parts, input));
  const bySchema = Map.groupBy(inputs, ({ schema }) => schema);
  return joinTogether(
    HOST,
    Array.from(bySchema, ([schema, list]) => ({ schema, sources: list.map(({ source }) => source) })),
  );
}

/** Each schema alone: what is done where they follow each other. */
function rolledUpApart(parts: readonly SchemaGroup[]) {
  const fine = parts.map(({ schema, group }) => {
    const source = { isCounter: counterColumns(schema, HOST), hasDerivedEnds: true };
    return { schema, group: rollUp(group, ROLLUP_MS['5m'], source) };
  });
  const coarse = fine.map(({ schema, group }) => ({ schema, group: rollUpFurther(group, ROLLUP_MS['1h']) }));
  return { fine, coarse };
}

function timesOf({ group }: SchemaGroup): readonly number[] {
  return [...group.timesMs];
}

function hashesOf(groups: readonly SchemaGroup[]): ReadonlySet<string> {
  return new Set(groups.map(({ group }) => group.schemaHash));
}

const tick = fc.record({
  schema: fc.nat(SCHEMAS.length - 1),
  gapMs: fc.oneof(
    { weight: 6, arbitrary: fc.constant(10_000) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 200_000 }) },
    { weight: 1, arbitrary: fc.constant(4_000_000) },
  ),
  cells: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.nat(1_000) },
      { weight: 1, arbitrary: fc.constantFrom('absent' as const, 'reset' as const) },
    ),
    { minLength: SERIES.length, maxLength: SERIES.length },
  ),
});
const day = fc.array(tick, { minLength: 1, maxLength: 60, size: 'max' }).filter(
  // The rest of the day belongs to it.
  (ticks) => ticks.reduce((sum, { gapMs }) => sum + gapMs, 0) < DAY_MS,
);
/** Whole numbers, and those whose sums are rounded. */
const scale = fc.constantFrom(1, 0.01, 1 / 3);

test('each span of a series has one rollup, with what its samples have, and a counter rises by as much', () => {
  fc.assert(
    fc.property(day, scale, (ticks, factor) => {
      const { groups, samples, times } = written([ticks], factor);
      const { fine, coarse } = rollUpTogether(groups[0] ?? []);
      // A schema has a row for each span in which it had one.
      const apart = rolledUpApart(groups[0] ?? []);
      expect(fine.map(timesOf)).toEqual(apart.fine.map(timesOf));
      expect(coarse.map(timesOf)).toEqual(apart.coarse.map(timesOf));
      expectSame([fine], samples, ROLLUP_MS['5m'], times);
      expectSame([coarse], samples, ROLLUP_MS['1h'], times);
    }),
    { numRuns: 150 },
  );
});

test('days read one by one, and put together, rise by as much', () => {
  fc.assert(
    fc.property(fc.array(day, { minLength: 2, maxLength: 4 }), scale, (days, factor) => {
      const { groups, samples, times } = written(days, factor);
      for (const resolution of ['fine', 'coarse'] as const) {
        const files = groups.map((parts) => rollUpTogether(parts)[resolution]);
        const spanMs = ROLLUP_MS[resolution === 'fine' ? '5m' : '1h'];
        expectSame(files, samples, spanMs, times);
        const month = joined(files);
        expect(hashesOf(month)).toEqual(hashesOf(groups.flat()));
        expectSame([month], samples, spanMs, times);
        // What was joined can be joined again.
        const alone = inputsOf(month, 0).map(({ schema, source }) => ({ schema, sources: [source] }));
        expectSame([joinTogether(HOST, alone)], samples, spanMs, times);
      }
    }),
    { numRuns: 60 },
  );
});

test('where schemas followed each other in a day, the two rollups of the change become one', () => {
  const ordered = day.map((ticks) =>
    ticks
      .map((one) => ({ ...one, cells: one.cells.map((cell) => (cell === 'reset' ? 1 : cell)) }))
      .sort((left, right) => left.schema - right.schema),
  );
  fc.assert(
    fc.property(fc.array(ordered, { minLength: 2, maxLength: 4 }), scale, (days, factor) => {
      // There and back, so that they take turns over the days.
      const turned = days.map((ticks, at) => (at % 2 === 0 ? ticks : ticks.toReversed()));
      const { groups, samples } = written(turned, factor);
      for (const resolution of ['fine', 'coarse'] as const) {
        const files = groups.map((parts) => rolledUpApart(parts)[resolution]);
        const month = joined(files);
        expect(hashesOf(month)).toEqual(hashesOf(groups.flat()));
        expectSame([month], samples, ROLLUP_MS[resolution === 'fine' ? '5m' : '1h']);
      }
    }),
    { numRuns: 60 },
  );
});

test('a file that begins within another one, with a late reading, is not taken for a counter that started again', () => {
  const [one, other] = SCHEMAS;
  if (one === undefined || other === undefined) throw new Error('there are schemas');
  // Both have the counter of b: what it rose by, and to.
  const part = (
    schema: typeof one,
    rows: readonly (readonly [span: number, increase: number, last: number])[],
  ) => {
    const names = namesOf(SCHEMAS.indexOf(schema));
    const values = rows.map(([, increase, last]) => ({ increase, last }));
    const columns = names.map((name): Column => {
      if (name !== 'bytes_total b') return { states: new Uint8Array(rows.length), streams: [] };
      const increases = Float64Array.from(values, ({ increase }) => increase);
      const lasts = Float64Array.from(values, ({ last }) => last);
      const counts = new Float64Array(rows.length).fill(5);
      return { states: undefined, streams: [counts, undefined, undefined, undefined, lasts, increases] };
    });
    const timesMs = Float64Array.from(rows, ([span]) => BASE_MS + (span + 1) * ROLLUP_MS['5m'] - 1);
    return { schema, group: { hostId: HOST, schemaHash: schema.hash, timesMs, columns } };
  };
  const month = joined([
    [
      part(one, [
        [8, 40, 50],
        [9, 50, 100],
      ]),
    ],
    [
      part(other, [
        [8, 0, 45],
        [10, 60, 160],
      ]),
    ],
  ]);
  const rollups = rollupsOf(month, 'bytes_total b').sort((left, right) => left.timeMs - right.timeMs);
  expect(rollups.map(({ values }) => values[ROLLUP.INCREASE])).toEqual([40, 50, 60]);
  expect(rollups.map(({ values }) => values[ROLLUP.COUNT])).toEqual([10, 5, 5]);
});

test('schemas that follow each other do not take turns', () => {
  const source = (...timesMs: number[]): RowSource => ({
    timesMs: Float64Array.from(timesMs),
    segmentRows: [timesMs.length],
    packed: () => [],
    column: () => ({ states: undefined, streams: [] }),
  });
  expect(takeTurns([[source(1, 2)], [source(3, 9)]], false)).toBe(false);
  expect(takeTurns([[source(3, 9)], [source(1, 2)]], false)).toBe(false);
  expect(takeTurns([[source(1, 2), source(8)], [source(4)]], false)).toBe(true);
  expect(takeTurns([[source(1, 4)], [source(4, 9)]], false)).toBe(true);
  expect(takeTurns([[source(1, 4)], [source(4, 9)]], true)).toBe(false);
  expect(takeTurns([[source(1, 5)], [source(4, 9)]], true)).toBe(true);
});
