import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { gaugeSchema } from '../../../journal/testing/lane-writer.ts';
import { STATE } from '../blocks/block.ts';
import { TickColumns } from './tick-columns.ts';

const HOST = 'a'.repeat(32);
const SERIES = 3;

interface Row {
  readonly timeMs: number;
  readonly pos: number;
  /** Undefined where the series is absent. */
  readonly values: readonly (number | undefined)[];
}

function schemaOf(count: number) {
  return gaugeSchema('test', Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, []])));
}

function groupOf(rows: readonly Row[], seriesCount = SERIES) {
  const columns = new TickColumns(schemaOf(seriesCount));
  for (const { timeMs, pos, values } of rows) {
    const present = values.includes(undefined)
      ? Uint8Array.from(values, (value) => (value === undefined ? 0 : 1))
      : undefined;
    const place = columns.addRow({ timeMs, pos }, present);
    for (const [i, value] of values.entries())
      if (value !== undefined) place.values[place.at + i * place.step] = value;
  }
  return columns.group(HOST);
}

/** The values of each column by time. */
function readBack(group: ReturnType<typeof groupOf>) {
  return group?.columns.map(({ states, streams: [values] }) =>
    Array.from(group.timesMs, (timeMs, row) => [
      timeMs,
      states === undefined || states[row] === STATE.PRESENT ? values?.[row] : undefined,
    ]),
  );
}

/** The same by a map: at each time the value of the earliest record that has one. */
function plainly(rows: readonly Row[]) {
  const times = [...new Set(rows.map(({ timeMs }) => timeMs))].sort((a, b) => a - b);
  return Array.from({ length: SERIES }, (_, series) =>
    times.map((timeMs) => {
      const ofTime = rows.filter((row) => row.timeMs === timeMs).sort((a, b) => a.pos - b.pos);
      return [timeMs, ofTime.map(({ values }) => values[series]).find((value) => value !== undefined)];
    }),
  );
}

const arbitraryRow = fc.record({
  timeMs: fc.integer({ min: 0, max: 200 }),
  values: fc.array(fc.option(fc.integer(), { nil: undefined, freq: 3 }), {
    minLength: SERIES,
    maxLength: SERIES,
  }),
});
const arbitraryRows = fc.array(arbitraryRow, { minLength: 1, maxLength: 200, size: 'max' }).chain((rows) =>
  fc
    .shuffledSubarray(
      rows.map((_, pos) => pos),
      { minLength: rows.length },
    )
    .map((positions) => rows.map((row, at): Row => ({ ...row, pos: positions[at] ?? 0 }))),
);

test('readings in any order, several of one time among them, become rows with rising times', () => {
  fc.assert(
    fc.property(arbitraryRows, (rows) => {
      expect(readBack(groupOf(rows))).toEqual(plainly(rows));
    }),
    { numRuns: 40 },
  );
});

test('readings in order keep their values while their number grows, absent ones too', () => {
  const rows = Array.from({ length: 300 }, (_, i): Row => {
    const last = i < 200 || i % 7 > 0 ? i * 3 : undefined;
    return { timeMs: i * 10, pos: i, values: [i, -i, last] };
  });
  const group = groupOf(rows);
  expect(readBack(group)).toEqual(plainly(rows));
  expect(group?.columns.map(({ states }) => states === undefined)).toEqual([true, true, false]);
});

test('a schema without series has rows all the same', () => {
  const group = groupOf([{ timeMs: 5, pos: 1, values: [] }], 0);
  expect(group?.timesMs).toEqual(Float64Array.of(5));
  expect(group?.columns).toEqual([{ states: Uint8Array.of(0), streams: [Float64Array.of(0)] }]);
});

test('no readings are no group', () => {
  expect(groupOf([])).toBeUndefined();
});
