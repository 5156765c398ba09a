import { expect, test } from 'vitest';
import { gaugeSchema, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { EmptyRanges } from './empty-ranges.ts';

const HOST = 'a'.repeat(32);
const RANGE = { fromMs: 1_000, toMs: 5_000 };
const SCHEMA = gaugeSchema('cpu', { load: [] });

/** Nothing is known to be in the range at position 10. */
function noted(): EmptyRanges {
  const empty = new EmptyRanges(10);
  empty.note(HOST, RANGE, { lastPos: 10, blocksVersion: 1, toldPos: 10 });
  return empty;
}

function tick(pos: number, timeMs: number, offsetMs = 0) {
  const blocks = [valuesBlock(1, SCHEMA, [1], offsetMs)];
  return { pos, laneId: 1, agentId: HOST, epochId: 'e', timeMs, blocks };
}

test('is known of a range, and of what lies within it', () => {
  const empty = noted();
  const moment = { lastPos: 10, blocksVersion: 1 };
  expect(empty.has(HOST, RANGE, moment)).toBe(true);
  expect(empty.has(HOST, { fromMs: 2_000, toMs: 4_000 }, moment)).toBe(true);
  expect(empty.has(HOST, { fromMs: 999, toMs: 5_000 }, moment)).toBe(false);
  expect(empty.has(HOST, { fromMs: 1_000, toMs: 5_001 }, moment)).toBe(false);
  expect(empty.has('b'.repeat(32), RANGE, moment)).toBe(false);
});

test('lasts while newer readings come in, and ends with a late one', () => {
  const empty = noted();
  empty.add(tick(11, 5_001));
  expect(empty.has(HOST, RANGE, { lastPos: 11, blocksVersion: 1 })).toBe(true);
  empty.add(tick(12, 5_001, -1));
  expect(empty.has(HOST, RANGE, { lastPos: 12, blocksVersion: 1 })).toBe(false);
});

test('is not known of a moment with ticks that were not told, with other blocks, or before it was found out', () => {
  const empty = noted();
  expect(empty.has(HOST, RANGE, { lastPos: 11, blocksVersion: 1 })).toBe(false);
  expect(empty.has(HOST, RANGE, { lastPos: 10, blocksVersion: 2 })).toBe(false);
  expect(empty.has(HOST, RANGE, { lastPos: 9, blocksVersion: 1 })).toBe(false);
});

test('is not believed of a moment that told ticks have passed', () => {
  const empty = new EmptyRanges(10);
  empty.add(tick(11, 3_000));
  empty.note(HOST, RANGE, { lastPos: 10, blocksVersion: 1, toldPos: 10 });
  expect(empty.has(HOST, RANGE, { lastPos: 10, blocksVersion: 1 })).toBe(false);
  expect(empty.has(HOST, RANGE, { lastPos: 11, blocksVersion: 1 })).toBe(false);
});

test('ends when a tick is told that its snapshot had before, perhaps in a lane that nobody knew', () => {
  const empty = new EmptyRanges(10);
  empty.note(HOST, RANGE, { lastPos: 12, blocksVersion: 1, toldPos: empty.toldPos });
  empty.add(tick(11, 6_000));
  expect(empty.has(HOST, RANGE, { lastPos: 12, blocksVersion: 1 })).toBe(true);
  empty.add(tick(12, 3_000));
  expect(empty.has(HOST, RANGE, { lastPos: 12, blocksVersion: 1 })).toBe(false);
});

test('is known of two ranges that touch, as long as nothing late is told of either', () => {
  const empty = noted();
  const moment = { lastPos: 11, blocksVersion: 1 };
  empty.add(tick(11, 9_000));
  empty.note(HOST, { fromMs: 5_001, toMs: 7_000 }, { ...moment, toldPos: 11 });
  expect(empty.has(HOST, { fromMs: 1_000, toMs: 7_000 }, moment)).toBe(true);
  expect(empty.has(HOST, RANGE, { ...moment, lastPos: 10 })).toBe(false);
  empty.add(tick(12, 2_000));
  expect(empty.has(HOST, { fromMs: 6_000, toMs: 7_000 }, { ...moment, lastPos: 12 })).toBe(false);
});

test('says nothing of the time between two ranges, or of one that was found out with other blocks', () => {
  const apart = noted();
  apart.note(HOST, { fromMs: 5_002, toMs: 7_000 }, { lastPos: 10, blocksVersion: 1, toldPos: 10 });
  expect(apart.has(HOST, RANGE, { lastPos: 10, blocksVersion: 1 })).toBe(false);
  const other = noted();
  other.note(HOST, { fromMs: 5_001, toMs: 7_000 }, { lastPos: 10, blocksVersion: 2, toldPos: 10 });
  expect(other.has(HOST, RANGE, { lastPos: 10, blocksVersion: 2 })).toBe(false);
  expect(other.has(HOST, { fromMs: 5_001, toMs: 7_000 }, { lastPos: 10, blocksVersion: 2 })).toBe(true);
});
