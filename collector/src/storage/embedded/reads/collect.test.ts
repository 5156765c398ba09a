import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { Labels } from '../../labels.ts';
import { createSchema } from '@rollcall/shared/protocol/schema.ts';
import { STATE, type Block } from '../blocks/block.ts';
import { SamplerTimeline, SeriesCollector } from './collect.ts';
import { GrowingSeries } from './growing-series.ts';
import { JoinedTimes } from '../recent/joined-times.ts';
import { Readings } from '../recent/readings.ts';

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

test('series are told apart by their labels, however many have the same number', () => {
  const number = vi.spyOn(Labels.prototype, 'hashCode', 'get').mockReturnValue(7);
  const collector = new SeriesCollector(100);
  const nameOf = (i: number): Labels => Labels.of({ __name__: 'm', i: `${i % 20}` });
  const times = Float64Array.of(5);
  for (let i = 0; i < 40; i++) if (i % 20 > 0) collector.series(nameOf(i)).pushOne(times, i);
  collector.series(nameOf(0));
  const grown = [...collector.grown()].map((series) => series.finish(new JoinedTimes()));
  number.mockRestore();
  expect(grown.map(({ labels, values }) => [labels.get('i'), ...values])).toEqual(
    Array.from({ length: 19 }, (_, at) => [`${at + 1}`, at + 1]),
  );
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

/** The series of readings: all samples, in runs or one by one, or only the newest ones. */
function seriesOf(
  blocks: readonly Block[],
  { by, hasDerivedEnds }: { readonly by: 'runs' | 'blocks' | 'newest'; readonly hasDerivedEnds: boolean },
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
  const runs = readings.runs(0, 1e9, 1e9);
  if (by === 'runs') timeline.addRuns(runs);
  else if (by === 'newest') timeline.addNewest(runs);
  else for (const block of blocks) timeline.add(block);
  const times = new JoinedTimes();
  return Array.from(collector.grown(), (series) => series.finish(times));
}

const state = fc.constantFrom(STATE.PRESENT, STATE.PRESENT, STATE.PRESENT, STATE.ABSENT, STATE.STALE);

/** Readings in order of time; what the collector stores of one time may stand in two of them. */
const readingLists = fc
  .array(
    fc.record({
      schema: fc.constantFrom(0, 0, 0, 1),
      states: fc.option(fc.tuple(state, state), { nil: undefined, freq: 2 }),
      gap: fc.constantFrom(1, 1, 5),
      isInTwo: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  .map((list) => {
    let timeMs = 0;
    let pos = 0;
    return list.flatMap(({ schema: at, states, gap, isInTwo }, i): Block[] => {
      const schema = SCHEMAS[at];
      if (schema === undefined) return [];
      timeMs += gap;
      const block = (of: readonly number[] | undefined): Block => {
        const values = Float64Array.of(i, -i);
        return { schema, timeMs, pos: ++pos, values, states: of && Uint8Array.from(of) };
      };
      const [first, second] = states ?? [STATE.PRESENT, STATE.PRESENT];
      return isInTwo ? [block([first, STATE.ABSENT]), block([STATE.ABSENT, second])] : [block(states)];
    });
  });

test('readings that come in runs make the same series as one by one', () => {
  fc.assert(
    fc.property(readingLists, fc.boolean(), (blocks, hasDerivedEnds) => {
      expect(seriesOf(blocks, { by: 'runs', hasDerivedEnds })).toEqual(
        seriesOf(blocks, { by: 'blocks', hasDerivedEnds }),
      );
    }),
  );
});

test('the newest samples alone are those that come last among all', () => {
  fc.assert(
    fc.property(readingLists, (blocks) => {
      const lastOf = (by: 'blocks' | 'newest') =>
        seriesOf(blocks, { by, hasDerivedEnds: false })
          .map(({ labels, timestamps, values, stale }) => ({
            labels: labels.key,
            timeMs: timestamps.at(-1),
            value: values.at(-1),
            isStale: stale?.at(-1) === 1,
          }))
          .sort((left, right) => (left.labels < right.labels ? -1 : 1));
      expect(lastOf('newest')).toEqual(lastOf('blocks'));
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
    const [first, second] = seriesOf(blocks, { by: 'runs', hasDerivedEnds: false });
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
