import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Labels } from '../labels.ts';
import { createSchema } from '@rollcall/shared/protocol/schema.ts';
import { STATE, type Block } from './block.ts';
import { SamplerTimeline, SeriesCollector } from './collect.ts';
import { GrowingSeries } from './growing-series.ts';
import { JoinedTimes } from './joined-times.ts';
import { Readings } from './readings.ts';

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
  expect(series.finish(new JoinedTimes())).toEqual({
    labels: LABELS,
    timestamps: Float64Array.of(10, 20, 30, 40, 50),
    values: Float64Array.of(1, 2, 3, 4, Number.NaN),
    stale: Uint8Array.of(0, 0, 0, 0, 1),
  });
});

test('samples that come in runs make the same series as one by one', () => {
  const sample = fc.record({ timeMs: fc.integer({ min: 0, max: 40 }), isStale: fc.boolean() });
  const run = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(fc.oneof(sample, run), { maxLength: 12 }), (pieces) => {
      const [inRuns, single] = [new GrowingSeries(LABELS), new GrowingSeries(LABELS)];
      let value = 0;
      for (const piece of pieces) {
        if (!Array.isArray(piece)) {
          value++;
          for (const series of [inRuns, single]) series.push(piece.timeMs, value, piece.isStale);
          continue;
        }
        const times = Float64Array.from(piece).sort();
        const values = times.map(() => ++value);
        inRuns.pushAll(times, values);
        for (const [at, timeMs] of times.entries()) single.push(timeMs, values[at] ?? 0, false);
        expect(inRuns.isLive).toBe(single.isLive);
      }
      expect(inRuns.isEmpty).toBe(single.isEmpty);
      expect(inRuns.finish(new JoinedTimes())).toEqual(single.finish(new JoinedTimes()));
    }),
  );
});

test('series with the same runs share their times', () => {
  const times = new JoinedTimes();
  const runs = [Float64Array.of(1, 2), Float64Array.of(3)] as const;
  const [first, second, other] = [0, 10, 20].map((from) => {
    const series = new GrowingSeries(LABELS);
    for (const run of runs)
      if (from < 20 || run !== runs[0])
        series.pushAll(
          run,
          run.map((ms) => ms + from),
        );
    return series.finish(times);
  });
  expect(first?.timestamps).toEqual(Float64Array.of(1, 2, 3));
  expect(second?.timestamps).toBe(first?.timestamps);
  expect(second?.values).toEqual(Float64Array.of(11, 12, 13));
  expect(other?.timestamps).toEqual(Float64Array.of(3));
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

const SCHEMAS = ['a', 'b'].map((value) =>
  createSchema({
    sampler: 's',
    intervalMs: 10,
    metrics: [
      {
        name: 'm',
        unit: '',
        type: 'gauge',
        encoding: 'integer',
        scale: 0,
        labelNames: ['x'],
        series: [[value], ['both']],
      },
    ],
  }),
);

/** The series of readings, as runs or one by one. */
function seriesOf(
  blocks: readonly Block[],
  { inRuns, hasDerivedEnds }: { readonly inRuns: boolean; readonly hasDerivedEnds: boolean },
) {
  const collector = new SeriesCollector(10_000);
  const timeline = new SamplerTimeline({
    collector,
    hasDerivedEnds,
    columnsOf: ({ metrics }) =>
      (metrics[0]?.series ?? []).map(([x = ''], index) => ({
        index,
        series: collector.series(Labels.of({ __name__: 'm', x })),
      })),
  });
  const readings = new Readings(0);
  for (const block of blocks) readings.insert(block);
  if (inRuns) timeline.addRuns(readings.runs(0, 1e9, 1e9));
  else for (const block of blocks) timeline.add(block);
  const times = new JoinedTimes();
  return Array.from(collector.grown(), (series) => series.finish(times));
}

test('readings that come in runs make the same series as one by one', () => {
  const state = fc.constantFrom(STATE.PRESENT, STATE.PRESENT, STATE.PRESENT, STATE.ABSENT, STATE.STALE);
  const states = fc.option(fc.tuple(state, state), { nil: undefined, freq: 2 });
  const reading = fc.record({ schema: fc.constantFrom(0, 0, 0, 1), states, gap: fc.constantFrom(1, 1, 5) });
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 40 }), fc.boolean(), (list, hasDerivedEnds) => {
      let timeMs = 0;
      const blocks = list.flatMap((one, i): Block[] => {
        const schema = SCHEMAS[one.schema];
        timeMs += one.gap;
        const values = Float64Array.of(i, -i);
        return schema === undefined
          ? []
          : [{ schema, timeMs, pos: i + 1, values, states: one.states && Uint8Array.from(one.states) }];
      });
      expect(seriesOf(blocks, { inRuns: true, hasDerivedEnds })).toEqual(
        seriesOf(blocks, { inRuns: false, hasDerivedEnds }),
      );
    }),
  );
});

test.each([[undefined], [Uint8Array.of(STATE.PRESENT, STATE.PRESENT)]])(
  'series of one sampler that come in runs share their times',
  (states) => {
    const [schema] = SCHEMAS;
    if (schema === undefined) throw new Error('no schema');
    const blocks = Array.from({ length: 10 }, (_, i) => {
      const values = Float64Array.of(i, -i);
      return { schema, timeMs: 10 * i, pos: i + 1, values, states };
    });
    const [first, second] = seriesOf(blocks, { inRuns: true, hasDerivedEnds: false });
    expect(first?.values).toHaveLength(10);
    expect(second?.timestamps).toBe(first?.timestamps);
  },
);

test('a host does not end what another host of the same name has begun', () => {
  const collector = new SeriesCollector(100);
  const metric = (series: readonly (readonly string[])[]) =>
    createSchema({
      sampler: 's',
      intervalMs: 10_000,
      metrics: [
        { name: 'm', unit: '', type: 'gauge', encoding: 'float64', scale: 0, labelNames: ['a'], series },
      ],
    });
  const [full, empty] = [metric([['x']]), metric([])];
  const timeline = () =>
    new SamplerTimeline({
      collector,
      columnsOf: (schema) => (schema === full ? [{ index: 0, series: collector.series(LABELS) }] : []),
      hasDerivedEnds: true,
    });
  const [one, other] = [timeline(), timeline()];
  const value = { pos: 1, schema: full, values: Float64Array.of(1) };
  other.add({ ...value, timeMs: 5, states: Uint8Array.of(STATE.PRESENT) });
  one.add({ ...value, timeMs: 10, states: undefined });
  other.add({ ...value, timeMs: 15, states: Uint8Array.of(STATE.ABSENT) });
  other.add({ pos: 2, schema: empty, values: new Float64Array(0), timeMs: 20, states: undefined });
  expect(collector.series(LABELS).finish(new JoinedTimes()).stale).toBeUndefined();
  one.add({ ...value, timeMs: 25, states: Uint8Array.of(STATE.ABSENT) });
  expect(collector.series(LABELS).isLive).toBe(false);
});
