import type { AddressInfo } from 'node:net';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { Router } from 'express';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dependenciesSchema } from '../alerting/inhibition/dependencies.ts';
import { routesSchema } from '../alerting/routing/route-config.ts';
import type { TokenVerdict } from './auth/tokens.ts';
import type { DirectRoute } from './direct.ts';
import { createApi, createServer, type ApiPorts } from './server.ts';
import { suppression } from './testing/suppression.ts';
import type { Availability, HostDetail } from './types.ts';

const HOST_ID = 'ab'.repeat(16);
const disposables: (() => void)[] = [];
let pageDirectory: string;

beforeEach(() => {
  const dir = tempDir();
  pageDirectory = dir.path;
  mkdirSync(join(dir.path, 'assets'));
  writeFileSync(join(dir.path, 'index.html'), '<!doctype html><title>Rollcall</title>');
  writeFileSync(join(dir.path, 'assets', 'app-1.js'), '1');
  disposables.push(() => dir[Symbol.dispose]());
});

afterEach(() => {
  for (const dispose of disposables.splice(0).reverse()) dispose();
});

const INCIDENTS: ApiPorts['incidents'] = {
  list: () => [],
  get: () => undefined,
  acknowledge: () => {},
  unacknowledge: () => {},
  comment: () => {},
  close: () => {},
};

const NO_HOSTS: ApiPorts['hosts'] = {
  list: () => ({ hosts: [], next: null, counts: { unknown: 0, up: 0, suspect: 0, down: 0, planned: 0 } }),
  get: () => undefined,
  inventory: (hostId) => (hostId === HOST_ID ? [] : undefined),
  changes: (hostId, limit) =>
    hostId === HOST_ID ? [{ section: 'os', atMs: limit, previousMs: 1, changes: [], omitted: 0 }] : undefined,
  gaps: (hostId, { fromMs, toMs, limit }) =>
    hostId === HOST_ID
      ? [{ reason: 'age', fromMs, toMs, ticks: limit, samples: 0, isEstimated: false, receivedMs: 1 }]
      : undefined,
  availability: (hostId, range) =>
    hostId === HOST_ID ? { ...range, seen: UP_ALL_THE_TIME, corrected: UP_ALL_THE_TIME } : undefined,
  fleetAvailability: (range, limit) => {
    if (limit === 9) throw new AppError('SLOW_DOWN', 'too many');
    const total = { seen: UP_ALL_THE_TIME, corrected: UP_ALL_THE_TIME };
    return Promise.resolve({ ...range, hosts: [], omittedHosts: limit, failedHosts: 0, total });
  },
};

const UP_ALL_THE_TIME: Availability = {
  upMs: 1,
  downMs: 0,
  plannedMs: 0,
  unknownMs: 0,
  availableRatio: 1,
  spans: [],
  omittedSpans: 0,
};

