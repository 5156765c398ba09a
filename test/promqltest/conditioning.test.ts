import { describe, expect, it } from 'vitest';
import { Conditioning } from './conditioning.ts';
import { DATA_START_MS, randomNumbers, type DatasetSeries } from './dataset.ts';
import type { ReferenceAnswer } from './reference.ts';

const TIMES = { startMs: DATA_START_MS + 60_000, endMs: DATA_START_MS + 60_000, stepMs: 1_000 };
/** Values whose exact mean is 0.1 and 0. */
const DATASET: readonly DatasetSeries[] = [
  { name: 'tenth', labels: {}, points: [10, 20, 30].map((s) => [DATA_START_MS + s * 1_000, 0.1] as const) },
  {
    name: 'nothing',
    labels: {},
    points: [-3, 1, 2].map((value, i) => [DATA_START_MS + (i + 1) * 10_000, value] as const),
  },
];

function answer(value: number | undefined): ReferenceAnswer {
  const values: [number, string][] =
    value === undefined
      ? []
      : [[TIMES.endMs / 1000, value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value)]];
  return { status: 'success', data: { result: values.length === 0 ? [] : [{ metric: {}, values }] } };
}

describe('an answer that differs', () => {
  it.each<[query: string, theirs: number | undefined, isExplained: boolean]>([
    // Whether there is a value at all hangs on the last digit.
    ['avg_over_time(nothing[1m]) != 0', 1e-17, true],
    ['avg_over_time(nothing[1m]) != 0', undefined, true],
    ['avg_over_time(nothing[1m]) != 0', 1e-3, false],
    ['floor(sum_over_time(tenth[1m]) * 10)', 2, true],
    ['floor(sum_over_time(tenth[1m]) * 10)', 3, true],
    ['floor(sum_over_time(tenth[1m]) * 10)', 4, false],
    // Whether the sum of nothing but -0 is -0 depends on the version; what else is infinite does not.
    ['1 / sum(-(tenth > bool 1))', -Infinity, true],
    ['1 / -(tenth > bool 1)', Infinity, false],
    ['1 / sum(-(tenth > bool 1))', 1, false],
    // Here nothing does, so a wrong formula is found, a slightly wrong one too.
    ['sum_over_time(tenth[1m])', 0.300_001, false],
    ['sum_over_time(tenth[1m])', undefined, false],
    ['sum_over_time(tenth[1m]) > 0.2', undefined, false],
  ])('%s: %s is explained: %s', async (query, theirs, isExplained) => {
    const conditioning = await Conditioning.of(DATASET, randomNumbers(1));
    expect(await conditioning.explains(query, TIMES, answer(theirs))).toBe(isExplained);
  });
});
