import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, test } from 'vitest';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import { gaugeSchema } from '../../../journal/testing/lane-writer.ts';
import type { Block } from '../blocks/block.ts';
import { EMBEDDED_LIMITS, type EmbeddedLimits } from '../limits.ts';
import { blocksOf } from './readings.ts';
import { RecentWindow } from './window.ts';

const CPU = gaugeSchema('cpu', { load: [] });
const DISK = gaugeSchema('disk', { free: [] });
const NOW_MS = 1_000;
const ALL = { fromMs: -1e6, toMs: 1e6, lastPos: 1e6 };
const CPU_ONLY = new Set(['cpu']);

function block(timeMs: number, pos = timeMs, schema = CPU): Block {
  return { schema, timeMs, pos, values: Float64Array.of(timeMs), states: undefined };
}

/** A window at time 1,000 that reaches back 500 ms, for what nobody asks for 300 ms. */
function start(limits: Partial<EmbeddedLimits> = {}, clock = new FakeClock(NOW_MS)): RecentWindow {
  const small = { windowMs: 500, windowLeastMs: 300, windowSlackMs: 0 };
  return new RecentWindow({ ...EMBEDDED_LIMITS, ...small, ...limits }, clock);
}

function times(window: RecentWindow, host: string, sampler = 'cpu', range = ALL): number[] {
  return window
    .runs(host, sampler, range)
    .flatMap(blocksOf)
    .map(({ timeMs }) => timeMs);
}

test('keeps readings in order of time, however they arrive, and each once', () => {
  const window = start();
  for (const timeMs of [700, 900, 800, 900, 750]) window.add('a', block(timeMs));
  expect(times(window, 'a')).toEqual([700, 750, 800, 900]);
  expect(window.coveredFrom('a', 'cpu')).toBe(Number.NEGATIVE_INFINITY);
});

test('gives the readings of a range, without those that were written after a position', () => {
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
    window
      .runs('a', 'cpu', { fromMs, toMs, lastPos })
      .flatMap(blocksOf)
      .map(({ pos }) => pos);
  expect(found(800, 900, 9)).toEqual([2, 5, 3]);
  expect(found(701, 949, 3)).toEqual([2, 3]);
  expect(found(0, 5_000, 5)).toEqual([1, 2, 5, 3, 4]);
  expect(found(801, 899, 9)).toEqual([]);
  expect(window.newest('a', 'cpu', { fromMs: 0, toMs: 900, lastPos: 2 })?.pos).toBe(2);
  expect(window.newest('a', 'cpu', { fromMs: 960, toMs: 970, lastPos: 9 })).toBeUndefined();
  expect(window.runs('unknown', 'cpu', ALL)).toEqual([]);
});

test('gives up the oldest arrivals when memory is short, and says from when on it is complete', () => {
  const full = start();
  for (const timeMs of [710, 720, 730, 740]) full.add('a', block(timeMs));
  full.add('b', block(850));
  const window = start({ windowBytes: full.bytes, windowAmpleRatio: 1 });
  for (const timeMs of [710, 720, 730, 740]) window.add('a', block(timeMs));
  window.add('b', block(850));
  expect(window.bytes).toBe(full.bytes);
  window.add('a', block(900, 900, DISK));
  expect(window.bytes).toBeLessThanOrEqual(full.bytes);
  expect(window.coveredFrom('a', 'cpu')).toBe((times(window, 'a')[0] ?? 750) - 9);
  expect(times(window, 'a').length).toBeLessThan(4);
  expect(window.coveredFrom('a', 'disk')).toBe(Number.NEGATIVE_INFINITY);
  expect(times(window, 'b')).toEqual([850]);
});

test('takes no more memory than it may while chunks grow that began in the same minute', () => {
  const windowBytes = 40_000;
  const limits = { windowBytes, windowMs: 1e6, windowLeastMs: 1e6, windowAmpleRatio: 2 };
  const window = start(limits);
  const wide = gaugeSchema('cpu', Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`m${at}`, []])));
  for (let tick = 1; tick <= 64; tick++) {
    for (let host = 0; host < 10; host++) {
      const values = Float64Array.from({ length: 20 }, (_, at) => Math.sin(tick * 200 + host * 20 + at));
      const reading = { ...block(NOW_MS + tick, tick * 10 + host, wide), values };
      window.add(`host ${host}`, reading);
    }
    expect(window.bytes).toBeLessThanOrEqual(windowBytes);
  }
  expect(window.bytes).toBeGreaterThan(windowBytes / 4);
});

