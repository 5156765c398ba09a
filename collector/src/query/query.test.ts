import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../storage/labels.ts';
import { MemoryStorage } from '../storage/memory/memory.ts';
import type { SelectRequest, StorageReader } from '../storage/storage.ts';
import { CALLABLE_NAMES } from './evaluate/calls.ts';
import { FUNCTION_NAMES } from './evaluate/functions/signatures.ts';
import { inTurns } from './gate.ts';
import { createQueryEngine } from './query.ts';
import type { QueryEngineOptions } from './query.ts';
import type { QueryResult } from './results.ts';
import { exprArbitrary } from './testing/expr-arbitrary.ts';
import { printExpr } from './parse/print.ts';

const NEVER = new AbortController().signal;

/** Series `m{i="0"}` and so on with a sample each second from 0 on. */
async function storageOf(seriesCount: number, sampleCount: number): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  await storage.append(
    Array.from({ length: seriesCount }, (_, i) => ({
      labels: Labels.of({ __name__: 'm', i: String(i) }),
      samples: Array.from({ length: sampleCount }, (_, k) => ({ timeMs: k * 1000, value: i + k })),
    })),
  );
  return storage;
}

function engineOn(storage: StorageReader, options: Partial<QueryEngineOptions> = {}) {
  return createQueryEngine({ storage, clock: systemClock, ...options });
}

function textOf({ value }: QueryResult): readonly string[] {
  if (value.kind === 'vector')
    return value.samples.map(({ labels, value: one }) => `${labels.toString()} ${one}`);
  if (value.kind === 'matrix')
    return value.series.map(({ labels, values }) => `${labels.toString()} ${values.join(' ')}`);
  return [];
}

describe('functions', () => {
  it('have both a signature and code', () => {
    expect([...CALLABLE_NAMES].sort()).toEqual([...FUNCTION_NAMES].sort());
  });
});

describe('what is asked of the store', () => {
  /** Records the ranges that a query selects. */
  async function rangesOf(query: string, isRange: boolean) {
    const requests: SelectRequest[] = [];
    const storage = new MemoryStorage();
    const recorder: StorageReader = {
      select: (request, signal) => {
        requests.push(request);
        return storage.select(request, signal);
      },
      series: (request, signal) => storage.series(request, signal),
      labelNames: (request, signal) => storage.labelNames(request, signal),
      labelValues: (name, request, signal) => storage.labelValues(name, request, signal),
    };
    const engine = engineOn(recorder);
    if (isRange) await engine.range(query, { startMs: 1_000_000, endMs: 2_000_000, stepMs: 10_000 }, NEVER);
    else await engine.instant(query, { timeMs: 1_000_000 }, NEVER);
    return requests.map(({ fromMs, toMs, hints }) => ({ fromMs, toMs, ...hints }));
  }

  it.each([
    ['m', false, [{ fromMs: 700_001, toMs: 1_000_000, stepMs: 0 }]],
    ['m', true, [{ fromMs: 700_001, toMs: 2_000_000, stepMs: 10_000 }]],
    ['m offset 1m', false, [{ fromMs: 640_001, toMs: 940_000, stepMs: 0 }]],
    ['m @ 500', true, [{ fromMs: 200_001, toMs: 500_000, stepMs: 0 }]],
    ['m @ end()', true, [{ fromMs: 1_700_001, toMs: 2_000_000, stepMs: 0 }]],
    [
      'rate(m[1m])',
      true,
      [{ fromMs: 940_001, toMs: 2_000_000, stepMs: 10_000, rangeMs: 60_000, functionName: 'rate' }],
    ],
    ['max_over_time(m[2m:1m])', false, [{ fromMs: 600_001, toMs: 960_000, stepMs: 60_000 }]],
  ])('%s', async (query, isRange, expected) => {
    expect(await rangesOf(query, isRange)).toEqual(expected);
  });

  it('reads the same selection only once', async () => {
    expect(await rangesOf('(m - m offset 0s) / m + m @ 5 * m @ 5', true)).toHaveLength(2);
  });

  it('evaluates what never changes at one time only', async () => {
    expect(await rangesOf('m + on () group_left sum(max_over_time(m[1h:1s] @ 500))', true)).toEqual([
      { fromMs: 700_001, toMs: 2_000_000, stepMs: 10_000 },
      { fromMs: -3_398_999, toMs: 500_000, stepMs: 1000 },
    ]);
  });
});

