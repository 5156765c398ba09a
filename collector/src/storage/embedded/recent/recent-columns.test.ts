import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { expect, it } from 'vitest';
import type { CommittedSamples } from '../../../journal/journal.ts';
import type { JournalSnapshot, StoredTick } from '../../../journal/reader.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import type { CatalogueHost } from '../catalogue.ts';
import { RecentColumns } from './recent-columns.ts';

const NOW_MS = 1_000_000_000;
const SCHEMA = gaugeSchema('disk', { free: ['a', 'b'] });
const CPU = gaugeSchema('cpu', { load: [] });

function hostOf(agentId: string): CatalogueHost {
  const uses = new Map([
    [1, { schema: SCHEMA, firstMs: 0, lastMs: NOW_MS }],
    [2, { schema: CPU, firstMs: 0, lastMs: NOW_MS }],
  ]);
  const lane = { laneId: 1, oldestMs: 0, newestMs: NOW_MS, offsetMsMax: 0, uses };
  return { agentId, lanes: new Map([[1, lane]]) };
}

/** A journal with a tick every ten seconds until now, and how often it was read. */
function world(limits: { readonly windowMs: number; readonly windowBytes: number }) {
  const clock = new FakeClock(NOW_MS);
  const columns = new RecentColumns(limits, clock, 100);
  const lane = new LaneWriter();
  let reads = 0;
  const ticksOf = function* ({ fromMs, toMs }: { fromMs: number; toMs: number }): Iterable<StoredTick> {
    reads++;
    for (
      let timeMs = Math.ceil(fromMs / 10_000) * 10_000;
      timeMs <= Math.min(toMs, NOW_MS);
      timeMs += 10_000
    ) {
      const blocks = [valuesBlock(1, SCHEMA, [timeMs, 1]), valuesBlock(2, CPU, [timeMs])];
      const { bytes } = lane.tick(timeMs, blocks);
      yield { pos: 1, timeMs, bytes: Buffer.from(bytes) };
    }
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only what is used of a snapshot
  const snapshot = { lastPos: 100, ticks: ticksOf } as unknown as JournalSnapshot;
  const of = (
    agentId: string,
    fromMs: number,
    { lastPos = 100, samplers = ['disk'], hostCount = 0, isNewest = false } = {},
  ) =>
    columns.of(hostOf(agentId), {
      snapshot: { ...snapshot, lastPos },
      fromMs,
      sealedToMs: Number.NEGATIVE_INFINITY,
      samplers: new Set(samplers),
      hostCount,
      isNewest,
    });
  const commit = (agentId: string, pos: number, timeMs: number): void => {
    const block = valuesBlock(1, SCHEMA, [timeMs, 1]);
    const tick: CommittedSamples = { pos, laneId: 1, agentId, epochId: 'e', timeMs, blocks: [block] };
    columns.add(tick);
  };
  return { columns, of, commit, clock, reads: () => reads };
}

const timesOf = (found: ReturnType<ReturnType<typeof world>['of']>, fromMs: number): number =>
  found?.parts('disk', { fromMs, toMs: 2 * NOW_MS })[0]?.timesMs.length ?? 0;

it('reads a host once, and takes in what is committed later', () => {
  const { of, commit, reads } = world({ windowMs: 3_600_000, windowBytes: 1e9 });
  expect(timesOf(of('a', NOW_MS - 60_000), NOW_MS - 60_000)).toBe(7);
  commit('a', 100, NOW_MS);
  commit('a', 101, NOW_MS + 10_000);
  expect(timesOf(of('a', NOW_MS - 60_000, { lastPos: 101 }), NOW_MS - 60_000)).toBe(8);
  expect(reads()).toBe(1);
});

it('reads a host again when a question reaches further back, or a reading came late', () => {
  const { of, commit, reads } = world({ windowMs: 3_600_000, windowBytes: 1e9 });
  of('a', NOW_MS - 60_000);
  expect(of('a', NOW_MS - 600_000)?.fromMs).toBeLessThanOrEqual(NOW_MS - 600_000);
  expect(reads()).toBe(2);
  commit('a', 101, NOW_MS - 5_000);
  of('a', NOW_MS - 60_000, { lastPos: 101 });
  expect(reads()).toBe(3);
});

it('makes nothing from a picture that is older than what was told', () => {
  const { of, commit } = world({ windowMs: 3_600_000, windowBytes: 1e9 });
  commit('b', 101, NOW_MS);
  expect(of('a', NOW_MS - 60_000, { lastPos: 100 })).toBeUndefined();
  expect(of('a', NOW_MS - 60_000, { lastPos: 101 })).toBeDefined();
});

it('reaches back less far for every host when memory is short', () => {
  const { of, columns } = world({ windowMs: 3_600_000, windowBytes: 20_000 });
  for (const agentId of ['a', 'b', 'c', 'd']) of(agentId, NOW_MS - 3_600_000);
  expect(columns.bytes).toBeLessThanOrEqual(20_000);
  expect(columns.horizonMs).toBeLessThan(3_600_000);
  for (const agentId of ['a', 'b', 'c', 'd'])
    expect(timesOf(of(agentId, NOW_MS - 60_000), NOW_MS - 60_000)).toBe(7);
});

it('cuts off what is older than the horizon as time goes on', async () => {
  const { of, commit, clock } = world({ windowMs: 600_000, windowBytes: 1e9 });
  of('a', NOW_MS - 600_000);
  for (let tick = 1; tick <= 60; tick++) {
    await clock.advance(10_000);
    commit('a', 100 + tick, NOW_MS + tick * 10_000);
  }
  expect(of('a', NOW_MS, { lastPos: 200 })?.fromMs).toBeGreaterThan(NOW_MS - 600_000);
  expect(timesOf(of('a', NOW_MS, { lastPos: 200 }), 0)).toBeLessThanOrEqual(76);
});

it('keeps what is asked for, and no more, of a fleet that does not fit as a whole', async () => {
  const { of, commit, columns, clock, reads } = world({ windowMs: 3_600_000, windowBytes: 200_000 });
  const [fleet, fromMs] = [{ hostCount: 10_000 }, NOW_MS - 60_000];
  const disk = of('a', fromMs, fleet);
  const diskBytes = columns.bytes;
  expect(timesOf(disk, fromMs)).toBe(7);
  expect(disk?.parts('cpu', { fromMs, toMs: NOW_MS })).toEqual([]);
  const cpu = of('a', fromMs, { ...fleet, samplers: ['cpu'] });
  expect(cpu?.parts('cpu', { fromMs, toMs: NOW_MS })[0]?.timesMs.length).toBe(7);
  expect(timesOf(cpu, fromMs)).toBe(7);
  expect(columns.bytes).toBeGreaterThan(diskBytes);
  expect(reads()).toBe(2);
  commit('a', 101, NOW_MS + 10_000);
  expect(timesOf(of('a', fromMs, { ...fleet, lastPos: 101 }), fromMs)).toBe(8);
  expect(reads()).toBe(2);
  // What was not asked for in a while goes when something else is asked for.
  await clock.advance(900_001);
  of('b', fromMs, { ...fleet, samplers: ['disk'], lastPos: 101 });
  const other = of('c', fromMs, { ...fleet, samplers: ['memory'], lastPos: 101 });
  expect(other?.covers(new Set(['disk', 'memory']))).toBe(true);
  expect(other?.covers(new Set(['cpu']))).toBe(false);
});

it('keeps everything of a host in a fleet that fits', () => {
  const { of, reads } = world({ windowMs: 3_600_000, windowBytes: 10_000_000 });
  of('a', NOW_MS - 60_000, { hostCount: 100 });
  expect(of('a', NOW_MS - 60_000, { hostCount: 100, samplers: ['cpu'] })).toBeDefined();
  expect(reads()).toBe(1);
});

it('decodes a host for newest samples alone only when they were often asked for', () => {
  const { of, reads } = world({ windowMs: 3_600_000, windowBytes: 1e9 });
  const ask = () => of('a', NOW_MS - 60_000, { isNewest: true });
  for (let time = 0; time < 16; time++) expect(ask()).toBeUndefined();
  expect(reads()).toBe(0);
  expect(timesOf(ask(), NOW_MS - 60_000)).toBe(7);
  expect(reads()).toBe(1);
  // Of another host nobody asked, and who wants all samples gets columns at once.
  expect(of('b', NOW_MS - 60_000, { isNewest: true })).toBeUndefined();
  expect(timesOf(of('b', NOW_MS - 60_000), NOW_MS - 60_000)).toBe(7);
  expect(timesOf(of('b', NOW_MS - 60_000, { isNewest: true }), NOW_MS - 60_000)).toBe(7);
});
