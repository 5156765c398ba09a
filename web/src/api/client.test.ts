import { expect, test } from 'vitest';
import { HOST_REQUESTS_MAX, REQUEST_TIMEOUT_MS, createApi } from './client.ts';
import type { Api } from './client.ts';

interface Call {
  readonly url: string;
  readonly init: RequestInit | undefined;
}

function apiWith(answer: (call: Call) => Response | Promise<Response>): {
  api: Api;
  calls: Call[];
  expire: () => void;
} {
  const calls: Call[] = [];
  let expire = (): void => undefined;
  const api = createApi({
    clock: {
      nowMs: () => 0,
      after: (delayMs, callback) => {
        expect(delayMs).toBe(REQUEST_TIMEOUT_MS);
        expire = callback;
        return () => undefined;
      },
    },
    fetch: async (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      calls.push({ url, init });
      return answer({ url, init });
    },
  });
  return { api, calls, expire: () => expire() };
}

const never = new AbortController().signal;
const json = (value: unknown, status = 200): Response => new Response(JSON.stringify(value), { status });
const status = { version: '1', startedMs: 1, nowMs: 2, hostCount: 3, connectedAgents: 4, isInsecure: false };
const counts = { unknown: 0, up: 2, suspect: 0, down: 0, planned: 0 };
const host = (id: string): unknown => ({
  id,
  name: id,
  state: 'up',
  stateSinceMs: 0,
  lastSeenMs: null,
  enrolledMs: 0,
  os: null,
  agentVersion: null,
  vitals: null,
  openIncidentCount: 0,
  keyConflictMs: null,
  revokedMs: null,
});

test('gives back what it read', async () => {
  const { api } = apiWith(() => json({ ...status, fromTheFuture: 1 }));
  expect(await api.status(never)).toEqual({ kind: 'ok', value: status });
});

test.each([
  ['not JSON', () => new Response('<html>'), { kind: 'malformed', message: 'the answer is not JSON' }],
  ['empty', () => new Response(''), { kind: 'malformed', message: 'the answer is not JSON' }],
  [
    'another shape',
    () => json({ version: 1 }),
    { kind: 'malformed', message: 'answer.version: expected a string' },
  ],
  [
    'a refusal',
    () => json({ error: { code: 'NOT_FOUND', message: 'find host x: there is none' } }, 404),
    { kind: 'refused', status: 404, code: 'NOT_FOUND', message: 'find host x: there is none' },
  ],
  [
    'a refusal of the Prometheus API',
    () => json({ status: 'error', errorType: 'bad_data', error: 'parse error' }, 400),
    { kind: 'refused', status: 400, code: 'bad_data', message: 'parse error' },
  ],
  [
    'a refusal in no known form',
    () => new Response('no', { status: 418 }),
    { kind: 'refused', status: 418, code: 'HTTP_418', message: 'the collector answers 418' },
  ],
  [
    'a gateway without a collector',
    () => new Response('bad gateway', { status: 502 }),
    { kind: 'unreachable', message: 'a gateway answers 502' },
  ],
] as const)('makes a value of an answer that is %s', async (_what, answer, outcome) => {
  const { api } = apiWith(answer);
  expect(await api.status(never)).toEqual(outcome);
});

test('makes a value of a connection that fails', async () => {
  const { api } = apiWith(() => Promise.reject(new TypeError('fetch failed')));
  expect(await api.status(never)).toEqual({ kind: 'unreachable', message: 'the collector does not answer' });
});

test('gives up after the deadline', async () => {
  const { api, expire } = apiWith(
    ({ init }) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      }),
  );
  const outcome = api.status(never);
  expire();
  expect(await outcome).toEqual({ kind: 'unreachable', message: 'no answer within 10 s' });
});

test('gathers all pages of the list, each host once', async () => {
  const { api, calls } = apiWith(({ url }) =>
    json(
      url.includes('after=')
        ? { hosts: [host('b'), host('c')], next: null, counts }
        : { hosts: [host('a'), host('b')], next: 'b&x=1', counts },
    ),
  );
  const answer = await api.fleet(never);
  expect(answer).toMatchObject({
    kind: 'ok',
    value: { isTruncated: false, hosts: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] },
  });
  expect(calls.map((call) => call.url)).toEqual([
    '/v1/hosts?limit=1000',
    '/v1/hosts?limit=1000&after=b%26x%3D1',
  ]);
});

test('stops following a list that never ends, and says so', async () => {
  const { api, calls } = apiWith(() => json({ hosts: [host('a')], next: 'again', counts }));
  expect(await api.fleet(never)).toMatchObject({ kind: 'ok', value: { isTruncated: true } });
  expect(calls).toHaveLength(HOST_REQUESTS_MAX);
});

test('keeps a host id inside its part of the address', async () => {
  const { api, calls } = apiWith(() => json({}));
  await api.host('../status?x=#', never);
  await api.incidents({ status: 'open', limit: 5, hostId: 'a&limit=9' }, never);
  expect(calls.map((call) => call.url)).toEqual([
    '/v1/hosts/..%2Fstatus%3Fx%3D%23',
    '/v1/incidents?status=open&limit=5&host=a%26limit%3D9',
  ]);
});

test('sends an expression as a form', async () => {
  const { api, calls } = apiWith(() => json({}));
  await api.queryRange({ expression: 'up{instance="a&b"}', startS: 10, endS: 20, stepS: 5 }, never);
  expect(calls[0]?.url).toBe('/api/v1/query_range');
  expect(calls[0]?.init?.method).toBe('POST');
  expect(calls[0]?.init?.body).toEqual(
    new URLSearchParams('query=up%7Binstance%3D%22a%26b%22%7D&start=10&end=20&step=5'),
  );
});

test('changes an incident with a token, which stands nowhere but in its header', async () => {
  const { api, calls } = apiWith(() =>
    json({ error: { code: 'UNAUTHORIZED', message: 'the token is for reading' } }, 403),
  );
  const by = { token: 'secret', signal: never };
  const answer = await api.changeIncident('i-1', { kind: 'comment', text: 'on it' }, by);
  expect(answer).toEqual({
    kind: 'refused',
    status: 403,
    code: 'UNAUTHORIZED',
    message: 'the token is for reading',
  });
  await api.changeIncident('i/2', { kind: 'unack' }, by);
  expect(calls.map(({ url, init }) => [init?.method, url, init?.body])).toEqual([
    ['POST', '/v1/incidents/i-1/comments', '{"text":"on it"}'],
    ['POST', '/v1/incidents/i%2F2/unack', '{}'],
  ]);
  expect(new Headers(calls[0]?.init?.headers).get('authorization')).toBe('Bearer secret');
});
