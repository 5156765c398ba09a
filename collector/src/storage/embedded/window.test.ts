import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, test } from 'vitest';
import { gaugeSchema } from '../../journal/testing/lane-writer.ts';
import { blockBytes, type Block } from './block.ts';
import { EMBEDDED_LIMITS } from './limits.ts';
import { RecentWindow } from './window.ts';

const CPU = gaugeSchema('cpu', { load: [] });
const DISK = gaugeSchema('disk', { free: [] });
const BLOCK_BYTES = blockBytes(block(0));

function block(timeMs: number, pos = timeMs, schema = CPU): Block {
  return { schema, timeMs, pos, values: Float64Array.of(1), states: undefined };
}

/** A window at time 1,000 that reaches back 500 ms and has room for `blocks`. */
function start(blocks = 1_000): RecentWindow {
  const limits = { ...EMBEDDED_LIMITS, windowMs: 500, windowBytes: BLOCK_BYTES * blocks };
  return new RecentWindow(limits, new FakeClock(1_000));
}

function times(window: RecentWindow, host: string, sampler = 'cpu'): number[] {
  return window.blocks(host, sampler).map(({ timeMs }) => timeMs);
}

test('keeps blocks in order of time, however they arrive', () => {
  const window = start();
  for (const timeMs of [700, 900, 800, 900]) window.add('a', block(timeMs));
  expect(times(window, 'a')).toEqual([700, 800, 900, 900]);
  expect(window.coveredFrom('a', 'cpu')).toBe(Number.NEGATIVE_INFINITY);
});

test('gives the blocks of a range, without those that were written after a position', () => {
  const window = start();
  for (const [timeMs, pos] of [
    [700, 1],
    [800, 2],
    [800, 5],
    [900, 3],
    [950, 4],
  ] as const)
    window.add('a', block(timeMs, pos));
  const found = (fromMs: number, toMs: number, lastPos: number) =>
    window.blocksIn('a', 'cpu', { fromMs, toMs, lastPos }).map(({ pos }) => pos);
  expect(found(800, 900, 9)).toEqual([2, 5, 3]);
  expect(found(701, 949, 3)).toEqual([2, 3]);
  expect(found(0, 5_000, 5)).toEqual([1, 2, 5, 3, 4]);
  expect(found(801, 899, 9)).toEqual([]);
  expect(window.blocksIn('unknown', 'cpu', { fromMs: 0, toMs: 5_000, lastPos: 9 })).toEqual([]);
});

test('gives up the oldest arrivals when memory is short, and says from when on it is complete', () => {
  const window = start(3);
  for (const timeMs of [600, 700, 800]) window.add('a', block(timeMs));
  window.add('b', block(850));
  window.add('a', block(900, 900, DISK));
  expect(times(window, 'a')).toEqual([800]);
  expect(window.coveredFrom('a', 'cpu')).toBe(701);
  expect(window.coveredFrom('a', 'disk')).toBe(Number.NEGATIVE_INFINITY);
  expect(window.coveredFrom('b', 'cpu')).toBe(Number.NEGATIVE_INFINITY);
  expect(window.bytes).toBe(3 * BLOCK_BYTES);
});

test('lets go of what is older than its reach', () => {
  const window = start();
  window.add('a', block(400));
  window.add('a', block(600));
  expect(times(window, 'a')).toEqual([600]);
  expect(window.coveredFrom('a', 'cpu')).toBe(401);
});

test('a host with a clock in the future does not push out the others', () => {
  const window = start();
  window.add('a', block(900));
  window.add('future', block(900_000));
  expect(times(window, 'a')).toEqual([900]);
});

test('is complete for a host only from its start on, until it is filled', () => {
  const window = start();
  window.startHost('a', 800);
  window.add('a', block(900));
  expect(window.coveredFrom('a', 'cpu')).toBe(800);
  expect(window.coveredFrom('a', 'never seen')).toBe(800);
  const ticket = window.missing('a', 600);
  expect(ticket).toEqual({ fromMs: 500, toMs: 799 });
  if (ticket === undefined) return;
  window.fill('a', ticket, { blocks: [block(600), block(700), block(600, 600, DISK)], lastPos: 900 });
  expect(times(window, 'a')).toEqual([600, 700, 900]);
  expect(times(window, 'a', 'disk')).toEqual([600]);
  expect(window.coveredFrom('a', 'cpu')).toBe(500);
  expect(window.missing('a', 600)).toBeUndefined();
  // A second reader that had the same ticket comes too late.
  window.fill('a', ticket, { blocks: [block(600)], lastPos: 900 });
  expect(times(window, 'a')).toEqual([600, 700, 900]);
});

test('is not filled when a block came too late to be in what was read', () => {
  const window = start();
  window.startHost('a', 800);
  const ticket = window.missing('a', 600) ?? { fromMs: 0, toMs: 0 };
  window.add('a', block(650, 77));
  window.fill('a', ticket, { blocks: [block(600)], lastPos: 76 });
  expect(window.coveredFrom('a', 'cpu')).toBe(800);
  window.fill('a', ticket, { blocks: [block(600), block(650)], lastPos: 77 });
  expect(times(window, 'a')).toEqual([600, 650]);
});

test('is not filled for old times, nor when memory is short', () => {
  const window = start(4);
  window.startHost('a', 800);
  expect(window.missing('a', 499)).toBeUndefined();
  expect(window.missing('unknown', 600)).toBeUndefined();
  for (let i = 0; i < 4; i++) window.add('b', block(900));
  expect(window.missing('a', 600)).toBeUndefined();
});