test('lets go of what is older than its reach', () => {
  const window = start();
  for (const timeMs of [400, 410, 990]) window.add('a', block(timeMs));
  expect(times(window, 'a')).toEqual([990]);
  expect(window.coveredFrom('a', 'cpu')).toBe(411);
});

test('reaches back for a sampler as far as was asked lately, for the others no further than it must', async () => {
  const clock = new FakeClock(NOW_MS);
  const window = start({}, clock);
  window.startHost('a', 0);
  window.missing('a', CPU_ONLY, { fromMs: 550, toMs: 1_000 });
  for (const timeMs of [600, 610, 620, 990]) {
    window.add('a', block(timeMs));
    window.add('a', block(timeMs, timeMs, DISK));
  }
  expect(times(window, 'a')).toEqual([600, 610, 620, 990]);
  expect(times(window, 'a', 'disk')).toEqual([990]);
  // Half an hour later nobody remembers.
  await clock.advance(1_800_000);
  const later = Array.from({ length: 70 }, (_, at) => 1_800_300 + at * 10);
  for (const timeMs of later) window.add('a', block(timeMs));
  const kept = times(window, 'a', 'cpu', { ...ALL, toMs: 1e9, lastPos: 1e9 });
  expect(kept).toEqual(later.filter((timeMs) => timeMs >= 1_800_700));
});

test('a large fleet keeps what is asked for, and less of what only its newest reading is asked for', () => {
  const window = start({ windowAmpleRatio: 0, windowShortMs: 50 });
  const add = (...list: readonly number[]): void => {
    for (const timeMs of list) {
      window.add('a', block(timeMs));
      window.add('a', block(timeMs, timeMs, DISK));
    }
  };
  window.noteNewest('cpu');
  // A chunk has two readings at first, and goes when both are too old.
  add(910, 920, 990);
  expect(times(window, 'a')).toEqual([990]);
  expect(times(window, 'a', 'disk')).toEqual([]);
  expect(window.coveredFrom('a', 'disk')).toBe(991);
  window.noteNewest('disk');
  add(995);
  expect(times(window, 'a', 'disk')).toEqual([995]);
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
  const ticket = window.missing('a', CPU_ONLY, { fromMs: 600, toMs: 1_000 });
  expect(ticket).toEqual({ fromMs: 600, toMs: 799, samplers: new Map([['cpu', 600]]) });
  if (ticket === undefined) return;
  window.fill('a', ticket, { blocks: [block(600), block(700)], lastPos: 900 });
  expect(times(window, 'a')).toEqual([600, 700, 900]);
  expect(window.coveredFrom('a', 'cpu')).toBe(600);
  expect(window.coveredFrom('a', 'disk')).toBe(800);
  expect(window.missing('a', CPU_ONLY, { fromMs: 600, toMs: 1_000 })).toBeUndefined();
  // A second reader that had the same ticket comes too late.
  window.fill('a', ticket, { blocks: [block(600)], lastPos: 900 });
  expect(times(window, 'a')).toEqual([600, 700, 900]);
});

test('a sampler without readings is complete once it was filled', () => {
  const window = start();
  window.startHost('a', 800);
  const ticket = window.missing('a', CPU_ONLY, { fromMs: 600, toMs: 1_000 });
  if (ticket === undefined) throw new Error('nothing is missing');
  window.fill('a', ticket, { blocks: [], lastPos: 900 });
  expect(window.coveredFrom('a', 'cpu')).toBe(600);
});

test('is not filled when a reading came too late to be in what was read', () => {
  const window = start();
  window.startHost('a', 800);
  const ticket = window.missing('a', CPU_ONLY, { fromMs: 600, toMs: 1_000 });
  if (ticket === undefined) throw new Error('nothing is missing');
  window.add('a', block(650, 77));
  window.fill('a', ticket, { blocks: [block(600)], lastPos: 76 });
  expect(window.coveredFrom('a', 'cpu')).toBe(800);
  window.fill('a', ticket, { blocks: [block(600), block(650, 77)], lastPos: 77 });
  expect(times(window, 'a')).toEqual([600, 650]);
});

