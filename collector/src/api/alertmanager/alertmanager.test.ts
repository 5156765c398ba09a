import type { AddressInfo } from 'node:net';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import express from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { scopeGuard } from '../auth/guard.ts';
import { errorHandler } from '../errors.ts';
import { maintenanceRouter } from '../routes/maintenance.ts';
import { silencesRouter } from '../routes/silences.ts';
import { ADMIN_TOKEN, judgeAdmin, suppression } from '../testing/suppression.ts';
import { alertmanagerRouter, type ApiAlert } from './alertmanager.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(alerts: readonly ApiAlert[] = []) {
  const ports = suppression(alerts);
  const mayChange = scopeGuard(judgeAdmin, { scope: 'admin', purpose: 'changing anything' });
  const app = express();
  app.use('/api/v2', alertmanagerRouter(ports.alertmanager, mayChange));
  app.use('/v1/silences', silencesRouter(ports.alertmanager, mayChange));
  app.use('/v1/maintenance', maintenanceRouter(ports.maintenance, mayChange));
  app.use(errorHandler(silentLogger));
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  closers.push(() => server.close());
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  const base = `http://127.0.0.1:${address.port}`;
  return async (method: string, path: string, body?: unknown, token: string = ADMIN_TOKEN) => {
    const answer = await fetch(base + path, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const content: unknown = text === '' ? null : JSON.parse(text);
    return { status: answer.status, content };
  };
}

function alert(name: string, changes: Partial<ApiAlert> = {}): ApiAlert {
  return {
    labels: { alertname: name, severity: 'page' },
    annotations: { summary: name },
    startsMs: 1_000,
    updatedMs: 2_000,
    fingerprint: '00000000000000ab',
    url: 'http://collector/incidents#i-1',
    receivers: ['ops'],
    deliveries: {},
    silencedBy: [],
    inhibitedBy: [],
    mutedBy: [],
    ...changes,
  };
}

const SILENCE = {
  matchers: [{ name: 'team', value: 'db.*', isRegex: true, isEqual: true }],
  startsAt: '2026-01-01T00:00:00Z',
  endsAt: '2026-01-01T02:00:00+01:00',
  createdBy: 'ann',
  comment: 'work',
};

const identified = z.object({ id: z.string() }).transform(({ id }) => id);

const namesOf = (content: unknown): readonly unknown[] =>
  Array.isArray(content)
    ? content.map((entry: { labels?: { alertname?: string } }) => entry.labels?.alertname)
    : [];