describe('results', () => {
  it('come in label order', async () => {
    const engine = engineOn(await storageOf(12, 1));
    const { value } = await engine.instant('m or vector(1) * 2', { timeMs: 0 }, NEVER);
    const order = value.kind === 'vector' ? value.samples.map(({ labels }) => labels) : [];
    expect(order).toEqual(order.toSorted(Labels.compare));
    expect(order).toHaveLength(13);
  });

  it('have gaps where there is nothing', async () => {
    const storage = new MemoryStorage();
    const labels = Labels.of({ __name__: 'm' });
    await storage.append([{ labels, samples: [1, 5].map((k) => ({ timeMs: k * 1000, value: k })) }]);
    const { value } = await engineOn(storage).range(
      'm',
      { startMs: 0, endMs: 6000, stepMs: 1000, lookbackMs: 1500 },
      NEVER,
    );
    expect(value).toEqual({
      kind: 'matrix',
      series: [
        {
          labels,
          timestamps: Float64Array.of(1000, 2000, 5000, 6000),
          values: Float64Array.of(1, 1, 5, 5),
        },
      ],
    });
  });

  it('keep label values with any characters', async () => {
    const storage = new MemoryStorage();
    const labels = Labels.of({ __name__: 'm', 'ä.b': '😀"\\\n', x: '\u0000' });
    await storage.append([{ labels, samples: [{ timeMs: 0, value: 1 }] }]);
    const engine = engineOn(storage);
    for (const query of [
      '{"ä.b"="😀\\"\\\\\\n"}',
      '{"ä.b"=~"..\\\\\\\\."}',
      'm{x="\\x00"}',
      'sum by ("ä.b", x, __name__) (m)',
    ]) {
      const { value } = await engine.instant(query, { timeMs: 0 }, NEVER);
      expect(value).toMatchObject({ kind: 'vector', samples: [{ labels }] });
    }
  });

  it('are the same at each step of a range as at that time alone', async () => {
    const engine = engineOn(await storageOf(4, 60));
    const queries = [
      'm',
      'sum(m) / count(m)',
      'rate(m[10s])',
      'topk(2, m)',
      'm > 30 or m < 10',
      'quantile(0.3, m)',
    ];
    queries.push(
      'max_over_time(deriv(m[9s])[20s:3s])',
      'm * on (i) group_left () (m > 20)',
      'count_values("v", m)',
    );
    for (const query of queries) {
      const range = await engine.range(query, { startMs: 7_000, endMs: 70_000, stepMs: 9_000 }, NEVER);
      if (range.value.kind !== 'matrix') throw new Error('no matrix');
      for (let timeMs = 7_000; timeMs <= 70_000; timeMs += 9_000) {
        const { value } = await engine.instant(query, { timeMs }, NEVER);
        const alone = value.kind === 'vector' ? value.samples.map((one) => [one.labels.key, one.value]) : [];
        const inRange = range.value.series.flatMap(({ labels, timestamps, values }) => {
          const i = timestamps.indexOf(timeMs);
          return i === -1 ? [] : [[labels.key, values[i]]];
        });
        expect(new Map(inRange.map(([key, one]) => [key, one]))).toEqual(
          new Map(alone.map(([key, one]) => [key, one])),
        );
      }
    }
  });
});

describe('limits', () => {
  const times = { startMs: 0, endMs: 100_000, stepMs: 1000 };

  it('refuses queries that load too many samples', async () => {
    const engine = engineOn(await storageOf(10, 100), { limits: { samplesMax: 500 } });
    await expect(engine.instant('m[1h]', { timeMs: 100_000 }, NEVER)).rejects.toMatchObject({
      code: 'QUERY_LIMIT',
    });
    await expect(engine.instant('m[40s]', { timeMs: 99_000 }, NEVER)).resolves.toBeDefined();
    const twice = 'sum(count_over_time(m[40s])) + sum(count_over_time(m[41s]))';
    await expect(engine.instant(twice, { timeMs: 99_000 }, NEVER)).rejects.toMatchObject({
      code: 'QUERY_LIMIT',
    });
  });

  it('refuses intermediate results that are too large', async () => {
    const engine = engineOn(await storageOf(10, 1), { limits: { samplesMax: 500 } });
    await expect(engine.range('m', times, NEVER)).rejects.toMatchObject({ code: 'QUERY_LIMIT' });
    await expect(engine.range('sum(m @ 0)', times, NEVER)).resolves.toBeDefined();
    await expect(engine.range('m @ 0', times, NEVER)).rejects.toMatchObject({ code: 'QUERY_LIMIT' });
    const subquery = engine.instant('sum_over_time(vector(1)[1000y:1ms])', { timeMs: 0 }, NEVER);
    await expect(subquery).rejects.toMatchObject({ code: 'BAD_QUERY' });
    const long = engine.instant('sum_over_time(vector(1)[290y:1ms])', { timeMs: 0 }, NEVER);
    await expect(long).rejects.toMatchObject({ code: 'QUERY_LIMIT' });
  });

  it('refuses results of too many series', async () => {
    const engine = engineOn(await storageOf(10, 1), { limits: { seriesMax: 9 } });
    await expect(engine.instant('m', { timeMs: 0 }, NEVER)).rejects.toMatchObject({ code: 'QUERY_LIMIT' });
    await expect(engine.instant('m{i!="3"}', { timeMs: 0 }, NEVER)).resolves.toBeDefined();
  });

  it.each([
    [{ startMs: 0, endMs: 101_000, stepMs: 1000 }],
    [{ startMs: 1, endMs: 0, stepMs: 1000 }],
    [{ startMs: 0, endMs: 1, stepMs: 0 }],
    [{ startMs: 0, endMs: 1, stepMs: -1 }],
    [{ startMs: NaN, endMs: 1, stepMs: 1 }],
    [{ startMs: 0, endMs: Infinity, stepMs: 1 }],
    [{ startMs: 0, endMs: 1, stepMs: NaN }],
  ])('refuses the steps %j', async (steps) => {
    const engine = engineOn(new MemoryStorage(), { limits: { pointsMax: 100 } });
    const run = async () => engine.range('1', steps, NEVER);
    await expect(run()).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });
});