test('is not filled by what was read before it lost readings', () => {
  const window = start();
  window.startHost('a', 710);
  const ticket = window.missing('a', CPU_ONLY, { fromMs: 705, toMs: 1_000 });
  if (ticket === undefined) throw new Error('nothing is missing');
  const short = start({ windowBytes: 0 });
  short.startHost('a', 710);
  short.add('a', block(900));
  short.fill('a', ticket, { blocks: [block(706)], lastPos: 1_000 });
  expect(short.coveredFrom('a', 'cpu')).toBe(901);
});

test('is filled as far as it may reach, and not for what is far away or while memory is short', () => {
  const window = start();
  window.startHost('a', 950);
  const missing = (fromMs: number, toMs: number, leastMs = Number.NEGATIVE_INFINITY) =>
    window.missing('a', CPU_ONLY, { fromMs, toMs }, { leastMs, samplers: () => CPU_ONLY });
  expect(missing(-5_000, 1_000)).toEqual({ fromMs: 500, toMs: 949, samplers: new Map([['cpu', 500]]) });
  expect(missing(-5_000, 1_000, 700)).toMatchObject({ fromMs: 700 });
  expect(missing(700, 850)).toMatchObject({ fromMs: 700, toMs: 949 });
  expect(missing(600, 650)).toBeUndefined();
  expect(missing(-5_000, 400)).toBeUndefined();
  expect(window.missing('unknown', CPU_ONLY, { fromMs: 600, toMs: 1_000 })).toBeUndefined();
  const short = start({ windowBytes: 600 });
  short.startHost('a', 950);
  short.add('a', block(960));
  expect(short.missing('a', CPU_ONLY, { fromMs: 700, toMs: 1_000 })).toBeUndefined();
});

test("the collector's own samplers that are read together reach back together, and no others", () => {
  const window = start();
  const own = COLLECTOR_AGENT_ID;
  const both = new Set(['cpu', 'disk']);
  window.startHost(own, 900);
  const ticket = window.missing(own, both, { fromMs: 600, toMs: 1_000 });
  expect(ticket).toEqual({
    fromMs: 600,
    toMs: 899,
    samplers: new Map([
      ['cpu', 600],
      ['disk', 600],
    ]),
  });
  if (ticket === undefined) return;
  window.fill(own, ticket, { blocks: [block(650), block(660, 660, DISK)], lastPos: 900 });
  expect(window.allCoveredFrom(own, both)).toBe(600);
  expect(window.allCoveredFrom(own, new Set(['cpu', 'other']))).toBe(900);
  for (const timeMs of [670, 680, 690]) window.add(own, block(timeMs, timeMs, DISK));
  expect(times(window, own, 'disk')).toEqual([660, 670, 680, 690]);
});

test("a read of the collector's own samplers brings the last minutes of the others along", () => {
  const window = start();
  const own = COLLECTOR_AGENT_ID;
  window.startHost(own, 900);
  const known = { leastMs: 0, samplers: () => new Set(['cpu', 'disk']) };
  const ticket = window.missing(own, CPU_ONLY, { fromMs: 600, toMs: 1_000 }, known);
  expect(ticket?.samplers).toEqual(
    new Map([
      ['cpu', 600],
      ['disk', 700],
    ]),
  );
  if (ticket === undefined) return;
  window.fill(own, ticket, {
    blocks: [block(650), block(660, 660, DISK), block(750, 750, DISK)],
    lastPos: 900,
  });
  expect(times(window, own, 'disk')).toEqual([750]);
  expect(window.missing(own, new Set(['disk']), { fromMs: 700, toMs: 1_000 }, known)).toBeUndefined();
});

test('what is read at some times of a range is kept as it comes in, where it fits', () => {
  const kept = (backMs: number): number => {
    const window = start();
    window.noteGrid(CPU_ONLY, { fromMs: 1_000 - backMs });
    for (let timeMs = 500; timeMs < 1_000; timeMs += 10) window.add('a', block(timeMs));
    return window.coveredFrom('a', 'cpu');
  };
  expect(kept(450)).toBeLessThan(kept(5_000));
});

