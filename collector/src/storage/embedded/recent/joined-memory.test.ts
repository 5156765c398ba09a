import { seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { expect, test } from 'vitest';
import { JoinedMemory, JoinedRead } from './joined-memory.ts';
import { joined, JoinedTimes } from './joined-times.ts';

const ROWS = 400;
/** Memory for all that a test makes. */
const ENOUGH_BYTES = 2 ** 24;

/** Rows that tell where they are from. */
function rows(first: number, count = ROWS): Float64Array {
  return Float64Array.from({ length: count }, (_, at) => first + at);
}

test('gives the same array for the same rows', () => {
  const memory = new JoinedMemory(ENOUGH_BYTES);
  const parts = [rows(0), rows(1_000)];
  const all = memory.of(parts);
  expect(all).toEqual(joined(parts));
  expect(memory.of(parts)).toBe(all);
  expect(memory.of(parts.map((part) => part.subarray()))).toBe(all);
});

test('a later beginning and rows behind the end are found in the same memory', () => {
  const memory = new JoinedMemory(ENOUGH_BYTES);
  const stored = rows(0);
  const recent = rows(1_000);
  const before = memory.of([stored, recent.subarray(0, 390)]);
  const copy = before?.slice();
  const parts = [stored.subarray(7), recent];
  const after = memory.of(parts);
  expect(after).toEqual(joined(parts));
  expect(after?.buffer).toBe(before?.buffer);
  expect(before).toEqual(copy);
  expect(memory.of([stored, recent.subarray(0, 390)])).toEqual(copy);
});

test('what is too large for the memory is not kept, and what was not used for long is forgotten', () => {
  const memory = new JoinedMemory(64 * 1024);
  expect(memory.of([rows(0, 2_000), rows(5_000, 2_000)])).toBeUndefined();
  const parts = [rows(0), rows(1_000)];
  const all = memory.of(parts);
  for (let others = 0; others < 10; others++) memory.of([rows(others), rows(others)]);
  expect(memory.of(parts)).toEqual(all);
  expect(memory.of(parts)).not.toBe(all);
});

test('of a read about more than fits the first arrays are there again', () => {
  const memory = new JoinedMemory(512 * 1024);
  const series = Array.from({ length: 200 }, (_, at) => [rows(at), rows(at + ROWS)]);
  const read = () => {
    const times = new JoinedTimes(new JoinedRead(memory));
    return series.map((parts) => times.valuesOf(parts, true));
  };
  const before = read();
  const after = read();
  expect(after[0]).toBe(before[0]);
  expect(after.at(-1)).toEqual(before.at(-1));
  expect(after.at(-1)).not.toBe(before.at(-1));
});

test('short arrays are not worth remembering', () => {
  expect(new JoinedMemory(ENOUGH_BYTES).of([rows(0, 10), rows(100, 10)])).toBeUndefined();
});

test('whatever is asked for in whatever order, the rows are those of the parts', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const next = seededRandom(seed);
    const random = (below: number): number => Math.floor(next() * below);
    const memory = new JoinedMemory(2 ** (15 + random(8)));
    const files = Array.from({ length: 4 }, (_, file) => rows(file * 10_000, 300 + random(3)));
    const same = rows(7, 600);
    const given: { readonly array: Float64Array; readonly copy: Float64Array }[] = [];
    for (let read = 0; read < 60; read++) {
      const from = random(files.length);
      const to = from + random(files.length - from);
      const parts = files.slice(from, to + 1).map((file, at, { length }) => {
        // Now and then a file that is not changed from end to end, and one that only has a part of the rows.
        const part = random(12) === 0 ? same.subarray(0, file.length) : file;
        const low = at === 0 || random(20) === 0 ? random(5) : 0;
        const high = part.length - (at === length - 1 || random(20) === 0 ? random(5) : 0);
        return part.subarray(low, high);
      });
      const array = memory.of(parts);
      if (array === undefined) continue;
      expect(isSame(array, joined(parts)), `seed ${seed}, read ${read}`).toBe(true);
      given.push({ array, copy: array.slice() });
    }
    expect(given.length).toBeGreaterThan(0);
    expect(
      given.every(({ array, copy }) => isSame(array, copy)),
      `seed ${seed}`,
    ).toBe(true);
  }
});

function isSame(left: Float64Array, right: Float64Array): boolean {
  return left.length === right.length && left.every((value, at) => value === right[at]);
}
