import { setImmediate } from 'node:timers/promises';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import { Labels } from '../storage/labels.ts';
import { MemoryStorage } from '../storage/memory/memory.ts';
import { readRequest } from '../storage/remote-protocol/testing/read-request.ts';
import type { StorageReader } from '../storage/storage.ts';
import { createAnswers, type Answers, type JsonAnswer } from './answers.ts';
import { createQueryEngine, type QueryEngineOptions } from './query.ts';

const NEVER = new AbortController().signal;
const BODY = readRequest({ fromMs: 0, toMs: 1e9 }, [[0, '__name__', 'm']]);
const LIMITS = { readRequestBytes: 1_000, queriesPerRead: 16, matchersPerQuery: 64, samplesPerRead: 1e6 };

const KINDS: readonly (readonly [
  kind: string,
  ask: (from: Answers, signal?: AbortSignal) => Promise<JsonAnswer>,
])[] = [
  [
    'federation',
    (from, signal = NEVER) => from.newest({ selectors: ['m'], fromMs: 0, toMs: 1e9, limit: 1e6 }, signal),
  ],
  ['remote reads', (from, signal = NEVER) => from.remoteRead({ body: BODY, limits: LIMITS }, signal)],
];

/** Answers over so many series with so many samples. */
async function world(
  {
    series,
    samples,
    isStale = false,
  }: { readonly series: number; readonly samples: number; readonly isStale?: boolean },
  options: Partial<QueryEngineOptions> = {},
) {
  const memory = new MemoryStorage();
  await memory.append(
    Array.from({ length: series }, (_, i) => ({
      labels: Labels.of({ __name__: 'm', i: String(i) }),
      samples: Array.from({ length: samples }, (_unused, k) => ({ timeMs: k * 1_000, value: k, isStale })),
    })),
  );
  let reads = 0;
  let waiting: Promise<unknown> | undefined;
  const storage: StorageReader = {
    series: (...call) => memory.series(...call),
    labelNames: (...call) => memory.labelNames(...call),
    labelValues: (...call) => memory.labelValues(...call),
    async select(...call) {
      reads++;
      await waiting;
      return memory.select(...call);
    },
  };
  const engine = createQueryEngine({ storage, clock: systemClock, ...options });
  return {
    answers: createAnswers({ engine, storage, extent: () => memory.stats(), clock: systemClock }),
    reads: () => reads,
    /** The store answers no read before this has settled. */
    holdUp: (until: Promise<unknown>) => void (waiting = until),
  };
}

describe.each(KINDS)('%s', (_kind, ask) => {
  it('wait for a place among queries', async () => {
    const { answers, reads, holdUp } = await world(
      { series: 1, samples: 1 },
      { limits: { concurrentMax: 2 } },
    );
    const held = Promise.withResolvers<undefined>();
    holdUp(held.promise);
    const query = answers.instant('m', { timeMs: 0, limit: 0 }, NEVER);
    const asked = Array.from({ length: 5 }, () => ask(answers));
    await setImmediate();
    expect(reads()).toBe(2);
    held.resolve(undefined);
    await Promise.all([query, ...asked]);
    expect(reads()).toBe(6);
  });

  it('take no longer than a query may', async () => {
    const clock = new FakeClock();
    const { answers, holdUp } = await world(
      { series: 1, samples: 1 },
      { clock, limits: { timeoutMs: 1_000 } },
    );
    holdUp(new Promise(() => undefined));
    const outcome = ask(answers).catch((error: unknown) => error);
    await clock.advance(1_000);
    expect(await outcome).toMatchObject({ code: 'QUERY_TIMEOUT' });
  });

  it('count what they hold with queries, until they are done', async () => {
    const limits = { samplesMax: 1_000 };
    const { answers, holdUp } = await world({ series: 1, samples: 200 }, { limits });
    for (let round = 0; round < 20; round++) await expect(ask(answers)).resolves.toBeDefined();
    const held = Promise.withResolvers<undefined>();
    holdUp(held.promise);
    const asked = Array.from({ length: 6 }, () => ask(answers));
    await setImmediate();
    held.resolve(undefined);
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.map(({ status }) => status)).toContain('rejected');
    await expect(ask(answers)).resolves.toBeDefined();
    const { answers: large } = await world({ series: 1, samples: 1_000 }, { limits });
    await expect(ask(large)).rejects.toMatchObject({ code: 'QUERY_LIMIT' });
  });

  it('say what the answer takes until it is taken', async () => {
    const { answers } = await world({ series: 100, samples: 1 });
    const { data, values = 0 } = await ask(answers);
    let bytes = 0;
    for await (const piece of data) bytes += piece.length;
    expect(values * 8).toBeGreaterThan(bytes / 2);
    // Remote reads are packed as they are taken.
    expect(values * 8).toBeLessThan(bytes * 10);
  });
});

it.each([
  ['have ended', { isStale: true, selectors: ['m'] }],
  ['fit again', { isStale: false, selectors: ['m', 'm', 'm'] }],
])('federation gives way among series that %s', async (_, { isStale, selectors }) => {
  let [turns, nowMs] = [0, 0];
  const { answers } = await world(
    { series: 1_000, samples: 1, isStale },
    {
      clock: { ...systemClock, monoMs: () => (nowMs += 100) },
      yieldTurn: () => {
        turns++;
        return Promise.resolve();
      },
    },
  );
  await answers.newest({ selectors, fromMs: 0, toMs: 1e9, limit: 1e6 }, NEVER);
  // Two looks at the clock, or three, in each pass.
  expect(turns).toBeGreaterThanOrEqual(2 * selectors.length);
});