test('forgets hosts that have nothing in the journal, and their memory', () => {
  const window = start();
  window.add('a', block(900));
  const { bytes } = window;
  for (let i = 0; i < 3_000; i++) window.add(`gone ${i}`, block(900));
  window.forgetOthers(new Map([['a', true]]), 950);
  expect(window.bytes).toBe(bytes);
  expect(times(window, 'a')).toEqual([900]);
  expect(window.coveredFrom('gone 7', 'cpu')).toBe(950);
  expect(window.coveredFrom('a', 'cpu')).toBe(Number.NEGATIVE_INFINITY);
});

/** Of an agent with samplers cpu and disk, all in the journal. */
const BOTH = { leastMs: Number.NEGATIVE_INFINITY, samplers: () => new Set(['cpu', 'disk', 'never asked']) };

test('what is read for one sampler is read for the others that are expected, each as far back as it is', () => {
  const window = start();
  window.startHost('a', 900);
  window.expect(
    new Map([
      ['cpu', 300],
      ['disk', 200],
      ['other', 300],
    ]),
  );
  const ticket = window.missing('a', CPU_ONLY, { fromMs: 700, toMs: 1_000 }, BOTH);
  const samplers = new Map([
    ['cpu', 700],
    ['disk', 800],
  ]);
  expect(ticket).toEqual({ fromMs: 700, toMs: 899, samplers });
  if (ticket === undefined) return;
  const blocks = [block(700), block(750, 751, DISK), block(800), block(850, 851, DISK)];
  window.fill('a', ticket, { blocks, lastPos: 900 });
  expect(times(window, 'a')).toEqual([700, 800]);
  expect(times(window, 'a', 'disk')).toEqual([850]);
  expect(window.coveredFrom('a', 'disk')).toBe(800);
  expect(window.coveredFrom('a', 'never asked')).toBe(900);
  expect(window.missing('a', new Set(['disk']), { fromMs: 800, toMs: 1_000 }, BOTH)).toBeUndefined();
});

test('a newest reading is looked for in the last minutes of what is expected, and those alone', () => {
  const window = start({ windowShortMs: 100 });
  window.startHost('a', 900);
  const range = { fromMs: 500, toMs: 1_000 };
  const missing = (sampler: string) => window.missingNewest('a', new Set([sampler]), range, BOTH);
  expect(missing('cpu')).toBeUndefined();
  window.expect(
    new Map([
      ['cpu', 0],
      ['disk', 300],
    ]),
  );
  expect(missing('never asked')).toBeUndefined();
  const samplers = new Map([
    ['cpu', 800],
    ['disk', 700],
  ]);
  const ticket = missing('cpu');
  expect(ticket).toEqual({ fromMs: 700, toMs: 899, samplers });
  if (ticket === undefined) return;
  window.fill('a', ticket, { blocks: [block(700), block(810), block(810, 811, DISK)], lastPos: 900 });
  expect(times(window, 'a')).toEqual([810]);
  expect(window.coveredFrom('a', 'cpu')).toBe(800);
  // What would be given up at once is read backwards.
  expect(missing('disk')).toBeUndefined();
});

test('what is brought of a host that fell silent stays, or is not brought again, while memory is half full', () => {
  const fill = (window: RecentWindow): void => {
    for (let host = 0; host < 300; host++) window.add(`host ${host}`, block(990));
  };
  const full = start();
  fill(full);
  const window = start({ windowBytes: full.bytes / 0.6, windowShortMs: 100 });
  window.startHost('silent', 801);
  window.expect(new Map([['cpu', 0]]));
  fill(window);
  const range = { fromMs: 600, toMs: 1_000 };
  let brought = 0;
  for (let question = 0; question < 10; question++) {
    const ticket = window.missingNewest('silent', CPU_ONLY, range, BOTH);
    if (ticket === undefined) break;
    const blocks = [block(750), block(800)].filter(({ timeMs }) => timeMs >= ticket.fromMs);
    window.fill('silent', ticket, { blocks, lastPos: 1e6 });
    brought += blocks.length;
  }
  expect(brought).toBeLessThanOrEqual(2);
});

test('nothing is brought along while memory is short', () => {
  const window = start({ windowBytes: 600 });
  window.startHost('a', 900);
  window.expect(new Map([['cpu', 0]]));
  window.add('a', block(960));
  expect(window.missingNewest('a', CPU_ONLY, { fromMs: 500, toMs: 950 }, BOTH)).toBeUndefined();
});
