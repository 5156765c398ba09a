import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { createMatcher } from '../matcher.ts';
import {
  startFakeServer,
  type FakeAnswer,
  type FakeServer,
  type SeenRequest,
} from '../testing/fake-server.ts';
import { openPrometheusReader } from './prometheus.ts';

let server: FakeServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});
const calm = (): AbortSignal => new AbortController().signal;

async function readerFor(answer: (request: SeenRequest) => FakeAnswer | null) {
  server = await startFakeServer(answer);
  return openPrometheusReader({ url: server.url }, { clock: systemClock });
}

const REQUEST = {
  matchers: [createMatcher('__name__', '=', 'm')],
  fromMs: 1_000,
  toMs: 9_000,
  samplesMax: 5,
};

test('takes the export where there is one, leaves out what was not asked for, and puts pieces together', async () => {
  const lines = [
    '{"metric":{"__name__":"m","b":"2"},"values":[4,5],"timestamps":[3000,2000]}',
    '{"metric":{"__name__":"m","a":"1"},"values":[1,null],"timestamps":[1000,99000]}',
    '{"metric":{"__name__":"other"},"values":[1],"timestamps":[1000]}',
    '{"metric":{"__name__":"m","b":"2"},"values":[6,7],"timestamps":[2000,4000]}',
  ];
  const reader = await readerFor(({ method }) => ({
    status: 200,
    body: method === 'GET' ? '' : lines.join('\n'),
  }));
  const found = await reader.select(REQUEST, calm());
  expect(
    found.map(({ labels, timestamps, values }) => [labels.toString(), [...timestamps], [...values]]),
  ).toEqual([
    ['m{a="1"}', [1_000], [1]],
    ['m{b="2"}', [2_000, 3_000, 4_000], [6, 4, 7]],
  ]);
  const form = new URLSearchParams(server?.seen[1]?.body.toString());
  expect(Object.fromEntries(form)).toEqual({ 'match[]': '{__name__="m"}', start: '1.000', end: '9.000' });
  reader.close();
});

test('asks for a range selector where there is neither export nor remote read', async () => {
  const matrix = [
    {
      metric: { __name__: 'm' },
      values: [
        [0.5, '7'],
        [1, '8'],
        [1.5, '+Inf'],
      ],
    },
  ];
  const reader = await readerFor(({ path }) =>
    path === '/api/v1/query'
      ? {
          status: 200,
          body: JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: matrix } }),
        }
      : { status: 404, body: '404 page not found' },
  );
  const [series] = await reader.select(REQUEST, calm());
  expect([...(series?.values ?? [])]).toEqual([8, Infinity]);
  const form = new URLSearchParams(server?.seen.at(-1)?.body.toString());
  expect(Object.fromEntries(form)).toEqual({ query: '{__name__="m"}[8001ms]', time: '9.000' });
  reader.close();
});

test('quotes hostile names and values', async () => {
  const reader = await readerFor(() => ({ status: 200, body: '{"status":"success","data":[]}' }));
  const set = [createMatcher('a b"', '=', 'x"}\n\\'), createMatcher('c', '!=', '')];
  await reader.labelNames({ matcherSets: [set], fromMs: 0, toMs: 1e15, limit: 0 }, calm());
  const form = new URLSearchParams(server?.seen[0]?.body.toString());
  expect(form.get('match[]')).toBe(String.raw`{"a b\""="x\"}\n\\",c!=""}`);
  expect([form.get('start'), form.get('end')]).toEqual(['0.001', '253402300799.000']);
  reader.close();
});

describe('what goes wrong', () => {
  test.each([
    ['a page of another program', { status: 200, body: '<html>' }, 'the answer is no export of samples'],
    ['an error', { status: 422, body: 'too many' }, 'status 422, too many'],
    ['a cut answer', { status: 200, body: '{"metric"', isCut: true }, 'ask store'],
  ])('%s is STORE_FAILED', async (_title, answer, text) => {
    const reader = await readerFor(({ method }) => (method === 'GET' ? { status: 200 } : answer));
    await expect(reader.select(REQUEST, calm())).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(text),
    });
    reader.close();
  });

  test('a store that refuses is asked again how it gives samples', async () => {
    let status = 503;
    const reader = await readerFor(() => ({ status, body: '' }));
    await expect(reader.select(REQUEST, calm())).rejects.toMatchObject({
      code: 'STORE_FAILED',
      isRetryable: true,
    });
    status = 200;
    expect(await reader.select(REQUEST, calm())).toEqual([]);
    reader.close();
  });

  test('more samples than allowed end with QUERY_LIMIT, an aborted read with QUERY_CANCELED', async () => {
    const many =
      '{"metric":{"__name__":"m"},"values":[1,2,3,4,5,6],"timestamps":[1001,1002,1003,1004,1005,1006]}';
    const reader = await readerFor(({ method }) =>
      method === 'GET' ? { status: 200 } : { status: 200, body: many },
    );
    await expect(reader.select(REQUEST, calm())).rejects.toMatchObject({ code: 'QUERY_LIMIT' });
    reader.close();
    const silent = await startFakeServer(() => null);
    const waiting = openPrometheusReader({ url: silent.url }, { clock: systemClock });
    const stopped = new AbortController();
    const read = waiting.select(REQUEST, stopped.signal);
    stopped.abort();
    await expect(read).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
    waiting.close();
    await silent.close();
  });
});
