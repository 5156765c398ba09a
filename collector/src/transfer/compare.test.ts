import { describe, expect, test } from 'vitest';
import { Labels } from '../storage/labels.ts';
import { MemoryStorage } from '../storage/memory/memory.ts';
import type { AppendSample } from '../storage/storage.ts';
import { compareStores } from './compare.ts';

type Samples = readonly (readonly [timeMs: number, value: number | 'stale'])[];

async function storeOf(series: Readonly<Record<string, Samples>>): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  for (const [text, points] of Object.entries(series)) {
    const [name = '', a = ''] = text.split(' ');
    const samples: AppendSample[] = points.map(([timeMs, value]) =>
      value === 'stale' ? { timeMs, value: 0, isStale: true } : { timeMs, value },
    );
    await storage.append([{ labels: Labels.of({ __name__: name, a }), samples }]);
  }
  return storage;
}

async function differences(
  own: Readonly<Record<string, Samples>>,
  other: Readonly<Record<string, Samples>>,
  samplesMax = 1_000,
): Promise<readonly string[]> {
  const stores = { own: await storeOf(own), other: await storeOf(other) };
  const request = { fromMs: 0, toMs: 100, samplesMax };
  const found: string[] = [];
  for await (const metric of compareStores(stores, request, new AbortController().signal)) {
    for (const one of metric.differences) {
      found.push(`${one.labels.toString()} ${one.own?.count ?? '-'} ${one.other?.count ?? '-'}`);
    }
  }
  return found;
}

const SAME = {
  'm x': [
    [1, 0.1],
    [2, 0.2],
    [3, 0.3],
  ],
  n: [[1, 5]],
} as const;

describe('two stores', () => {
  test('that hold the same differ in nothing, also when little is read at a time', async () => {
    expect(await differences(SAME, SAME)).toEqual([]);
    expect(await differences(SAME, SAME, 1)).toEqual([]);
  });

  test('differ by series that one of them lacks', async () => {
    expect(await differences(SAME, { 'm x': SAME['m x'], o: [[1, 1]] })).toEqual(['n 1 -', 'o - 1']);
    expect(await differences(SAME, {})).toEqual(['m{a="x"} 3 -', 'n 1 -']);
    expect(await differences({}, {})).toEqual([]);
  });

  test.each([
    [
      'one sample less',
      [
        [1, 0.1],
        [3, 0.3],
      ],
    ],
    [
      'another time at the end',
      [
        [1, 0.1],
        [2, 0.2],
        [4, 0.3],
      ],
    ],
    [
      'another time at the start',
      [
        [0, 0.1],
        [2, 0.2],
        [3, 0.3],
      ],
    ],
    [
      'another value',
      [
        [1, 0.1],
        [2, 0.2],
        [3, 0.300001],
      ],
    ],
  ] as const)('differ by %s', async (_title, points) => {
    expect(await differences(SAME, { ...SAME, 'm x': points })).toHaveLength(1);
  });

  test('do not differ by what some stores cannot hold, or by the last bits', async () => {
    const own = {
      m: [
        [1, 0.1],
        [2, 'stale'],
        [3, Number.NaN],
        [4, Infinity],
        [5, 1e15],
      ],
    } as const;
    expect(
      await differences(own, {
        m: [
          [1, 0.1 + 2e-17],
          [5, 1e15],
        ],
      }),
    ).toEqual([]);
    expect(await differences({ m: [[1, 'stale']] }, {})).toEqual([]);
  });

  test('are compared within the range only', async () => {
    expect(
      await differences(
        {
          m: [
            [1, 1],
            [101, 2],
          ],
        },
        { m: [[1, 1]] },
      ),
    ).toEqual([]);
  });
});