/** Each look at it finds a millisecond gone. */
class TickingClock extends FakeClock {
  #lookCount = 0;

  override monoMs(): number {
    return this.#lookCount++;
  }
}

describe('long queries', () => {
  const heavy = 'sum_over_time(sum_over_time(vector(1)[20000:1])[20000:1])';

  it('end when the caller leaves', async () => {
    const controller = new AbortController();
    const yieldTurn = () => {
      controller.abort();
      return nextTurn();
    };
    const engine = engineOn(new MemoryStorage(), { yieldTurn });
    const query = engine.instant(heavy, { timeMs: 0 }, controller.signal);
    await expect(query).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
  });

  it('do not even start for a caller who has left', async () => {
    const engine = engineOn(await storageOf(1, 1));
    const query = engine.instant('m', { timeMs: 0 }, AbortSignal.abort());
    await expect(query).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
  });

  it('end after the time allowed, or the shorter one asked for', async () => {
    const engine = engineOn(new MemoryStorage(), { limits: { timeoutMs: 15 } });
    await expect(engine.instant(heavy, { timeMs: 0 }, NEVER)).rejects.toMatchObject({
      code: 'QUERY_TIMEOUT',
    });
    const patient = engineOn(new MemoryStorage());
    const query = patient.instant(heavy, { timeMs: 0, timeoutMs: 15 }, NEVER);
    await expect(query).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' });
  });

  it('end after the time allowed when the store does not answer', async () => {
    const clock = new FakeClock();
    const storage = new MemoryStorage();
    storage.select = () => new Promise(() => {});
    const query = engineOn(storage, { clock }).instant('m', { timeMs: 0 }, NEVER);
    await Promise.all([
      expect(query).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' }),
      clock.advance(120_000),
    ]);
    expect(clock.timerCount).toBe(0);
  });

  it('give others a turn', async () => {
    let turns = 0;
    const engine = engineOn(new MemoryStorage(), {
      clock: new TickingClock(),
      yieldTurn: () => {
        turns++;
        return Promise.resolve();
      },
    });
    await engine.instant('sum_over_time(sum_over_time(vector(1)[1000:1])[1000:1])', { timeMs: 0 }, NEVER);
    expect(turns).toBeGreaterThan(2);
  });
});

describe('queries at the same time', () => {
  it('wait for a place, and go on in order', async () => {
    const storage = await storageOf(1, 1);
    let running = 0;
    let runningMost = 0;
    const select = storage.select.bind(storage);
    storage.select = async (request, signal) => {
      runningMost = Math.max(runningMost, ++running);
      await nextTurn();
      running--;
      return select(request, signal);
    };
    const engine = engineOn(storage, { limits: { concurrentMax: 2 } });
    const finished: number[] = [];
    await Promise.all(
      [0, 1, 2, 3, 4].map(async (i) => {
        await engine.instant('m', { timeMs: 0 }, NEVER);
        finished.push(i);
      }),
    );
    expect(runningMost).toBe(2);
    expect(finished).toEqual([0, 1, 2, 3, 4]);
  });

  it('give up waiting when their time is over or the caller leaves, and keep no place', async () => {
    const storage = await storageOf(1, 1);
    const select = storage.select.bind(storage);
    let release = (): void => {};
    storage.select = async (request, signal) => {
      await new Promise<void>((resolve) => (release = resolve));
      return select(request, signal);
    };
    const engine = engineOn(storage, { limits: { concurrentMax: 1 } });
    const first = engine.instant('m', { timeMs: 0 }, NEVER);
    const late = engine.instant('m', { timeMs: 0, timeoutMs: 5 }, NEVER);
    await expect(late).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' });
    const left = engine.instant('m', { timeMs: 0 }, AbortSignal.timeout(5));
    await expect(left).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
    release();
    await expect(first).resolves.toBeDefined();
    storage.select = select;
    await expect(engine.instant('m', { timeMs: 0 }, NEVER)).resolves.toBeDefined();
  });

  it('take turns of the event loop one by one', async () => {
    const order: string[] = [];
    const takeTurn = inTurns(() => {
      order.push('turn');
      return nextTurn();
    });
    await Promise.all(['a', 'b', 'c'].map((name) => takeTurn().then(() => order.push(name))));
    expect(order).toEqual(['turn', 'a', 'turn', 'b', 'turn', 'c']);
  });
});

