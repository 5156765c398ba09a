import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { gaugeSchema } from '../../journal/testing/lane-writer.ts';
import { Labels } from '../labels.ts';
import type { Series } from '../storage.ts';
import type { Block } from './block.ts';
import { SamplerTimeline, SeriesCollector } from './collect.ts';
import { labelsOf } from './matching.ts';

const LABELS = Labels.of({ __name__: 'm' });

test('a series that grew out of order comes back in order, with one sample for each time', () => {
  const collector = new SeriesCollector(100);
  const series = collector.series(LABELS);
  for (const [timeMs, value] of [
    [10, 1],
    [30, 3],
    [20, 2],
    [30, 9],
  ] as const)
    series.push(timeMs, value, false);
  series.push(40, 0, true);
  series.push(40, 4, false);
  series.push(50, 0, true);
  expect(series.finish()).toEqual({
    labels: LABELS,
    timestamps: Float64Array.of(10, 20, 30, 40, 50),
    values: Float64Array.of(1, 2, 3, 4, Number.NaN),
    stale: Uint8Array.of(0, 0, 0, 0, 1),
  });
});

test('equal labels are one series, and series without samples do not appear', () => {
  const collector = new SeriesCollector(100);
  expect(collector.series(LABELS)).toBe(collector.series(Labels.of({ __name__: 'm' })));
  collector.series(Labels.of({ __name__: 'n' })).push(1, 1, false);
  expect([...collector.grown()].map(({ labels }) => labels.metricName)).toEqual(['n']);
});

test('the sample over the limit is refused', () => {
  const collector = new SeriesCollector(2);
  collector.count();
  collector.count();
  expect(() => collector.count()).toThrow(expect.objectContaining({ code: 'QUERY_LIMIT' }));
});

const DISK = gaugeSchema('disk', { free: [], used: [] });
const OTHER_DISK = gaugeSchema('disk', { used: [], size: [] });

/** Mostly in order, of a schema that seldom changes, with gaps and stale markers. */
const anyBlocks = fc
  .array(
    fc.record({
      schema: fc.constantFrom(DISK, DISK, DISK, OTHER_DISK),
      stepMs: fc.constantFrom(1, 2, 3, 4, 0, -3),
      values: fc.tuple(fc.integer(), fc.integer()),
      states: fc.option(fc.tuple(fc.constantFrom(1, 1, 0, 2), fc.constantFrom(1, 1, 0, 2))),
    }),
    { maxLength: 40 },
  )
  .map((rows) => {
    let timeMs = 100;
    return rows.map(({ schema, stepMs, values, states }, pos): Block => {
      timeMs += stepMs;
      return {
        schema,
        timeMs,
        pos,
        values: Float64Array.from(values),
        states: states === null ? undefined : Uint8Array.from(states),
      };
    });
  });

function grownBy(feed: (timeline: SamplerTimeline) => void, hasDerivedEnds: boolean): readonly Series[] {
  const collector = new SeriesCollector(1_000);
  const timeline = new SamplerTimeline({
    collector,
    columnsOf: (schema) =>
      [0, 1].map((index) => ({ index, series: collector.series(labelsOf(schema, index, [])) })),
    hasDerivedEnds,
  });
  feed(timeline);
  return [...collector.grown()].map((series) => series.finish());
}

test('readings that are added at once give the same series as one after another', () => {
  fc.assert(
    fc.property(anyBlocks, fc.boolean(), fc.nat(40), (blocks, hasDerivedEnds, cut) => {
      const oneByOne = grownBy((timeline) => {
        for (const block of blocks) timeline.add(block);
      }, hasDerivedEnds);
      const atOnce = grownBy((timeline) => {
        timeline.addAll(blocks.slice(0, cut));
        timeline.addAll(blocks.slice(cut));
      }, hasDerivedEnds);
      expect(atOnce).toEqual(oneByOne);
    }),
  );
});

test('more readings than become columns at a time come whole', () => {
  const blocks = Array.from({ length: 2_500 }, (_, at): Block => {
    return { schema: DISK, timeMs: at + 1, pos: at, values: Float64Array.of(at, -at), states: undefined };
  });
  const collector = new SeriesCollector(5_000);
  const columnsOf = () => [{ index: 1, series: collector.series(LABELS) }];
  new SamplerTimeline({ collector, columnsOf, hasDerivedEnds: true }).addAll(blocks);
  const { timestamps, values, stale } = collector.series(LABELS).finish();
  expect(timestamps).toEqual(Float64Array.from(blocks, ({ timeMs }) => timeMs));
  expect(values).toEqual(Float64Array.from(blocks, (_, at) => -at));
  expect(stale).toBeUndefined();
});
