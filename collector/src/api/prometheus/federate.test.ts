import { once } from 'node:events';
import { createServer } from 'node:http';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import express from 'express';
import { afterEach, expect, it } from 'vitest';
import { createAnswers } from '../../query/answers.ts';
import { createQueryEngine } from '../../query/query.ts';
import { Labels } from '../../storage/labels.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import { federateHandler, type FederateOptions } from './federate.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const LOOKBACK_MS = 300_000;

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

type Given = readonly [labels: Readonly<Record<string, string>>, ageMs: number, value: number];

/** Asks a server over these samples. */
async function ask(given: readonly Given[], query: string, options: Partial<FederateOptions> = {}) {
  const storage = new MemoryStorage();
  for (const [labels, ageMs, value] of given) {
    const isStale = Number.isNaN(value);
    await storage.append([
      {
        labels: Labels.of(labels),
        samples: [{ timeMs: NOW_MS - ageMs, value, ...(isStale ? { isStale } : {}) }],
      },
    ]);
  }
  const engine = createQueryEngine({ storage, clock: systemClock });
  const handler = federateHandler({
    answers: createAnswers({ engine, storage, extent: () => storage.stats(), clock: systemClock }),
    clock: new FakeClock(NOW_MS),
    log: silentLogger,
    lookbackMs: LOOKBACK_MS,
    seriesMax: 100,
    ...options,
  });
  const server = createServer(express().get('/federate', handler)).listen(0, '127.0.0.1');
  stops.push(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : '';
  const response = await fetch(`http://127.0.0.1:${port}/federate?${query}`);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const match = (...selectors: readonly string[]): string =>
  new URLSearchParams(selectors.map((one): [string, string] => ['match[]', one])).toString();

it('gives the newest sample of each series with its own time, by metric', async () => {
  const { status, headers, text } = await ask(
    [
      [{ __name__: 'up', instance: 'b', job: 'node' }, 20_000, 0],
      [{ __name__: 'up', instance: 'b', job: 'node' }, 10_000, 1],
      [{ __name__: 'up', instance: 'a', job: 'node' }, 9_999, -0],
      [{ __name__: 'load', Zone: 'x', instance: 'a' }, 1_000, 1e-7],
      [{ __name__: 'other' }, 1_000, 3],
    ],
    match('{instance=~".+"}', 'up'),
  );
  expect(status).toBe(200);
  expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(headers.get('content-encoding')).toBe('gzip');
  expect(text.split('\n')).toEqual([
    '# TYPE load untyped',
    `load{Zone="x",instance="a"} 1e-07 ${NOW_MS - 1_000}`,
    '# TYPE up untyped',
    `up{instance="a",job="node"} -0 ${NOW_MS - 9_999}`,
    `up{instance="b",job="node"} 1 ${NOW_MS - 10_000}`,
    '',
  ]);
});

it('leaves out what has ended, is too old, or lies in the future', async () => {
  const { text } = await ask(
    [
      [{ __name__: 'm', i: 'ended' }, 20_000, 1],
      [{ __name__: 'm', i: 'ended' }, 10_000, Number.NaN],
      [{ __name__: 'm', i: 'old' }, LOOKBACK_MS, 1],
      [{ __name__: 'm', i: 'not yet old' }, LOOKBACK_MS - 1, 2],
      [{ __name__: 'm', i: 'ahead' }, -1, 1],
    ],
    match('m'),
  );
  expect(text).toBe(`# TYPE m untyped\nm{i="not yet old",instance=""} 2 ${NOW_MS - LOOKBACK_MS + 1}\n`);
});

it('writes names and values as the format takes them', async () => {
  const { text } = await ask(
    [[{ __name__: '2.metric:ü', 'a.b:c': 'x"\\\ny', instance: 'i' }, 0, Infinity]],
    match('{instance="i"}'),
  );
  expect(text).toBe(
    `# TYPE __metric:_ untyped\n__metric:_{a_b_c="x\\"\\\\\\ny",instance="i"} +Inf ${NOW_MS}\n`,
  );
});

it('answers nothing when nothing is asked for', async () => {
  expect(await ask([[{ __name__: 'm' }, 0, 1]], '')).toMatchObject({ status: 200, text: '' });
});

it.each([
  [match('m{'), 400, '1:3: parse error: unexpected end of input inside braces\n'],
  [`${match('m')}&x=%zz`, 400, 'error parsing form values: invalid URL escape "%zz"\n'],
  [match('{}'), 400, 'match[] must contain at least one non-empty matcher\n'],
  [match('m', '{i=~".+"}'), 422, 'too many series in one answer: ask for less\n'],
])('refuses %s', async (query, status, text) => {
  const given = ['a', 'b', 'c'].map((i): Given => [{ __name__: 'm', i }, 0, 1]);
  const answer = await ask(given, query, { seriesMax: 2 });
  expect({ status: answer.status, text: answer.text }).toEqual({ status, text });
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
});

it('takes series that fit several selectors once', async () => {
  const given = ['a', 'b'].map((i): Given => [{ __name__: 'm', i }, 0, 1]);
  const { status, text } = await ask(given, match('m', '{i=~".+"}'), { seriesMax: 2 });
  expect(status).toBe(200);
  expect(text.match(/^m\{/gm)).toHaveLength(2);
});

it('tells what the store says, and nothing of our own mistakes', async () => {
  const failing = (error: Error): Partial<FederateOptions> => ({
    answers: {
      newest() {
        throw error;
      },
    },
  });
  expect(await ask([], match('m'), failing(new AppError('STORAGE_UNAVAILABLE', 'disk full')))).toMatchObject({
    status: 503,
    text: 'disk full\n',
  });
  expect(await ask([], match('m'), failing(new Error('secret')))).toMatchObject({
    status: 500,
    text: 'internal error, see the log of the collector\n',
  });
});