describe("Alertmanager's API", () => {
  it('lists alerts in its shape', async () => {
    const ask = await serve([alert('A', { silencedBy: ['s'] })]);
    expect(await ask('GET', '/api/v2/alerts')).toEqual({
      status: 200,
      content: [
        {
          annotations: { summary: 'A' },
          endsAt: '2026-01-01T00:05:00.000Z',
          fingerprint: '00000000000000ab',
          receivers: [{ name: 'ops' }],
          startsAt: '1970-01-01T00:00:01.000Z',
          status: { inhibitedBy: [], mutedBy: [], silencedBy: ['s'], state: 'suppressed' },
          updatedAt: '1970-01-01T00:00:02.000Z',
          generatorURL: 'http://collector/incidents#i-1',
          labels: { alertname: 'A', severity: 'page' },
        },
      ],
    });
  });

  it.each([
    ['', ['A', 'S', 'I', 'M']],
    ['?silenced=false', ['A', 'I', 'M']],
    ['?silenced=false&inhibited=false&muted=false', ['A']],
    ['?active=false', ['S', 'I', 'M']],
    ['?filter=alertname%3D"A"', ['A']],
    ['?filter=alertname%3D~"A|S"&filter=alertname!%3D"A"', ['S']],
    ['?receiver=op.', ['A', 'S', 'I', 'M']],
    ['?receiver=chat', []],
  ])('filters alerts by %s', async (query, names) => {
    const ask = await serve([
      alert('A'),
      alert('S', { silencedBy: ['s'] }),
      alert('I', { inhibitedBy: ['i'] }),
      alert('M', { mutedBy: ['m'] }),
    ]);
    expect(namesOf((await ask('GET', `/api/v2/alerts${query}`)).content)).toEqual(names);
  });

  it('groups alerts by receiver and the labels of their route', async () => {
    const delivery = {
      groupKey: 'k',
      groupLabels: { site: 'b' },
      groupWaitMs: 0,
      repeatMs: null,
      fallback: null,
    };
    const ask = await serve([
      alert('A', { deliveries: { ops: delivery } }),
      alert('B', { deliveries: { ops: delivery } }),
      alert('C', { receivers: ['ops', 'chat'] }),
    ]);
    const { content } = await ask('GET', '/api/v2/alerts/groups');
    expect(content).toMatchObject([
      { receiver: { name: 'ops' }, labels: { site: 'b' }, alerts: [{}, {}] },
      { receiver: { name: 'ops' }, labels: {}, alerts: [{}] },
      { receiver: { name: 'chat' }, labels: {}, alerts: [{}] },
    ]);
  });

  it('makes, shows, changes and ends silences', async () => {
    const ask = await serve();
    const { content: made } = await ask('POST', '/api/v2/silences', SILENCE);
    expect(made).toEqual({ silenceID: expect.stringMatching(/^[\da-f-]{36}$/) });
    const { content: list } = await ask('GET', '/api/v2/silences');
    expect(list).toMatchObject([
      {
        status: { state: 'active' },
        matchers: SILENCE.matchers,
        endsAt: '2026-01-01T01:00:00.000Z',
        createdBy: 'ann',
      },
    ]);
    const [id] = z.array(identified).parse(list);
    const longer = { ...SILENCE, id, endsAt: '2026-01-01T05:00:00Z' };
    expect((await ask('POST', '/api/v2/silences', longer)).content).toEqual({ silenceID: id });
    expect((await ask('DELETE', `/api/v2/silence/${id}`)).status).toBe(200);
    expect((await ask('GET', `/api/v2/silence/${id}`)).content).toMatchObject({
      status: { state: 'expired' },
    });
    expect((await ask('GET', '/api/v2/silences?filter=team%3D"x"')).content).toEqual([]);
  });

  it('tells status and receivers, and that it takes no alerts', async () => {
    const ask = await serve();
    expect((await ask('GET', '/api/v2/status')).content).toMatchObject({
      cluster: { status: 'disabled' },
      versionInfo: { version: '0' },
    });
    expect((await ask('GET', '/api/v2/receivers')).content).toEqual([{ name: 'ops' }]);
    expect((await ask('POST', '/api/v2/alerts', [])).status).toBe(501);
  });

  it.each([
    ['GET', '/api/v2/alerts?filter=nonsense', undefined, 400, 'matcher "nonsense"'],
    ['GET', '/api/v2/alerts?receiver=(', undefined, 400, 'error parsing regexp'],
    ['GET', '/api/v2/alerts?receiver=%5CpL{0,1000}', undefined, 400, 'expression too large'],
    ['GET', '/api/v2/alerts?filter=a%3D~"%5C%5CpL{0,1000}"', undefined, 400, 'expression too large'],
    ['GET', '/api/v2/silences?filter=a%3D~"(.y){1000}"', undefined, 400, 'expression too large'],
    ['GET', '/api/v2/silence/none', undefined, 404, 'no silence'],
    ['DELETE', '/api/v2/silence/none', undefined, 404, 'does not exist'],
    ['POST', '/api/v2/silences', '{"matchers"', 400, 'JSON'],
    ['POST', '/api/v2/silences', {}, 400, 'matchers: '],
    ['POST', '/api/v2/silences', { ...SILENCE, startsAt: 'now' }, 400, 'startsAt: must be a time'],
    ['POST', '/api/v2/silences', { ...SILENCE, endsAt: '2025-01-01T00:00:00Z' }, 400, 'endsAt must be'],
    ['POST', '/api/v2/silences', { ...SILENCE, id: 'gone' }, 404, 'does not exist'],
    ['POST', '/api/v2/silences', 'x'.repeat(100_000), 413, 'large'],
  ])('%s %s is refused with a JSON string', async (method, path, body, status, text) => {
    const ask = await serve();
    const answer = await ask(method, path, body);
    expect([answer.status, answer.content]).toEqual([status, expect.stringContaining(text)]);
  });
});

