import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import { createQueryEngine } from '../query.ts';

const NEVER = new AbortController().signal;
const SERIES = 100;
/** Steps of a range, so that an intermediate result of all series has 10,000 values, and 1,600 for its columns. */
const STEPS = 100;
const RANGE = { startMs: 0, endMs: STEPS - 1, stepMs: 1 };

async function engineOf(samplesMax: number) {
  const storage = new MemoryStorage();
  await storage.append(
    Array.from({ length: SERIES }, (_, i) => ({
      labels: Labels.of({ __name__: 'm', i: `${i}` }),
      samples: [{ timeMs: 0, value: i }],
    })),
  );
  const engine = createQueryEngine({ storage, clock: systemClock, limits: { samplesMax } });
  return async (query: string, signal = NEVER): Promise<string> => {
    try {
      const { value } = await engine.range(query, RANGE, signal);
      return value.kind === 'matrix' ? `${value.series.length} series` : value.kind;
    } catch (error) {
      return error instanceof AppError ? `${error.code}: ${error.message}` : String(error);
    }
  };
}

/** `m or (m or (m or …))` with `depth` operands that wait for the last. */
function deep(depth: number): string {
  let query = 'm';
  for (let i = 0; i < depth; i++) query = `(m or ${query})`;
  return query;
}

const TOO_LARGE = 'QUERY_LIMIT: query processing would load too many samples into memory in query execution';

describe('intermediate results', () => {
  it('that wait for others count together, however deep they lie', async () => {
    const outcomeOf = await engineOf(60_000);
    expect(await outcomeOf(deep(4))).toBe('100 series');
    expect(await outcomeOf(deep(5))).toContain(TOO_LARGE);
    expect(await outcomeOf(deep(200))).toContain(TOO_LARGE);
    // What was taken by those is given back.
    expect(await outcomeOf(deep(4))).toBe('100 series');
  });

  it('that nobody needs any more do not count', async () => {
    const outcomeOf = await engineOf(30_000);
    let query = 'm';
    for (let i = 0; i < 100; i++) query = `abs(${query})`;
    expect(await outcomeOf(query)).toBe('100 series');
    const sums = Array.from({ length: 40 }, () => 'sum(m)').join(' + ');
    expect(await outcomeOf(sums)).toBe('1 series');
  });

  it('of scalars and of parts that never change count too', async () => {
    const outcomeOf = await engineOf(5_000);
    let scalars = 'time()';
    let constant = 'scalar(m @ 0)';
    for (let i = 0; i < 50; i++) {
      scalars = `(time() + ${scalars})`;
      constant = `(time() + (scalar(m @ 0) + ${constant}))`;
    }
    expect(await outcomeOf(`${scalars} * 1`)).toContain(TOO_LARGE);
    expect(await outcomeOf(constant)).toContain(TOO_LARGE);
    expect(await outcomeOf('time() + time()')).toBe('1 series');
  });

  it('of queries that run at the same time count together', async () => {
    const outcomeOf = await engineOf(40_000);
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => outcomeOf(deep(2))));
    const refused = outcomes.filter((text) =>
      text.startsWith('QUERY_LIMIT: the queries that run now hold more'),
    );
    expect(refused.length).toBeGreaterThan(0);
    expect(outcomes.filter((text) => text === '100 series')).toHaveLength(10 - refused.length);
    expect(await outcomeOf(deep(2))).toBe('100 series');
  });

  it('of a query that was left are given back', async () => {
    const outcomeOf = await engineOf(60_000);
    for (let i = 0; i < 10; i++) {
      const left = new AbortController();
      const outcome = outcomeOf(deep(4), left.signal);
      left.abort();
      expect(await outcome).toContain('QUERY_CANCELED');
    }
    expect(await outcomeOf(deep(4))).toBe('100 series');
  });
});
