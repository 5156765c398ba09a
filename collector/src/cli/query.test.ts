import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { queryCollector, type QueryOptions, type QueryOutput } from './query.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Asked {
  readonly path: string;
  readonly form: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
}

/** A collector that answers every request with the same. */
async function fakeCollector(status: number, body: string): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const read = async (request: IncomingMessage): Promise<void> => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const { authorization } = request.headers;
    asked.push({
      path: request.url ?? '',
      form: Object.fromEntries(new URLSearchParams(text)),
      authorization,
    });
  };
  const server = createServer((request, response) => {
    void read(request).then(() => response.writeHead(status).end(body));
  }).listen(0, '127.0.0.1');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.once('listening', resolve));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return { url: `http://127.0.0.1:${address.port}`, asked };
}

const ONE = JSON.stringify({
  status: 'success',
  data: { resultType: 'scalar', result: [1, '1'] },
  warnings: ['w'],
  infos: ['i\u001b'],
});

function query(changes: Partial<QueryOptions>): Promise<QueryOutput> {
  const options: QueryOptions = {
    expression: 'up',
    url: 'http://127.0.0.1:1',
    token: undefined,
    time: undefined,
    range: undefined,
    step: undefined,
    format: 'table',
    columns: 80,
    ...changes,
  };
  return queryCollector(options, new FakeClock(NOW_MS));
}

describe('a query from the command line', () => {
  it('asks for an instant, and hands notes on', async () => {
    const { url, asked } = await fakeCollector(200, ONE);
    expect(await query({ url: `${url}/prefix/`, time: '5', token: 't' })).toEqual({
      text: '1\n',
      notes: ['warning: w', 'info: i'],
    });
    await query({ url, time: '2026-01-01T01:00:00.5+01:00' });
    expect(asked[1]?.form).toEqual({ query: 'up', time: String(NOW_MS / 1000 + 0.5) });
    expect(asked.slice(0, 1)).toEqual([
      { path: '/prefix/api/v1/query', form: { query: 'up', time: '5' }, authorization: 'Bearer t' },
    ]);
  });

  it('asks for a range that ends now, with about a hundred points', async () => {
    const { url, asked } = await fakeCollector(200, ONE);
    await query({ url, range: '1h' });
    const end = NOW_MS / 1000;
    expect(asked[0]).toMatchObject({
      path: '/api/v1/query_range',
      form: { query: 'up', start: String(end - 3_600), end: String(end), step: '30' },
    });
    await query({ url, range: '1m', step: '500ms', time: '2026-01-01T00:00:00.5Z' });
    expect(asked[1]?.form).toMatchObject({ start: String(end - 59.5), end: String(end + 0.5), step: '0.5' });
  });

  it('points at the mistake in the expression', async () => {
    const body = (error: string) => JSON.stringify({ status: 'error', errorType: 'bad_data', error });
    const { url } = await fakeCollector(400, body('invalid parameter "query": 2:3: parse error: no'));
    await expect(query({ url, expression: 'up\n+ )' })).rejects.toMatchObject({
      code: 'BAD_QUERY',
      message: '2:3: parse error: no\n  + )\n    ^',
    });
    const long = await fakeCollector(400, body('1:151: parse error: no'));
    const expression = `${'a'.repeat(150)})${'b'.repeat(100)}`;
    await expect(query({ url: long.url, expression, columns: 40 })).rejects.toMatchObject({
      message: `1:151: parse error: no\n  ${'a'.repeat(18)})${'b'.repeat(17)}\n  ${' '.repeat(18)}^`,
    });
  });

  it.each<[string, number, string, string]>([
    [
      'an error of evaluation',
      422,
      '{"status":"error","errorType":"execution","error":"too\\u001b[2J many"}',
      'QUERY_FAILED',
    ],
    ['a missing token', 401, '{"error":{"code":"UNAUTHORIZED","message":"needs one"}}', 'UNAUTHORIZED'],
    ['a web page', 200, '<html>', 'COLLECTOR_UNREACHABLE'],
    ['a redirect', 301, '', 'COLLECTOR_UNREACHABLE'],
    [
      'JSON of another kind',
      200,
      '{"status":"success","data":{"resultType":"streams"}}',
      'COLLECTOR_UNREACHABLE',
    ],
  ])('tells of %s', async (_, status, body, code) => {
    const { url } = await fakeCollector(status, body);
    await expect(query({ url })).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining('\u001b'),
    });
  });

  it('tells that nobody answers', async () => {
    await expect(query({})).rejects.toMatchObject({
      code: 'COLLECTOR_UNREACHABLE',
      message: expect.stringContaining('is a collector running there?'),
    });
  });

  it.each<[string, Partial<QueryOptions>]>([
    ['--url', { url: 'nowhere' }],
    ['--url', { url: 'ftp://127.0.0.1' }],
    ['--url', { url: 'http://me:secret@127.0.0.1' }],
    ['--range', { range: '1 hour' }],
    ['--range', { range: '0s' }],
    ['--step', { range: '1h', step: '-1m' }],
    ['--step', { step: '1m' }],
    ['--time', { range: '1h', time: 'yesterday' }],
    ['--time', { time: 'yesterday' }],
  ])('refuses a bad %s: %j', async (flag, changes) => {
    await expect(query(changes)).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringMatching(new RegExp(`^${flag}(?!.*secret)`)),
    });
  });
});