async function serve(changes: Partial<ApiPorts> = {}): Promise<string> {
  const app = createApi({
    log: silentLogger,
    access: { kind: 'loopback' },
    hosts: NO_HOSTS,
    wallMs: () => 5_000,
    hostChanges: { acceptRestored: () => false, revoke: () => false, delete: () => false },
    incidents: INCIDENTS,
    onCall: {
      now: () => ({ schedules: [] }),
      schedule: () => {
        throw new AppError('NOT_FOUND', 'there is no such schedule');
      },
      addOverride: (_schedule, override) => ({ id: '1', ...override }),
      removeOverride: () => {},
      nowMs: () => 1,
    },
    calendar: (schedule, token) => (schedule === 'primary' && token === 'mine' ? 'BEGIN:VCALENDAR' : null),
    links: {
      look: () => ({ kind: 'offer', action: 'ack', title: '<b>/var</b> is full' }),
      follow: () => ({ kind: 'done', action: 'ack', title: '/var is full' }),
    },
    tokens: { judge: (token) => VERDICTS[token] ?? { kind: 'unknown' }, nameOf: () => 'anna' },
    queries: { slowest: () => [] },
    rules: {
      list: () => ({ rules: [], problems: [] }),
      shelf: {
        read: () => '',
        put: () => Promise.resolve(),
        remove: () => Promise.resolve(),
        readThresholds: () => '',
        putThresholds: () => Promise.resolve(),
      },
      test: () => Promise.resolve([]),
      backtest: () => Promise.reject(new AppError('BAD_REQUEST', 'no history here')),
    },
    ...suppression(),
    enrollment: { handle: ({ body }) => Promise.resolve({ status: 403, body }) },
    readiness: () => [],
    status: () => ({
      version: '0',
      startedMs: 0,
      nowMs: 1,
      hostCount: 0,
      connectedAgents: 0,
      isInsecure: false,
    }),
    metrics: () => Promise.resolve({ contentType: 'text/plain', text: 'rollcall_x 1\n' }),
    prometheus: Router(),
    federate: (_request, response) => void response.send('up 1\n'),
    direct: {},
    remote: Router(),
    pageDirectory,
    ...changes,
  });
  const server = createServer(app, undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  disposables.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}

const OF_A_BODY = /^(?:content-type|content-length|transfer-encoding|etag|date):/;

const VERDICTS: Readonly<Record<string, TokenVerdict>> = {
  good: { kind: 'granted', id: '1' },
  writer: { kind: 'forbidden' },
};

describe('the HTTP server', () => {
  it('answers directly with the same headers as through Express', async () => {
    const prometheus = Router().get('/slow', (_request, response) => void response.json([]));
    const answer: DirectRoute = (_sent, { response, headers }) => {
      response.writeHead(200, [...headers]).end();
      return Promise.resolve();
    };
    const url = await serve({ prometheus, direct: { '/api/v1/quick': answer } });
    const namesOf = async (path: string): Promise<readonly string[]> => {
      const { headers } = await fetch(url + path);
      return [...headers].map(([name, value]) => `${name}: ${value}`).filter((one) => !OF_A_BODY.test(one));
    };
    expect(await namesOf('/api/v1/quick')).toEqual(await namesOf('/api/v1/slow'));
    expect(await namesOf('/api/v1/quick')).toContain('x-content-type-options: nosniff');
  });

  it('serves the page for its own paths and 404 as plain text for every other', async () => {
    const url = await serve();
    const page = readFileSync(new URL('../../../web/src/app.tsx', import.meta.url), 'utf8');
    const paths = [...page.matchAll(/<Route path="([^"]+)"/g)].map(([, path = '']) =>
      path.replace(':id', HOST_ID),
    );
    expect(paths).toContain(`/hosts/${HOST_ID}`);
    for (const path of paths) {
      const answer = await fetch(url + path);
      expect([path, answer.status, await answer.text()]).toEqual([
        path,
        200,
        expect.stringContaining('<title>'),
      ]);
    }
    for (const path of [
      '/nowhere',
      '/v1/nowhere',
      '/api/v1/nowhere',
      '/api/v1/rules/test/test',
      '/alertmanager/api/v2/status',
      '/assets/none.js',
      '/..%2f..%2fetc/passwd',
    ]) {
      const answer = await fetch(url + path);
      expect([path, answer.status]).toEqual([path, 404]);
      expect(answer.headers.get('content-type')).toContain('text/plain');
      expect(await answer.text()).toBe('404 page not found\n');
    }
  });

  it('sends a content security policy without inline scripts, and no server name', async () => {
    const answer = await fetch(`${await serve()}/`);
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toContain('unsafe');
    expect(answer.headers.get('x-powered-by')).toBeNull();
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('lets nothing be loaded from or into an answer that is data', async () => {
    const { headers } = await fetch(`${await serve()}/api/v1/nowhere`);
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
  });

  it('says how to build the page when it is missing', async () => {
    const answer = await fetch(`${await serve({ pageDirectory: join(pageDirectory, 'none') })}/`);
    expect([answer.status, await answer.text()]).toEqual([503, 'the page is not built: run npm run build\n']);
  });

  it('answers a foreign host name on loopback with 403, against DNS rebinding', async () => {
    const url = new URL(await serve());
    const status = await new Promise((resolve, reject) => {
      httpRequest(
        { host: url.hostname, port: url.port, path: '/v1/hosts', headers: { host: 'evil.example' } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      )
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });

  it('wants an access token where it is not on loopback, as bearer or as password', async () => {
    const url = await serve({
      access: { kind: 'token', judge: (token) => VERDICTS[token] ?? { kind: 'unknown' } },
    });
    const statusWith = async (authorization?: string) =>
      (await fetch(`${url}/v1/hosts`, { headers: authorization === undefined ? {} : { authorization } }))
        .status;
    expect(await statusWith()).toBe(401);
    expect(await statusWith('Bearer bad')).toBe(401);
    expect(await statusWith('Bearer writer')).toBe(403);
    expect(await statusWith('Basic !!!')).toBe(401);
    expect(await statusWith('Bearer good')).toBe(200);
    expect(await statusWith(`Basic ${btoa('anyone:good')}`)).toBe(200);
    for (const path of ['/', '/metrics', '/federate', '/api/v1/query', '/v1/status', '/v1/incidents']) {
      expect([path, (await fetch(url + path)).status]).toEqual([path, 401]);
    }
    for (const path of ['/healthz', '/-/healthy', '/readyz', '/-/ready'])
      expect([path, (await fetch(url + path)).status]).toEqual([path, 200]);
    // Remote write asks for a token itself; here nobody does, and nobody answers.
    expect((await fetch(`${url}/api/v1/write`, { method: 'POST' })).status).toBe(404);
  });

  it('lists routes and dependencies as they are in force', async () => {
    const url = await serve({
      routing: {
        routes: routesSchema.parse([
          { name: 'db', match: ['team="db"'], receivers: ['mail'], 'repeat-interval': '4h' },
          { name: 'rest', receivers: ['chat'], fallback: 'mail', continue: true },
        ]),
        dependencies: dependenciesSchema.parse([{ match: ['host=~"branch-.*"'], parent: 'gateway' }]),
      },
    });
    const db = { name: 'db', matchers: [{ name: 'team', operator: '=', value: 'db' }], receivers: ['mail'] };
    const answer: unknown = await (await fetch(`${url}/v1/routes`)).json();
    expect(answer).toMatchObject({
      routes: [
        { ...db, actions: ['page', 'ticket'], fallback: null, groupWaitMs: 0, repeatIntervalMs: 14_400_000 },
        { name: 'rest', matchers: [], fallback: 'mail', repeatIntervalMs: null, continue: true },
      ],
    });
    expect(await (await fetch(`${url}/v1/dependencies`)).json()).toEqual({
      dependencies: [
        {
          matchers: [{ name: 'host', operator: '=~', value: 'branch-.*' }],
          parent: 'gateway',
          graceMs: 120_000,
        },
      ],
    });
    expect((await fetch(`${url}/v1/routes`, { method: 'POST' })).status).toBe(404);
  });

  it('names the parameter that is wrong', async () => {
    const url = await serve();
    const bad = await fetch(`${url}/v1/hosts?limit=many`);
    expect([bad.status, await bad.json()]).toEqual([
      400,
      { error: { code: 'BAD_REQUEST', message: 'parameter limit must be a whole number from 1 to 5000' } },
    ]);
    expect((await fetch(`${url}/v1/incidents?status=odd`)).status).toBe(400);
    expect((await fetch(`${url}/v1/hosts/xyz`)).status).toBe(400);
    expect((await fetch(`${url}/v1/hosts/${'0'.repeat(32)}`)).status).toBe(404);
    expect((await fetch(`${url}/v1/hosts/${HOST_ID}/inventory`)).status).toBe(200);
    const changes = `${url}/v1/hosts/${HOST_ID}/changes`;
    expect(await (await fetch(`${changes}?limit=7`)).json()).toMatchObject({ changes: [{ atMs: 7 }] });
    expect((await fetch(`${changes}?limit=101`)).status).toBe(400);
    expect((await fetch(changes.replace(HOST_ID, 'f'.repeat(32)))).status).toBe(404);
    const gaps = `${url}/v1/hosts/${HOST_ID}/gaps`;
    expect(await (await fetch(`${gaps}?from=5&to=9`)).json()).toMatchObject({
      hostId: HOST_ID,
      gaps: [{ fromMs: 5, toMs: 9, ticks: 100 }],
    });
    for (const query of ['from=9&to=5', 'from=-1', 'to=soon', 'limit=1001', 'to=8e15', 'from=1&from=2'])
      expect((await fetch(`${gaps}?${query}`)).status).toBe(400);
    expect((await fetch(gaps.replace(HOST_ID, 'f'.repeat(32)))).status).toBe(404);
  });

  it('keeps the text of an expected error and hides the one of a bug', async () => {
    const throwing = (error: Error): Partial<ApiPorts> => ({
      incidents: {
        ...INCIDENTS,
        list() {
          throw error;
        },
      },
    });
    const expected = await fetch(
      `${await serve(throwing(new AppError('STORAGE_UNAVAILABLE', 'disk full')))}/v1/incidents`,
    );
    expect([expected.status, await expected.json()]).toEqual([
      503,
      { error: { code: 'STORAGE_UNAVAILABLE', message: 'disk full' } },
    ]);
    const bug = await fetch(`${await serve(throwing(new Error('secret detail')))}/v1/incidents`);
    expect(bug.status).toBe(500);
    expect(await bug.text()).not.toContain('secret detail');
  });

  it('passes enrolment bytes on, refuses browsers and large bodies', async () => {
    const url = await serve();
    const post = (init: RequestInit) => fetch(`${url}/agent/v1/enroll`, { method: 'POST', ...init });
    const echoed = await post({ body: '{"a":1}' });
    expect([echoed.status, await echoed.text()]).toEqual([403, '{"a":1}']);
    expect((await post({ body: 'x', headers: { origin: 'http://evil.example' } })).status).toBe(403);
    expect((await post({ body: 'x'.repeat(17 * 1024) })).status).toBe(413);
  });

  it('tells what keeps it from being ready', async () => {
    const url = await serve({ readiness: () => ['journal: disk full'] });
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.text()]).toEqual([503, 'journal: disk full\n']);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});

describe('what needs no login', () => {
  const strict: Partial<ApiPorts> = {
    access: { kind: 'token', judge: (token) => VERDICTS[token] ?? { kind: 'unknown' } },
  };

  it('is the signed link, which asks before it does anything', async () => {
    const url = `${await serve(strict)}/act/ack/x`;
    const page = await fetch(url);
    const text = await page.text();
    expect(page.status).toBe(200);
    expect(text).toContain('&lt;b&gt;/var&lt;/b&gt; is full');
    expect(text).toContain('<form method="post">');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(await (await fetch(url, { method: 'POST' })).text()).toContain('Acknowledged');
    for (const [kind, status] of [
      ['expired', 410],
      ['forged', 404],
    ] as const) {
      const port = { look: () => ({ kind }), follow: () => ({ kind }) };
      expect((await fetch(`${await serve({ ...strict, links: port })}/act/x`)).status).toBe(status);
    }
  });

  it('is the calendar of a schedule with its own token, and no more', async () => {
    const url = `${await serve(strict)}/v1/on-call`;
    const calendar = await fetch(`${url}/primary.ics?token=mine`);
    expect([calendar.status, calendar.headers.get('content-type')]).toEqual([
      200,
      'text/calendar; charset=utf-8',
    ]);
    expect((await fetch(`${url}/primary.ics?token=other`)).status).toBe(404);
    expect((await fetch(`${url}/primary.ics`)).status).toBe(404);
    expect((await fetch(`${url}/primary`)).status).toBe(401);
    expect((await fetch(url)).status).toBe(401);
  });
});

describe('hosts', () => {
  const HOST: HostDetail = {
    id: HOST_ID,
    name: 'web',
    state: 'down',
    stateSinceMs: 1,
    lastSeenMs: 1,
    enrolledMs: 1,
    os: null,
    agentVersion: null,
    vitals: null,
    openIncidentCount: 0,
    keyConflictMs: 1,
    revokedMs: null,
    machineId: null,
    bootId: null,
    lostSamples: {},
    inventorySections: [],
    config: null,
  };

  it('are let in again, shut out and deleted with a token for everything, and answered as they are then', async () => {
    let host: HostDetail | undefined = HOST;
    const set = (id: string, next: HostDetail | undefined): boolean => {
      host = next;
      return id === HOST_ID;
    };
    const url = await serve({
      hosts: { ...NO_HOSTS, get: (id) => (id === HOST_ID ? host : undefined) },
      hostChanges: {
        acceptRestored: (id) => set(id, { ...HOST, keyConflictMs: null }),
        revoke: (id) => set(id, { ...HOST, revokedMs: 2 }),
        delete: (id) => set(id, undefined),
      },
    });
    const ask = (method: string, path: string, token = 'good') =>
      fetch(`${url}/v1/hosts/${path}`, { method, headers: { authorization: `Bearer ${token}` } });
    for (const token of ['writer', 'none']) {
      expect((await ask('POST', `${HOST_ID}/revoke`, token)).status).toBe(token === 'none' ? 401 : 403);
      expect((await ask('DELETE', HOST_ID, token)).status).toBe(token === 'none' ? 401 : 403);
    }
    expect(host).toBe(HOST);
    expect((await ask('POST', `${'cd'.repeat(16)}/revoke`)).status).toBe(404);
    expect((await ask('DELETE', 'web')).status).toBe(400);
    expect(await (await ask('POST', `${HOST_ID}/accept-restored`)).json()).toMatchObject({
      keyConflictMs: null,
    });
    expect(await (await ask('POST', `${HOST_ID}/revoke`)).json()).toMatchObject({ revokedMs: 2 });
    const deleted = await ask('DELETE', HOST_ID);
    expect([deleted.status, await deleted.json()]).toEqual([200, { ...HOST, revokedMs: 2 }]);
    expect((await ask('DELETE', HOST_ID)).status).toBe(404);
  });

  it.each([
    ['', { fromMs: 0, toMs: 5_000 }],
    ['?from=1000&to=2000', { fromMs: 1_000, toMs: 2_000 }],
    ['?from=1000&to=9000', { fromMs: 1_000, toMs: 5_000 }],
  ])('tell how they were until now at most (%s)', async (query, range) => {
    const url = await serve();
    const answer = await fetch(`${url}/v1/hosts/${HOST_ID}/availability${query}`);
    expect(await answer.json()).toMatchObject({
      hostId: HOST_ID,
      ...range,
      corrected: { availableRatio: 1 },
    });
  });

  it.each(['?from=2&to=2', '?from=6000', '?from=x'])('refuse a span without a length (%s)', async (query) => {
    const url = await serve();
    expect((await fetch(`${url}/v1/hosts/${HOST_ID}/availability${query}`)).status).toBe(400);
    expect((await fetch(`${url}/v1/hosts/${'cd'.repeat(16)}/availability`)).status).toBe(404);
  });

  it('tell how all of them were, in one answer with a bound', async () => {
    const url = `${await serve()}/v1/availability`;
    expect(await (await fetch(`${url}?from=1000&to=9000`)).json()).toMatchObject({
      fromMs: 1_000,
      toMs: 5_000,
      omittedHosts: 100,
    });
    expect(await (await fetch(`${url}?limit=5000`)).json()).toMatchObject({ omittedHosts: 5_000 });
    const refused = ['?from=2&to=2', '?limit=5001', '?limit=0', '?limit=9'];
    const statuses = await Promise.all(refused.map(async (query) => (await fetch(url + query)).status));
    expect(statuses).toEqual([400, 400, 400, 429]);
  });

  it('tell how they were in the time before the newest full minute to who names only its length', async () => {
    const url = await serve({ wallMs: () => 179_999 });
    for (const path of ['availability?last=50000', `hosts/${HOST_ID}/availability?last=50000`])
      expect(await (await fetch(`${url}/v1/${path}`)).json()).toMatchObject({
        fromMs: 70_000,
        toMs: 120_000,
      });
    expect((await fetch(`${url}/v1/availability?last=0`)).status).toBe(400);
  });

  it('are listed with those that were shut out when asked so', async () => {
    const asked: boolean[] = [];
    const url = await serve({
      hosts: {
        ...NO_HOSTS,
        list: (page) => {
          asked.push(page.isRevokedToo);
          return NO_HOSTS.list(page);
        },
      },
    });
    for (const query of ['', '?revoked=with', '?revoked=yes'])
      await fetch(`${url}/v1/hosts${query}`).then((answer) => answer.text());
    expect(asked).toEqual([false, true]);
  });
});

describe('on-call', () => {
  it('is read by everybody and changed with a token for everything', async () => {
    const url = `${await serve()}/v1/on-call`;
    expect(await (await fetch(url)).json()).toEqual({ schedules: [] });
    expect((await fetch(`${url}/none`)).status).toBe(404);
    const post = (token: string, body: string) =>
      fetch(`${url}/primary/overrides`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body,
      });
    const body = '{"person":"anna","fromMs":1,"toMs":2}';
    expect(await (await post('good', body)).json()).toEqual({
      id: '1',
      person: 'anna',
      fromMs: 1,
      toMs: 2,
      author: 'anna',
    });
    expect((await post('good', '{"person":"anna"}')).status).toBe(400);
    expect((await post('writer', body)).status).toBe(403);
    expect((await post('none', body)).status).toBe(401);
    const remove = (token: string) =>
      fetch(`${url}/primary/overrides/1`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${token}` },
      });
    expect([(await remove('none')).status, (await remove('good')).status]).toEqual([401, 204]);
  });
});
