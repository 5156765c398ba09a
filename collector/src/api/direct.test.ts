import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { ReadAccess } from './auth/guard.ts';
import { answeredDirectly, type DirectRoute } from './direct.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const echo: DirectRoute = ({ form, url }, { response, headers }) => {
  response.writeHead(200, [...headers, 'X-Way', 'direct']).end(`${url}|${form}`);
  return Promise.resolve();
};

async function serve(access: ReadAccess = { kind: 'loopback' }): Promise<number> {
  const headers = ['X-Safe', 'yes'];
  const server = createServer(
    answeredDirectly({ routes: { '/query': echo }, access, headers }, (_request, response) => {
      response.writeHead(418).end('others');
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return address.port;
}

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function ask(port: number, { path = '/query', method = 'GET', headers = {}, body = '' }: Asked) {
  return new Promise<{ readonly text: string; readonly headers: IncomingHttpHeaders }>((resolve, reject) => {
    const sent = httpRequest({ port, host: '127.0.0.1', path, method, headers }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve({ text, headers: response.headers }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

it('answers a plain request with the headers of all others', async () => {
  const { text, headers } = await ask(await serve(), { path: '/query?query=up&time=1' });
  expect(text).toBe('/query?query=up&time=1|');
  expect(headers).toMatchObject({ 'x-safe': 'yes', 'x-way': 'direct' });
});

it.each(['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded;charset=UTF-8'])(
  'reads a form of the type %s',
  async (type) => {
    const body = 'query=%C3%A4';
    const headers = { 'Content-Type': type, 'Content-Length': String(body.length) };
    const { text } = await ask(await serve(), { path: '/query?a=b', method: 'POST', headers, body });
    expect(text).toBe('/query?a=b|query=%C3%A4');
  },
);

it.each<[string, Asked]>([
  ['another path', { path: '/query/' }],
  ['a path of an object', { path: '/constructor' }],
  ['another method', { method: 'PUT' }],
  ['a body of another type', { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'a' }],
  [
    'a form of another alphabet',
    { method: 'POST', headers: { 'Content-Type': `${FORM['Content-Type']}; charset=utf-16` } },
  ],
  [
    'a form without a length',
    { method: 'POST', headers: { ...FORM, 'Transfer-Encoding': 'chunked' }, body: 'a' },
  ],
  [
    'a form that is packed',
    { method: 'POST', headers: { ...FORM, 'Content-Encoding': 'gzip', 'Content-Length': '1' }, body: 'a' },
  ],
  [
    'a long form',
    { method: 'POST', headers: { ...FORM, 'Content-Length': '65537' }, body: 'a'.repeat(65_537) },
  ],
  ['a name that is not of this machine', { headers: { Host: 'evil.example' } }],
])('leaves %s to the others', async (_what, asked) => {
  expect((await ask(await serve(), asked)).text).toBe('others');
});

it('wants a token where one is wanted', async () => {
  const port = await serve({
    kind: 'token',
    judge: (token) => (token === 'good' ? { kind: 'granted', id: '1' } : { kind: 'forbidden' }),
  });
  const texts = [];
  for (const headers of [{}, { Authorization: 'Bearer bad' }, { Authorization: 'Bearer good' }])
    texts.push((await ask(port, { headers })).text);
  expect(texts).toEqual(['others', 'others', '/query|']);
});
