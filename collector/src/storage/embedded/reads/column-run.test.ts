import { expect, it } from 'vitest';
import { gaugeSchema } from '../../../journal/testing/lane-writer.ts';
import { ColumnRun } from './column-run.ts';

const SCHEMA = gaugeSchema('disk', { free: ['a', 'b'] });

function runOf(rows: readonly (readonly [timeMs: number, a: number | null, b: number | null])[]): ColumnRun {
  const run = new ColumnRun(SCHEMA);
  for (const [timeMs, ...values] of rows) {
    const states = values.includes(null)
      ? Uint8Array.from(values, (value) => (value === null ? 0 : 1))
      : undefined;
    run.append({
      schema: SCHEMA,
      timeMs,
      pos: 1,
      values: Float64Array.from(values, (value) => value ?? 99),
      states,
    });
  }
  return run;
}

/** What a range holds of both series; null where one is absent. */
function read(run: ColumnRun, fromMs: number, toMs: number): unknown {
  const part = run.part({ fromMs, toMs });
  if (part === undefined) return undefined;
  const { low, high, timesMs } = part;
  const columns = [0, 1].map((index) => {
    const { values, states } = run.rows(index, low, high);
    return Array.from(values, (value, row) => (states === undefined || states[row] === 1 ? value : null));
  });
  return [[...timesMs], ...columns];
}

it('gives back what was put in, of series that change and of series that do not', () => {
  const run = runOf(Array.from({ length: 100 }, (_, i) => [i * 10, 7, i < 50 ? 1 : i] as const));
  expect(read(run, 480, 510)).toEqual([
    [480, 490, 500, 510],
    [7, 7, 7, 7],
    [1, 1, 50, 51],
  ]);
  expect([run.valueAt(0, 99), run.valueAt(1, 99), run.lastMs]).toEqual([7, 99, 990]);
});

it('takes 0 and -0 for different values', () => {
  expect(
    read(
      runOf([
        [1, 0, 0],
        [2, -0, 0],
      ]),
      0,
      9,
    ),
  ).toEqual([
    [1, 2],
    [0, -0],
    [0, 0],
  ]);
});

it('knows where series are absent, from the beginning or later', () => {
  const run = runOf([
    [1, null, 5],
    [2, 3, 5],
    [3, 3, null],
    [4, 3, 5],
  ]);
  expect(read(run, 0, 9)).toEqual([
    [1, 2, 3, 4],
    [null, 3, 3, 3],
    [5, 5, null, 5],
  ]);
  expect(run.valueAt(1, 2)).toBeUndefined();
});

it('has no part outside of its rows', () => {
  const run = runOf([
    [10, 1, 1],
    [20, 2, 2],
  ]);
  expect([read(run, 0, 9), read(run, 11, 19), read(run, 21, 30)]).toEqual([undefined, undefined, undefined]);
  expect(read(run, 10, 10)).toEqual([[10], [1], [1]]);
});

it('forgets old rows, gives their memory back, and goes on', () => {
  const run = runOf(Array.from({ length: 1_000 }, (_, i) => [i, i, i % 3 === 0 ? null : 2] as const));
  const before = run.bytes;
  run.trim(990);
  expect(run.bytes).toBeLessThan(before / 5);
  run.append({ schema: SCHEMA, timeMs: 1_000, pos: 2, values: Float64Array.of(1_000, 2), states: undefined });
  expect(read(run, 0, 2_000)).toEqual([
    Array.from({ length: 11 }, (_, i) => 990 + i),
    Array.from({ length: 11 }, (_, i) => 990 + i),
    [null, 2, 2, null, 2, 2, null, 2, 2, null, 2],
  ]);
  run.trim(5_000);
  expect(run.isEmpty).toBe(true);
});

it('leaves what a reader has as it is, whatever comes and goes', () => {
  const run = runOf(Array.from({ length: 31 }, (_, i) => [i, i, i === 5 ? null : 2] as const));
  const part = run.part({ fromMs: 3, toMs: 30 });
  const read = part === undefined ? [] : [part, run.rows(0, 3, 31), run.rows(1, 3, 31)];
  const before = structuredClone(read.map((one) => ({ ...one, run: undefined })));
  run.append({ schema: SCHEMA, timeMs: 31, pos: 2, values: Float64Array.of(-1, 2), states: undefined });
  run.append({ schema: SCHEMA, timeMs: 32, pos: 2, values: Float64Array.of(-1, -3), states: undefined });
  run.trim(20);
  run.append({ schema: SCHEMA, timeMs: 33, pos: 2, values: Float64Array.of(-1, -3), states: undefined });
  expect(read).toHaveLength(3);
  expect(read.map((one) => ({ ...one, run: undefined }))).toEqual(before);
});

it('gives the same array of times for the same rows, until rows are trimmed', () => {
  const run = runOf(Array.from({ length: 20 }, (_, i) => [i, i, i] as const));
  const timesOf = (fromMs: number): Float64Array | undefined => run.part({ fromMs, toMs: 15 })?.timesMs;
  const first = timesOf(4);
  for (const fromMs of [5, 6, 7]) expect(timesOf(fromMs)).not.toBe(first);
  expect(timesOf(4)).toBe(first);
  run.trim(1);
  expect(timesOf(4)).not.toBe(first);
  expect(timesOf(4)).toEqual(first);
});
