import { createServer, type Server } from 'node:http';
import express from 'express';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { scopeGuard } from '../auth/guard.ts';
import { errorHandler } from '../errors.ts';
import { incidentsRouter } from './incidents.ts';

const ID = 'i-01JGFJJZ0000000000000000AB';
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve() {
  const calls: unknown[] = [];
  const note =
    (deed: string) =>
    (...given: unknown[]): void => {
      calls.push([deed, ...given]);
      if (given[0] !== ID) throw new AppError('NOT_FOUND', 'there is no such incident');
      if (JSON.stringify(given).includes('late')) throw new AppError('INCIDENT_ENDED', 'incident has ended');
    };
  const app = express();
  app.use(
    incidentsRouter({
      incidents: {
        list: () => [],
        get: (id) => (id === ID ? detail() : undefined),
        acknowledge: note('ack'),
        unacknowledge: note('unack'),
        comment: note('comment'),
        close: note('close'),
      },
      guard: scopeGuard((token) => (token === 'admin' ? { kind: 'granted', id: '7' } : { kind: 'unknown' }), {
        scope: 'admin',
        purpose: 'changing things',
      }),
      nameOfToken: (id) => `name of ${id}`,
    }),
  );
  app.use(errorHandler(silentLogger));
  const server = createServer(app);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const post = async (path: string, body: string | undefined, headers: Record<string, string> = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port}/${path}`, {
      method: 'POST',
      headers: { authorization: 'Bearer admin', 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return answer.status;
  };
  return { calls, post, get: (path: string) => fetch(`http://127.0.0.1:${port}/${path}`) };
}

function detail() {
  return {
    id: ID,
    rule: 'HostDown',
    kind: 'uptime',
    severity: 'page',
    status: 'open',
    isHeld: false,
    hostId: null,
    hostName: null,
    title: 'web-1 is down',
    description: '',
    labels: {},
    value: null,
    threshold: null,
    openedMs: 1,
    resolvedMs: null,
    endReason: null,
    acknowledgement: null,
    deliveries: [],
    previous: null,
    escalation: null,
    evidence: null,
    timeline: [],
  } as const;
}

describe('what people do with an incident', () => {
  it('is done under the name they give, or that of their token', async () => {
    const { calls, post } = await serve();
    expect(await post(`${ID}/ack`, undefined)).toBe(200);
    expect(await post(`${ID}/ack`, '{"by":"anna","untilMs":5,"note":"mine"}')).toBe(200);
    expect(await post(`${ID}/unack`, '{}')).toBe(200);
    expect(await post(`${ID}/comments`, '{"text":"disk ordered"}')).toBe(200);
    expect(await post(`${ID}/close`, '{"by":"ben","reason":"replaced"}')).toBe(200);
    expect(calls).toEqual([
      ['ack', ID, { by: 'name of 7', untilMs: null, note: undefined }],
      ['ack', ID, { by: 'anna', untilMs: 5, note: 'mine' }],
      ['unack', ID, 'name of 7'],
      ['comment', ID, { by: 'name of 7', text: 'disk ordered' }],
      ['close', ID, { by: 'ben', reason: 'replaced' }],
    ]);
  });

  it.each([
    ['no token', `${ID}/ack`, '{}', { authorization: '' }, 401],
    ['a token for something else', `${ID}/close`, '{"reason":"x"}', { authorization: 'Bearer other' }, 401],
    [
      'a form of another site',
      `${ID}/ack`,
      'by=anna',
      { 'content-type': 'application/x-www-form-urlencoded' },
      400,
    ],
    ['plain text', `${ID}/ack`, '{"by":"anna"}', { 'content-type': 'text/plain' }, 400],
    ['broken JSON', `${ID}/ack`, '{"by":', {}, 400],
    ['no object', `${ID}/ack`, '[1]', {}, 400],
    ['an unknown field', `${ID}/ack`, '{"who":"anna"}', {}, 400],
    ['a field of the wrong kind', `${ID}/comments`, '{"text":5}', {}, 400],
    ['a missing field', `${ID}/close`, '{}', {}, 400],
    ['a huge body', `${ID}/comments`, JSON.stringify({ text: 'x'.repeat(40_000) }), {}, 413],
    ['an id that is none', 'i-1/ack', '{}', {}, 400],
    ['an incident that is none', `${ID.slice(0, -1)}C/ack`, '{}', {}, 404],
    ['an incident that is over', `${ID}/comments`, '{"text":"too late"}', {}, 409],
    ['an unknown deed', `${ID}/explode`, '{}', {}, 404],
  ])('is refused with %s', async (_what, path, body, headers, status) => {
    const { post } = await serve();
    expect(await post(path, body, headers)).toBe(status);
  });
});

it('shows one incident, and says when there is none', async () => {
  const { get } = await serve();
  expect(await (await get(ID)).json()).toMatchObject({ id: ID, timeline: [] });
  expect((await get(`${ID.slice(0, -1)}C`)).status).toBe(404);
  expect((await get('nonsense')).status).toBe(400);
});