describe('hostile input', () => {
  it('answers or refuses any expression, but never breaks', async () => {
    const storage = await storageOf(3, 20);
    const engine = engineOn(storage, { limits: { samplesMax: 10_000 } });
    const codes = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(exprArbitrary, async (expr) => {
        const text = printExpr(expr).replaceAll(/m_\w*/g, 'm');
        await engine
          .range(text, { startMs: 0, endMs: 20_000, stepMs: 5_000 }, NEVER)
          .catch((error: unknown) => {
            codes.add(error instanceof AppError ? error.code : error);
          });
      }),
      { numRuns: 50 },
    );
    expect(
      [...codes].filter((code) => !['BAD_QUERY', 'QUERY_FAILED', 'QUERY_LIMIT'].includes(String(code))),
    ).toEqual([]);
  });

  it('matches evil regular expressions in linear time', async () => {
    const storage = new MemoryStorage();
    const evil = 'a'.repeat(2_000);
    await storage.append([
      { labels: Labels.of({ __name__: 'm', evil }), samples: [{ timeMs: 0, value: 1 }] },
    ]);
    const engine = engineOn(storage);
    const { value } = await engine.instant('m{evil=~"(a+)+b|(a|a)*c|(.*)*d"}', { timeMs: 0 }, NEVER);
    expect(value).toMatchObject({ samples: [] });
    const replaced = await engine.instant(
      'label_replace(m, "x", "$1", "evil", "((a+)+)+")',
      { timeMs: 0 },
      NEVER,
    );
    expect(textOf(replaced)[0]).toContain(`x="${evil}"`);
  });

  it('survives numbers at the edges', async () => {
    const engine = engineOn(await storageOf(1, 1));
    const queries = [
      'm ^ 1e308',
      'm % 0',
      'round(m, 0)',
      'clamp(m, NaN, NaN)',
      'year(m * 1e300)',
      'topk(-1e18, m)',
    ];
    queries.push(
      'quantile_over_time(NaN, m[5m])',
      'm offset 290y',
      'm @ 9e15',
      'predict_linear(m[5m], Inf)',
      'm[290y]',
    );
    for (const query of queries) {
      await expect(engine.instant(query, { timeMs: 0 }, NEVER)).resolves.toBeDefined();
    }
    await expect(engine.instant('m', { timeMs: Number.MAX_SAFE_INTEGER }, NEVER)).resolves.toBeDefined();
  });

  it('evaluates trees of the allowed depth', async () => {
    const engine = engineOn(await storageOf(1, 1));
    const chain = Array.from({ length: 499 }, () => 'm').join(' + ');
    expect(textOf(await engine.instant(chain, { timeMs: 0 }, NEVER))).toEqual(['{i="0"} 0']);
    const nested = `${'abs('.repeat(499)}m${')'.repeat(499)}`;
    expect(textOf(await engine.instant(nested, { timeMs: 0 }, NEVER))).toEqual(['{i="0"} 0']);
  });

  it('answers several queries at once', async () => {
    const engine = engineOn(await storageOf(5, 50));
    const queries = Array.from({ length: 20 }, (_, i) => `sum(m) + ${i}`);
    const results = await Promise.all(queries.map((query) => engine.instant(query, { timeMs: 0 }, NEVER)));
    expect(results.map((result) => textOf(result)[0])).toEqual(queries.map((_, i) => `{} ${10 + i}`));
  });
});

describe('the samples of all queries together', () => {
  it('are bounded, and are given back at the end of each', async () => {
    const engine = engineOn(await storageOf(10, 100), { limits: { samplesMax: 1_500 } });
    const ask = (): Promise<string> =>
      engine.range('rate(m[50s]) + 0', { startMs: 60_000, endMs: 99_000, stepMs: 1_000 }, NEVER).then(
        () => 'answered',
        (error: unknown) => (error instanceof AppError ? error.code : 'other'),
      );
    expect((await Promise.all([ask(), ask()])).sort()).toEqual(['QUERY_LIMIT', 'answered']);
    expect(await ask()).toBe('answered');
  });
});