describe('changing silences and windows', () => {
  it('needs a token for everything, also on loopback; reading does not', async () => {
    const ask = await serve();
    for (const [method, path] of [
      ['POST', '/api/v2/silences'],
      ['DELETE', '/api/v2/silence/x'],
      ['POST', '/v1/silences'],
      ['PUT', '/v1/silences/x'],
      ['DELETE', '/v1/silences/x'],
      ['POST', '/v1/maintenance'],
      ['PUT', '/v1/maintenance/x'],
      ['DELETE', '/v1/maintenance/x'],
    ] as const) {
      expect([method, path, (await ask(method, path, {}, '')).status]).toEqual([method, path, 401]);
      expect([method, path, (await ask(method, path, {}, 'rca1_read')).status]).toEqual([method, path, 403]);
    }
    for (const path of ['/api/v2/silences', '/v1/silences', '/v1/maintenance']) {
      expect((await ask('GET', path, undefined, '')).status).toBe(200);
    }
  });

  it('goes by our own shapes under /v1', async () => {
    const ask = await serve();
    const endsMs = Date.UTC(2026, 0, 1, 2);
    const { status, content } = await ask('POST', '/v1/silences', {
      matchers: ['team="db"'],
      endsMs,
      createdBy: 'ann',
    });
    expect([status, content]).toMatchObject([201, { state: 'active', endsMs, comment: '' }]);
    const refused = await ask('POST', '/v1/silences', { matchers: ['team'], endsMs, createdBy: 'ann' });
    expect([refused.status, JSON.stringify(refused.content)]).toEqual([
      400,
      expect.stringContaining('matchers.0: matcher \\"team\\"'),
    ]);
    expect((await ask('GET', '/v1/silences?state=pending')).content).toEqual({ silences: [] });
  });

  it('keeps windows: made, listed with their next opening, changed, deleted', async () => {
    const ask = await serve();
    const window = {
      name: 'patch night',
      matchers: ['host=~"web-.*"'],
      schedule: {
        kind: 'recurring',
        firstLocal: '2026-01-04T02:00',
        timeZone: 'Europe/Berlin',
        rule: 'FREQ=WEEKLY;BYDAY=SU',
        durationMs: 3_600_000,
      },
    };
    const { content } = await ask('POST', '/v1/maintenance', window);
    expect(content).toMatchObject({
      isOpen: false,
      startsMs: Date.UTC(2026, 0, 4, 1),
      endsMs: Date.UTC(2026, 0, 4, 2),
    });
    const id = identified.parse(content);
    const wrong = { ...window, schedule: { ...window.schedule, timeZone: 'Mars/Olympus' } };
    const refused = await ask('PUT', `/v1/maintenance/${id}`, wrong);
    expect([refused.status, JSON.stringify(refused.content)]).toEqual([
      400,
      expect.stringContaining('Mars/Olympus'),
    ]);
    const once = { ...window, schedule: { kind: 'once', startsMs: 0, endsMs: 5 } };
    expect((await ask('PUT', `/v1/maintenance/${id}`, once)).content).toMatchObject({ id, startsMs: null });
    expect((await ask('DELETE', `/v1/maintenance/${id}`)).status).toBe(204);
    expect((await ask('GET', `/v1/maintenance/${id}`)).status).toBe(404);
    expect((await ask('GET', '/v1/maintenance')).content).toEqual({ windows: [] });
  });
});
