import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { describe, expect, it } from 'vitest';
import { Labels } from '../storage/labels.ts';
import { MemoryStorage } from '../storage/memory/memory.ts';
import { MADE_VALUE_LENGTH_MAX } from './evaluate/functions/labels.ts';
import { createQueryEngine, type QueryLimits } from './query.ts';
import { SUBQUERY_STEPS_MAX } from './evaluate/selectors.ts';

const NEVER = new AbortController().signal;

async function engineOf(seriesCount: number, limits: Partial<QueryLimits> = {}) {
  const storage = new MemoryStorage();
  await storage.append(
    Array.from({ length: seriesCount }, (_, i) => ({
      labels: Labels.of({ __name__: 'm', i: `${i}${'-'.repeat(100)}` }),
      samples: [{ timeMs: 0, value: i }],
    })),
  );
  return createQueryEngine({ storage, clock: systemClock, limits });
}

type Engine = Awaited<ReturnType<typeof engineOf>>;

/** What became of a query: an error's code and text, or how many series there are. */
async function outcomeOf(engine: Engine, query: string): Promise<string> {
  try {
    const { value } = await engine.instant(query, { timeMs: 0 }, NEVER);
    return value.kind === 'vector' ? `${value.samples.length} series` : value.kind;
  } catch (error) {
    return error instanceof AppError ? `${error.code}: ${error.message}` : String(error);
  }
}

const ALONE_TOO_LARGE =
  'QUERY_LIMIT: query processing would load too many samples into memory in query execution';

describe('labels that a query makes', () => {
  const TOO_LONG = `QUERY_LIMIT: a label would get more than ${MADE_VALUE_LENGTH_MAX} characters`;

  function doubled(times: number): string {
    let query = 'm';
    for (let i = 0; i < times; i++) query = `label_replace(${query},"i","$1$1","i","(.*)")`;
    return query;
  }

  it('may be long, but not double for ever', async () => {
    const engine = await engineOf(1);
    expect(await outcomeOf(engine, doubled(9))).toBe('1 series');
    expect(await outcomeOf(engine, doubled(10))).toContain(TOO_LONG);
    expect(await outcomeOf(engine, doubled(60))).toContain(TOO_LONG);
  });

  it('are as long as is allowed and no longer, whatever is between the references', async () => {
    const engine = await engineOf(1);
    const replaced = (length: number): string =>
      `label_replace(m, "x", "${'y'.repeat(length)}", "__name__", ".*")`;
    expect(await outcomeOf(engine, replaced(MADE_VALUE_LENGTH_MAX))).toBe('1 series');
    expect(await outcomeOf(engine, replaced(MADE_VALUE_LENGTH_MAX + 1))).toContain(TOO_LONG);
  });

  it('are not joined of thousands either', async () => {
    const engine = await engineOf(1);
    const joined = (count: number): string =>
      `label_join(m, "x", "${'s'.repeat(900)}"${', "i"'.repeat(count)})`;
    expect(await outcomeOf(engine, joined(60))).toBe('1 series');
    expect(await outcomeOf(engine, joined(70))).toContain(TOO_LONG);
    expect(await outcomeOf(engine, joined(20_000))).toContain(TOO_LONG);
  });

  it('are matched against no pattern that is large as well', async () => {
    const engine = await engineOf(1);
    const matched = (value: string, pattern: string): string =>
      `label_replace(${value}, "j", "", "i", "${pattern}")`;
    expect(await outcomeOf(engine, matched(doubled(9), '(.*)-(.*)'))).toBe('1 series');
    expect(await outcomeOf(engine, matched('m', '.*[^y]{0,1000}'.repeat(14)))).toBe('1 series');
    expect(await outcomeOf(engine, matched(doubled(7), '.*[^y]{0,1000}'))).toContain(
      'QUERY_LIMIT: label_replace() would match a label of 12928 characters against a pattern of 2002 steps',
    );
  });

  it('count as memory while the query runs, all together', async () => {
    const engine = await engineOf(20, { samplesMax: 50_000 });
    const joined = `label_join(m, "x", "${'s'.repeat(600)}"${', "i"'.repeat(50)})`;
    expect(await outcomeOf(engine, joined)).toContain(ALONE_TOO_LARGE);
    expect(await outcomeOf(engine, joined.replace('m,', 'topk(5, m),'))).toBe('5 series');
    // What was held has been given back.
    expect(await outcomeOf(engine, joined.replace('m,', 'topk(5, m),'))).toBe('5 series');
  });
});

describe('subqueries', () => {
  const over = (steps: number): string => `sum_over_time(vector(1)[${steps}ms:1ms])`;

  it('are evaluated at a bounded number of times', async () => {
    const engine = await engineOf(1);
    expect(await outcomeOf(engine, over(SUBQUERY_STEPS_MAX + 1))).toContain(
      `a subquery at ${SUBQUERY_STEPS_MAX + 1} times, at most ${SUBQUERY_STEPS_MAX} are allowed`,
    );
    expect(await outcomeOf(engine, over(50_000))).toBe('1 series');
  });

  it('count as memory although they read nothing', async () => {
    const engine = await engineOf(1, { samplesMax: 100_000 });
    expect(await outcomeOf(engine, over(60_000))).toContain(ALONE_TOO_LARGE);
    expect(await outcomeOf(engine, over(30_000))).toBe('1 series');
    // What was held has been given back, and while the query runs.
    expect(await outcomeOf(engine, `${over(30_000)} + ${over(30_000)}`)).toBe('1 series');
  });
});

describe('selectors', () => {
  it('have a bounded number of regular expressions', async () => {
    const engine = await engineOf(1);
    const selector = (count: number): string => `m{${'i!~".*x.*y",'.repeat(count)}}`;
    expect(await outcomeOf(engine, selector(50))).toBe('1 series');
    expect(await outcomeOf(engine, selector(51))).toContain('more than 50 regular expressions');
  });

  it('have no patterns that would grow large', async () => {
    const engine = await engineOf(1);
    const pattern = '.{0,1000}'.repeat(200);
    const startMs = performance.now();
    expect(await outcomeOf(engine, `m{i=~"${pattern}"}`)).toContain('expression too large');
    expect(await outcomeOf(engine, `label_replace(m,"a","b","i","${pattern}")`)).toContain(
      'QUERY_FAILED: invalid regular expression in label_replace()',
    );
    // It took seven seconds.
    expect(performance.now() - startMs).toBeLessThan(3_000);
  });
});

describe('regular expressions of a query', () => {
  it('are bounded in number', async () => {
    const engine = await engineOf(1);
    const query = (count: number): string => Array(count).fill('m{i=~"0.*-"}').join(' or ');
    expect(await outcomeOf(engine, query(400))).toBe('1 series');
    expect(await outcomeOf(engine, query(501))).toContain('more than 500 regular expressions');
  });

  it('are bounded in size, all together', async () => {
    const engine = await engineOf(1);
    const query = (count: number): string =>
      Array.from({ length: count }, (_, i) => `m{i=~".{${i},1000}[0-9]{1000}"}`).join(' or ');
    expect(await outcomeOf(engine, query(9))).toMatch(/^\d series/);
    expect(await outcomeOf(engine, query(11))).toContain('expression too large');
  });
});

describe('group_left', () => {
  it('takes as long as there are labels, not names in the query', async () => {
    const engine = await engineOf(2_000);
    const names = Array.from({ length: 12_000 }, (_, i) => `a${i}`).join(',');
    const startMs = performance.now();
    expect(await outcomeOf(engine, `m * on (__name__, i) group_left (${names}) m`)).toBe('2000 series');
    // It took sixteen seconds.
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });
});
