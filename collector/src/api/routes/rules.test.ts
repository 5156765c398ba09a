import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeDisk } from '@rollcall/shared/testing/fake-disk.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import express, { type RequestHandler } from 'express';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { backtest } from '../../alerting/backtest/backtest.ts';
import { RuleShelf } from '../../alerting/rule-files/rule-shelf.ts';
import { testTexts } from '../../alerting/rule-files/test-texts.ts';
import { readThresholdFile } from '../../alerting/thresholds/threshold-file.ts';
import { createQueryEngine } from '../../query/query.ts';
import { openScratchStorage } from '../../storage/open.ts';
import { errorHandler } from '../errors.ts';
import { rulesRouter, type RulesPort } from './rules.ts';

const RULES = 'groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]';
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const withToken: RequestHandler = (request, _response, next) => {
  if (request.headers.authorization !== 'Bearer admin')
    throw new AppError('UNAUTHORIZED', 'a token is needed');
  next();
};

async function serve(changes: Partial<RulesPort> = {}) {
  const disk = new FakeDisk();
  const newStore = () => {
    const storage = openScratchStorage();
    return {
      append: storage.append.bind(storage),
      engine: createQueryEngine({ storage, clock: new FakeClock() }),
    };
  };
  const port: RulesPort = {
    list: () => ({ rules: [], problems: [] }),
    shelf: new RuleShelf({
      disk,
      folder: '/rules',
      thresholdsPath: '/thresholds.yaml',
      checkThresholds: (text) => readThresholdFile(text).problems,
      changed() {},
    }),
    test: (texts, signal) => testTexts(texts, newStore, signal),
    backtest: (request, signal) => backtest(request, newStore().engine, signal),
    ...changes,
  };
  const app = express();
  app.use('/v1/rules', rulesRouter(port, withToken));
  app.use(errorHandler(silentLogger));
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address() satisfies AddressInfo | string | null;
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/v1/rules`;
  const send = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, text: await response.text() };
  };
  const post = (path: string, body: unknown) =>
    send('POST', path, JSON.stringify(body), { 'Content-Type': 'application/json' });
  return { send, post };
}

const ADMIN = { Authorization: 'Bearer admin' };

describe('/v1/rules', () => {
  it('stores, gives and removes a file, with a token only', async () => {
    const { send } = await serve();
    expect(await send('PUT', '/files/own.yml', RULES)).toMatchObject({ status: 401 });
    expect(await send('PUT', '/files/own.yml', RULES, ADMIN)).toMatchObject({ status: 204 });
    expect(await send('GET', '/files/own.yml')).toEqual({ status: 200, text: RULES });
    expect(await send('DELETE', '/files/own.yml')).toMatchObject({ status: 401 });
    expect(await send('DELETE', '/files/own.yml', undefined, ADMIN)).toMatchObject({ status: 204 });
    expect(await send('GET', '/files/own.yml')).toMatchObject({ status: 404 });
  });

  it('refuses broken rules with their line, and names that lead elsewhere', async () => {
    const { send } = await serve();
    const refused = await send('PUT', '/files/own.yml', 'groups:\n- {name: ""}', ADMIN);
    expect(refused).toMatchObject({ status: 422 });
    expect(refused.text).toContain('own.yml:2: Groupname must not be empty');
    expect(await send('PUT', '/files/..%2Fevil.yml', RULES, ADMIN)).toMatchObject({ status: 400 });
    expect(await send('GET', '/files/%2Fetc%2Fpasswd')).toMatchObject({ status: 400 });
  });

  it('keeps thresholds', async () => {
    const { send } = await serve();
    expect(await send('PUT', '/thresholds', 'thresholds: [1]', ADMIN)).toMatchObject({ status: 422 });
    expect(await send('PUT', '/thresholds', 'thresholds: []', ADMIN)).toMatchObject({ status: 204 });
    expect(await send('GET', '/thresholds')).toEqual({ status: 200, text: 'thresholds: []' });
  });

  it('runs unit tests', async () => {
    const { post } = await serve();
    const tests = (levels: string) =>
      `tests: [{input_series: [{series: 'up{instance="a"}', values: '0 0'}], promql_expr_test: [{expr: 'count(ALERTS)', eval_time: 1m, exp_samples: [${levels}]}]}]`;
    expect(await post('/test', { rules: RULES, tests: tests("{labels: '{}', value: 1}") })).toEqual({
      status: 200,
      text: JSON.stringify({ isPassed: true, failures: [] }),
    });
    const failed = await post('/test', { rules: RULES, tests: tests('') });
    expect(failed.status).toBe(200);
    expect(failed.text).toContain('"isPassed":false');
    expect(await post('/test', { rules: RULES, tests: 'tests: 1' })).toMatchObject({ status: 422 });
    expect(await post('/test', { rules: RULES })).toMatchObject({ status: 400 });
  });

  it.each(['0s', '1ms'])('refuses tests that would take too long: an interval of %s', async (interval) => {
    const { post } = await serve();
    const tests = `{evaluation_interval: ${interval}, tests: [{promql_expr_test: [{expr: up, eval_time: 30d}]}]}`;
    expect(await post('/test', { rules: RULES, tests })).toMatchObject({ status: 413 });
  });

  it('tries rules on the past, and says when it cannot', async () => {
    const { post } = await serve();
    const tried = await post('/backtest', { rules: RULES, fromMs: 0, toMs: 3_600_000 });
    expect(tried.status).toBe(200);
    expect(JSON.parse(tried.text)).toMatchObject({
      stepMs: 60_000,
      pagesPerWeek: 0,
      rules: [{ name: 'A', alertCount: 0 }],
    });
    expect(await post('/backtest', { rules: 'x', fromMs: 0, toMs: 1 })).toMatchObject({ status: 422 });
    expect(await post('/backtest', { rules: RULES, fromMs: 0, toMs: 1e12 })).toMatchObject({ status: 413 });
    expect(await post('/backtest', { rules: RULES, fromMs: 'now', toMs: 1 })).toMatchObject({ status: 400 });
  });

  it('tries a few at a time, and ends one whose client leaves', async () => {
    let ended = 0;
    const { post } = await serve({
      test: (_texts, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            ended += 1;
            resolve([]);
          });
        }),
    });
    const clients = [post('/test', { rules: '', tests: '' }), post('/test', { rules: '', tests: '' })];
    await expect
      .poll(async () => (await post('/backtest', { rules: RULES, fromMs: 0, toMs: 1_000 })).status)
      .toBe(429);
    for (const close of closers.splice(0)) close();
    await Promise.allSettled(clients);
    await expect.poll(() => ended).toBe(2);
  });
});
