import { once } from 'node:events';
import { execFile, spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { promisify } from 'node:util';

import type { LogFields } from '@rollcall/shared/lib/log.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createAnswers, type JsonAnswer } from '../../query/answers.ts';
import { createQueryEngine } from '../../query/query.ts';
import type { LocalQueryEngine } from '../../query/query.ts';
import { Labels } from '../../storage/labels.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import { answeredDirectly } from '../direct.ts';
import { directQueries, prometheusRouter, type PrometheusOptions } from './prometheus.ts';
import type { RuleGroup } from './rules.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const NOW_S = NOW_MS / 1000;

/** What the next reading of label names fails with. */
let readFailure: Error | undefined;

class FailingStorage extends MemoryStorage {
  override labelNames(...args: Parameters<MemoryStorage['labelNames']>): Promise<readonly string[]> {
    return readFailure === undefined ? super.labelNames(...args) : Promise.reject(readFailure);
  }
}

const storage = new FailingStorage();
const realEngine = createQueryEngine({
  storage,
  clock: systemClock,
  limits: { samplesMax: 1_000_000, timeoutMs: 5_000 },
});

/** The signal of the query `hang`, once that was asked. */
const { promise: hangingSignal, resolve: announceHanging } = Promise.withResolvers<AbortSignal>();

/** The real engine, but for `hang`, which runs until it is stopped. */
const engine: LocalQueryEngine = {
  ...realEngine,
  instant(text, options, signal) {
    if (text !== 'hang') return realEngine.instant(text, options, signal);
    announceHanging(signal);
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new AppError('QUERY_CANCELED', 'query was canceled')));
    });
  },
};
const logged: LogFields[] = [];
let base = '';
let directBase = '';

const groups: readonly RuleGroup[] = ['a', 'b', 'c'].map((name) => ({
  name,
  file: `${name}.yml`,
  intervalMs: 60_000,
  limit: 0,
  evaluationMs: 1.5,
  lastEvaluationMs: name === 'a' ? NOW_MS : undefined,
  rules: [
    {
      kind: 'alerting',
      name: `${name}-alert`,
      query: 'up == 0',
      labels: { severity: 'page', group: name },
      annotations: { summary: 'down' },
      health: 'ok',
      evaluationMs: 0.5,
      lastEvaluationMs: NOW_MS,
      state: 'firing',
      forMs: 300_000,
      keepFiringForMs: 0,
      alerts: [{ labels: { a: 'b' }, annotations: {}, state: 'firing', activeAtMs: NOW_MS, value: 0.5 }],
    },
    {
      kind: 'recording',
      name: `${name}:record`,
      query: 'sum(up)',
      labels: {},
      health: 'err',
      lastError: 'boom',
      evaluationMs: 0.5,
      lastEvaluationMs: NOW_MS,
    },
  ],
}));

const answers = createAnswers({ engine, storage, extent: () => storage.stats(), clock: systemClock });

/** As reading threads send it: an answer of one piece says how long that is. */
async function inPieces({ data, ...notes }: JsonAnswer): Promise<JsonAnswer> {
  const pieces: Buffer[] = [];
  for await (const piece of data) pieces.push(Buffer.from(piece));
  const [first] = pieces;
  if (pieces.length > 1) return { data: pieces, ...notes };
  return { data: pieces, onlyPieceBytes: first?.length, ...notes };
}

const options: PrometheusOptions = {
  answers: {
    ...answers,
    instant: async (...question) => inPieces(await answers.instant(...question)),
    range: async (...question) => inPieces(await answers.range(...question)),
  },
  clock: new FakeClock(NOW_MS),
  log: { debug() {}, info() {}, warn() {}, error: (_message, fields = {}) => void logged.push(fields) },
  buildInfo: {
    version: '1',
    revision: 'r',
    branch: 'b',
    buildUser: 'u',
    buildDate: 'd',
    goVersion: 'node',
  },
  settings: {
    startedMs: NOW_MS - 60_000,
    scrapeIntervalMs: 10_000,
    ruleIntervalMs: 5_000,
    retention: '30d',
    retentionBytes: 1_000,
    flags: { 'query.timeout': '2m' },
    alertmanagers: ['http://am:9093/'],
  },
  metadata: () => [
    ['up', { type: 'gauge', help: 'Whether it is up.', unit: '' }],
    ['node_boot_time_seconds', { type: 'gauge', help: 'Boot time.', unit: 'seconds' }],
    ['pushed_total', { type: 'counter', help: 'Pushed.', unit: '' }],
    ['up', { type: 'gauge', help: 'Another one says so.', unit: '' }],
    ['up', { type: 'gauge', help: 'Whether it is up.', unit: '' }],
  ],
  ruleGroups: () => groups,
  alerts: () => groups[0]?.rules.flatMap((rule) => (rule.kind === 'alerting' ? rule.alerts : [])) ?? [],
  targets: () => [
    { job: 'node', instance: 'a', health: 'up', lastError: '', lastSampleMs: NOW_MS, intervalMs: 10_000 },
  ],
};
const app = express().use('/api/v1', prometheusRouter(options));
const server = createServer(app);
/** The same, with the way past Express. */
const directServer = createServer(
  answeredDirectly({ routes: directQueries(options), access: { kind: 'loopback' }, headers: [] }, app),
);

beforeAll(async () => {
  const samples = [0, 1, 2, 3, 4].map((i) => ({ timeMs: NOW_MS - 40_000 + i * 10_000, value: i }));
  await storage.append([
    { labels: Labels.of({ __name__: 'up', instance: 'a', job: 'node' }), samples },
    { labels: Labels.of({ __name__: 'utf8', 'a.b': 'dotted', 'a/b': 'slashed' }), samples },
    { labels: Labels.of({ __name__: 'up', instance: 'b', job: 'node' }), samples },
    { labels: Labels.of({ __name__: 'load', instance: 'a', mode: '"quoted"\n' }), samples },
    {
      labels: Labels.of({ __name__: 'odd' }),
      samples: [1e-7, 1e21, NaN, Infinity, -0].map((value, i) => ({
        timeMs: NOW_MS - 40_000 + i * 10_000,
        value,
      })),
    },
  ]);
  base = await listening(server);
  directBase = await listening(directServer);
});

async function listening(one: Server): Promise<string> {
  one.listen(0, '127.0.0.1');
  await once(one, 'listening');
  const address = one.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/api/v1`;
}

afterAll(async () => {
  for (const one of [server, directServer]) {
    one.closeAllConnections();
    one.close();
    await once(one, 'close');
  }
});

it('minds what is not escaped properly only where Prometheus does', async () => {
  expect((await askBoth('/query?query=1&x=%zz')).status).toBe(200);
  expect(await askBoth('/query?query=%zz')).toEqual(
    failure(400, 'bad_data', 'invalid parameter "query": 1:1: parse error: no expression found in input'),
  );
  expect((await askBoth('/labels?match[]=up&match[]=%zz')).status).toBe(200);
  expect(await askBoth('/series?match[]=up&x=%zz')).toEqual(
    failure(400, 'bad_data', 'error parsing form values: invalid URL escape "%zz"'),
  );
});

const HUGE = `${'1'.repeat(200_000)}x`;

type Form = Readonly<Record<string, string | readonly string[]>>;

function form(values: Form): URLSearchParams {
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    [value].flat().map((one): [string, string] => [name, one]),
  );
  return new URLSearchParams(pairs);
}

/** Both ways give the same, so every case of this file is one of both. */
async function askBoth(path: string, init: RequestInit = {}) {
  const [response, direct] = await Promise.all([fetch(base + path, init), fetch(directBase + path, init)]);
  const text = await response.text();
  expect(await direct.text()).toBe(text);
  expect(direct.status).toBe(response.status);
  expect(direct.headers.get('content-type')).toBe(response.headers.get('content-type'));
  const body: unknown = JSON.parse(text);
  return { status: response.status, body };
}

function get(path: string, values: Form = {}) {
  return askBoth(`${path}?${form(values).toString()}`);
}

function post(path: string, values: Form) {
  return askBoth(path, { method: 'POST', body: form(values) });
}

function success(data: unknown, notes: object = {}) {
  return { status: 200, body: { status: 'success', data, ...notes } };
}

function failure(status: number, errorType: string, error: string) {
  return { status, body: { status: 'error', errorType, error } };
}

describe('every endpoint that tools know', () => {
  const range = { start: String(NOW_S - 60), end: String(NOW_S), step: '15' };
  it.each<[path: string, values: Form]>([
    ['/query', { query: 'up' }],
    ['/query_range', { query: 'up', ...range }],
    ['/query_exemplars', { query: 'up', ...range }],
    ['/series', { 'match[]': 'up' }],
    ['/labels', {}],
    ['/label/job/values', {}],
    ['/metadata', {}],
    ['/rules', {}],
    ['/alerts', {}],
    ['/targets', {}],
    ['/status/buildinfo', {}],
    ['/status/config', {}],
    ['/status/flags', {}],
    ['/status/runtimeinfo', {}],
    ['/alertmanagers', {}],
    ['/status/tsdb', {}],
    ['/format_query', { query: 'up' }],
    ['/parse_query', { query: 'up' }],
  ])('%s answers GET and POSTed forms', async (path, values) => {
    const answers = [await get(path, values), await post(path, values)];
    for (const { status, body } of answers) {
      expect([status, body]).toEqual([200, expect.objectContaining({ status: 'success' })]);
    }
  });
});

describe('/query', () => {
  it("answers Grafana's health check", async () => {
    expect(await post('/query', { query: '1+1', time: '4' })).toEqual(
      success({ resultType: 'scalar', result: [4, '2'] }),
    );
  });

  it('answers vectors, scalars, strings and matrices', async () => {
    const time = String(NOW_S);
    expect(await get('/query', { query: 'up{instance="a"}', time })).toEqual(
      success({
        resultType: 'vector',
        result: [{ metric: { __name__: 'up', instance: 'a', job: 'node' }, value: [NOW_S, '4'] }],
      }),
    );
    expect(await get('/query', { query: '"x"', time: '1.5' })).toEqual(
      success({ resultType: 'string', result: [1.5, 'x'] }),
    );
    expect(await get('/query', { query: '1e-7', time: '1' })).toEqual(
      success({ resultType: 'scalar', result: [1, '0.0000001'] }),
    );
    expect(await get('/query', { query: 'odd[50s]', time })).toEqual(
      success({
        resultType: 'matrix',
        result: [
          {
            metric: { __name__: 'odd' },
            values: [
              [NOW_S - 40, '1e-07'],
              [NOW_S - 30, '1e+21'],
              [NOW_S - 20, 'NaN'],
              [NOW_S - 10, '+Inf'],
              [NOW_S, '-0'],
            ],
          },
        ],
      }),
    );
  });

  it('writes the type before the result, and times with three decimals', async () => {
    const response = await fetch(`${base}/query?query=vector(1)&time=1.5`);
    expect(await response.text()).toBe(
      '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1.500,"1"]}]}}',
    );
  });

  it('answers an empty list when there is nothing', async () => {
    expect(await get('/query', { query: 'nothing' })).toEqual(success({ resultType: 'vector', result: [] }));
  });

  it('takes the current time when none is given, and RFC 3339', async () => {
    expect(await get('/query', { query: 'time()' })).toEqual(
      success({ resultType: 'scalar', result: [NOW_S, String(NOW_S)] }),
    );
    expect(await get('/query', { query: 'time()', time: '2026-01-01T01:00:00.5+01:00' })).toEqual(
      success({ resultType: 'scalar', result: [NOW_S + 0.5, String(NOW_S + 0.5)] }),
    );
  });

  it('takes another lookback', async () => {
    const late = { query: 'up', time: String(NOW_S + 20) };
    expect(await get('/query', { ...late, lookback_delta: '20s' })).toEqual(
      success({ resultType: 'vector', result: [] }),
    );
    expect(await get('/query', { ...late, lookback_delta: '21' })).toMatchObject({
      body: { data: { result: [{}, {}] } },
    });
  });

  it('cuts a result to the limit and says so', async () => {
    const reply = await get('/query', { query: 'count by (instance) (up)', limit: '1' });
    expect(reply).toMatchObject({
      body: { warnings: ['results truncated due to limit'], data: { result: [{}] } },
    });
  });

  it('tells warnings and infos', async () => {
    expect(await get('/query', { query: 'quantile(2, up)' })).toMatchObject({
      body: { warnings: ['PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)'] },
    });
    expect(await get('/query', { query: 'rate(up[1m])' })).toMatchObject({
      body: {
        infos: [
          'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "up" (1:6)',
        ],
      },
    });
  });

  it('reads a plus sign in a form as a blank, as Prometheus does', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await fetch(`${base}/query`, { method: 'POST', headers, body: 'query=1+1' });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual(
      failure(400, 'bad_data', 'invalid parameter "query": 1:3: parse error: unexpected number "1"').body,
    );
  });

  it.each([
    [
      { query: '(1+1' },
      400,
      'bad_data',
      'invalid parameter "query": 1:5: parse error: unclosed left parenthesis',
    ],
    [{}, 400, 'bad_data', 'invalid parameter "query": 1:1: parse error: no expression found in input'],
    [
      { query: '1', time: 'x' },
      400,
      'bad_data',
      `invalid parameter "time": Invalid time value for 'time': cannot parse "x" to a valid timestamp`,
    ],
    [
      { query: '1', time: '1e300' },
      400,
      'bad_data',
      `invalid parameter "time": Invalid time value for 'time': cannot parse "1e300" to a valid timestamp`,
    ],
    [
      { query: '1', timeout: 'x' },
      400,
      'bad_data',
      'invalid parameter "timeout": cannot parse "x" to a valid duration',
    ],
    [{ query: '1', limit: '-1' }, 400, 'bad_data', 'invalid parameter "limit": limit must be non-negative'],
    [{ query: 'topk(NaN, up)' }, 422, 'execution', 'Scalar value NaN overflows int64'],
    [
      { query: 'sum_over_time(vector(1)[100y:1s])' },
      422,
      'execution',
      'query processing would load too many samples into memory in query execution, at most 1000000 are allowed',
    ],
  ])('refuses %j', async (parameters: Form, status, errorType, error) => {
    expect(await get('/query', parameters)).toEqual(failure(status, errorType, error));
    expect(await post('/query', parameters)).toEqual(failure(status, errorType, error));
  });

  it.each(['0', '0s', '-1'])('gives up at once after %j', async (timeout) => {
    expect(await get('/query', { query: '1', timeout })).toEqual(
      failure(503, 'timeout', 'query timed out in query execution'),
    );
    expect(await get('/query', { query: '1 +', timeout })).toMatchObject({ status: 400 });
    expect(await get('/query', { query: '1', timeout, lookback_delta: 'x' })).toMatchObject({ status: 400 });
  });

  it.each(['0', '-5'])('looks back as far as ever when asked for %j', async (lookback) => {
    expect(
      await get('/query', { query: 'count(up)', time: String(NOW_S), lookback_delta: lookback }),
    ).toEqual(success({ resultType: 'vector', result: [{ metric: {}, value: [NOW_S, '2'] }] }));
  });

  it.each([
    ['1.0005', 1],
    ['1.0015', 1.002],
    ['-1.5', -1.5],
    ['2026-02-28T23:59:59.9999+01:00', 1_772_319_599.999],
  ])('takes the time %j for %d', async (time, seconds) => {
    expect(await get('/query', { query: '1', time })).toEqual(
      success({ resultType: 'scalar', result: [seconds, '1'] }),
    );
  });

  it('knows the first and the last time of Prometheus', async () => {
    const ends = { start: '-292273086-05-16T16:47:06Z', end: '292277025-08-18T07:12:54.999999999Z' };
    expect(await get('/label/instance/values', ends)).toEqual(success(['a', 'b']));
  });

  it('gives up after the timeout', async () => {
    const query = 'sum_over_time(sum_over_time(vector(1)[100000:1])[100000:1])';
    const reply = await get('/query', { query, timeout: '20ms' });
    expect(reply).toEqual(failure(503, 'timeout', 'query timed out in expression evaluation'));
  });

  it('stops the query when the client leaves', async () => {
    const client = new AbortController();
    const reply = fetch(`${base}/query?query=hang`, { signal: client.signal });
    const signal = await hangingSignal;
    expect(signal.aborted).toBe(false);
    client.abort();
    await expect(reply).rejects.toThrow('aborted');
    if (!signal.aborted) await once(signal, 'abort');
    expect(logged).toEqual([]);
  });

  it('compresses when asked, unless one packet takes it all', async () => {
    const long = `${base}/query_range?query=time()&start=1000&end=2000&step=5`;
    const response = await fetch(long, { headers: { 'accept-encoding': 'gzip' } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(await response.json()).toMatchObject({ status: 'success' });
    const small = await fetch(`${base}/query?query=up`, { headers: { 'accept-encoding': 'gzip' } });
    expect(small.headers.get('content-encoding')).toBeNull();
    const plain = await fetch(long, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.headers.get('content-type')).toMatch(/^application\/json/);
  });

  it('refuses forms that are too large', async () => {
    const reply = await post('/query', { query: 'x'.repeat(3_000_000) });
    expect(reply).toMatchObject({ status: 400, body: { errorType: 'bad_data' } });
  });
});

describe('stats', () => {
  const timings = {
    evalTotalTime: expect.any(Number),
    execQueueTime: expect.any(Number),
    execTotalTime: expect.any(Number),
  };
  const statsOf = async (path: string, values: Form): Promise<unknown> => {
    // Each way takes its own time.
    const response = await fetch(base + path, { method: 'POST', body: form(values) });
    return z.object({ data: z.object({ stats: z.unknown().optional() }) }).parse(await response.json()).data
      .stats;
  };

  it('tells nothing unless asked', async () => {
    const at = { query: 'up', time: String(NOW_S) };
    expect(await statsOf('/query', at)).toBeUndefined();
    expect(await statsOf('/query', { ...at, stats: '' })).toBeUndefined();
  });

  it.each([
    ['1', 0, 0],
    ['"text"', 0, 0],
    ['up', 2, 2],
    ['up * on (instance) load', 3, 3],
    // The window is open at its left: the samples of -40 s are not in it.
    ['up[40s]', 8, 8],
    ['rate(up[21s])', 6, 6],
    ['absent_over_time(nothing[1m])', 0, 0],
    ['timestamp(up)', 2, 2],
    // At -20 s and at the end.
    ['max_over_time(up[30s:20s])', 4, 4],
  ])('counts what %s looks at', async (query, samples, atLeast) => {
    const stats = await statsOf('/query', { query, time: String(NOW_S), stats: 'true' });
    expect(stats).toEqual({
      timings,
      samples: { totalQueryableSamples: samples, peakSamples: expect.any(Number) },
    });
    const { peakSamples } = z.object({ samples: z.object({ peakSamples: z.number() }) }).parse(stats).samples;
    expect(peakSamples).toBeGreaterThanOrEqual(atLeast);
  });

  it.each([
    ['up', [2, 2, 2]],
    ['sum(increase(load[21s]))', [3, 3, 3]],
    // Looked at by every step, read once.
    ['up @ end()', [2, 2, 2]],
    ['up + on (instance) max_over_time(load[1m] @ start())', [5, 5, 5]],
    ['up offset 35s', [0, 0, 2]],
    ['max_over_time(up[30s:20s])', [4, 2, 4]],
    ['vector(1)', [0, 0, 0]],
  ])('counts what each step of %s looks at', async (query, counts) => {
    const times = { start: String(NOW_S - 20), end: String(NOW_S), step: '10' };
    expect(await statsOf('/query_range', { query, ...times, stats: 'all' })).toMatchObject({
      timings,
      samples: {
        totalQueryableSamplesPerStep: counts.map((count, i) => [NOW_S - 20 + 10 * i, count]),
        totalQueryableSamples: counts.reduce((sum, count) => sum + count, 0),
      },
    });
  });
});

describe('/query_range', () => {
  const range = { start: String(NOW_S - 20), end: String(NOW_S), step: '10' };

  it('answers a matrix', async () => {
    const expected = success({
      resultType: 'matrix',
      result: [
        {
          metric: {},
          values: [
            [NOW_S - 20, '4'],
            [NOW_S - 10, '6'],
            [NOW_S, '8'],
          ],
        },
      ],
    });
    expect(await get('/query_range', { query: 'sum(up)', ...range })).toEqual(expected);
    expect(await post('/query_range', { query: 'sum(up)', ...range, step: '10s' })).toEqual(expected);
  });

  it('repeats scalars', async () => {
    expect(await get('/query_range', { query: '1', ...range })).toMatchObject({
      body: { data: { resultType: 'matrix', result: [{ metric: {}, values: [{}, {}, {}] }] } },
    });
  });

  it.each([
    [{ start: 'x' }, 'invalid parameter "start": cannot parse "x" to a valid timestamp'],
    [{ end: '' }, 'invalid parameter "end": cannot parse "" to a valid timestamp'],
    [{ end: '0' }, 'invalid parameter "end": end timestamp must not be before start time'],
    [
      { step: '0' },
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    ],
    [{ step: 'x' }, 'invalid parameter "step": cannot parse "x" to a valid duration'],
    [
      { start: '0', step: '1' },
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    ],
    [
      { query: 'up[5m]' },
      'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    ],
  ])('refuses %j', async (parameters: Form, error) => {
    expect(await get('/query_range', { query: '1', ...range, ...parameters })).toEqual(
      failure(400, 'bad_data', error),
    );
  });

  it('allows 11,000 steps', async () => {
    const times = { start: '0', end: '11000', step: '1' };
    expect((await get('/query_range', { query: 'vector(1)', ...times })).status).toBe(200);
  });
});

describe('series and labels', () => {
  it('lists series', async () => {
    expect(await get('/series', { 'match[]': ['up{instance="a"}', 'load'] })).toEqual(
      success([
        { __name__: 'load', instance: 'a', mode: '"quoted"\n' },
        { __name__: 'up', instance: 'a', job: 'node' },
      ]),
    );
    expect(await post('/series', { 'match[]': 'up', start: '0', end: '1' })).toEqual(success([]));
  });

  it('lists label names and values', async () => {
    expect(await get('/labels')).toEqual(success(['__name__', 'a.b', 'a/b', 'instance', 'job', 'mode']));
    expect(await post('/labels', { 'match[]': 'up' })).toEqual(success(['__name__', 'instance', 'job']));
    expect(await get('/label/instance/values')).toEqual(success(['a', 'b']));
    expect(await get('/label/instance/values', { 'match[]': '{__name__=~"lo.*"}' })).toEqual(success(['a']));
    expect(await get('/label/nothing/values')).toEqual(success([]));
  });

  it.each([
    ['U__in_73_tance', ['a', 'b']],
    ['U______name____', ['load', 'odd', 'up', 'utf8']],
    ['U__a_2E_b', ['dotted']],
    ['a.b', ['dotted']],
    ['a%2Fb', ['slashed']],
    ['jo-b', []],
    // No escapes: a name of its own.
    ['U__instance_', []],
    ['U__in_d800_tance', []],
  ])('takes the label name %s', async (name, values) => {
    expect(await get(`/label/${name}/values`)).toEqual(success(values));
  });

  it('cuts lists to the limit and says so', async () => {
    const notes = { warnings: ['results truncated due to limit'] };
    expect(await get('/label/__name__/values', { limit: '1' })).toEqual(success(['load'], notes));
    expect(await get('/label/__name__/values', { limit: '4' })).toEqual(
      success(['load', 'odd', 'up', 'utf8']),
    );
  });

  it.each([
    ['/series', {}, 'no match[] parameter provided'],
    [
      '/series',
      { 'match[]': '{}' },
      'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
    ],
    [
      '/series',
      { 'match[]': 'up{' },
      'invalid parameter "match[]": 1:4: parse error: unexpected end of input inside braces',
    ],
    ['/series', { 'match[]': 'up[5m]' }, 'invalid parameter "match[]": 1:3: parse error: unexpected "["'],
    [
      '/series',
      { 'match[]': 'up offset 5m' },
      'invalid parameter "match[]": 1:4: parse error: unexpected <offset>',
    ],
    ['/labels', { 'match[]': 'rate(up[5m])' }, '1:5: parse error: unexpected "("'],
    ['/labels', { 'match[]': '1' }, '1:1: parse error: unexpected number "1"'],
    ['/labels', { 'match[]': '' }, '1:1: parse error: unexpected end of input'],
    ['/label/job/values', { 'match[]': '{}' }, 'match[] must contain at least one non-empty matcher'],
    [
      '/labels',
      { start: 'x' },
      `invalid parameter "start": Invalid time value for 'start': cannot parse "x" to a valid timestamp`,
    ],
    [
      '/label/job/values',
      { limit: 'x' },
      'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax',
    ],
    [
      '/labels',
      { limit: '99999999999999999999' },
      'invalid parameter "limit": strconv.Atoi: parsing "99999999999999999999": value out of range',
    ],
    ['/labels', { limit: '-1' }, 'invalid parameter "limit": limit must be non-negative'],
    ['/metadata', { limit: '1.5' }, 'limit must be a number'],
    ['/metadata', { limit_per_metric: 'x' }, 'limit_per_metric must be a number'],
    ['/status/tsdb', { limit: '0' }, 'limit must be a positive number'],
    ['/status/tsdb', { limit: '1e1' }, 'limit must be a positive number'],
    ['/status/tsdb', { limit: '0x10' }, 'limit must be a positive number'],
    ['/status/tsdb', { limit: ' 5' }, 'limit must be a positive number'],
    [
      '/query',
      { query: '(', limit: 'x', time: 'y' },
      'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax',
    ],
    [
      '/query',
      { query: '1', lookback_delta: 'x' },
      'error parsing lookback delta duration: cannot parse "x" to a valid duration',
    ],
    [
      '/query_exemplars',
      { query: 'up', start: 'x' },
      `invalid parameter "start": Invalid time value for 'start': cannot parse "x" to a valid timestamp`,
    ],
    [
      '/query_exemplars',
      { query: 'up', start: '2', end: '1' },
      'end timestamp must not be before start timestamp',
    ],
    ['/query_exemplars', { query: '(' }, '1:2: parse error: unclosed left parenthesis'],
    ...['2026-02-30T00:00:00Z', '2026-01-01t00:00:00Z', '2026-01-01T24:00:00Z', '2026-13-01T00:00:00Z'].map(
      (time): [string, Form, string] => [
        '/query',
        { query: '1', time },
        `invalid parameter "time": Invalid time value for 'time': cannot parse "${time}" to a valid timestamp`,
      ],
    ),
  ])('refuses %s %j', async (path, parameters: Form, error) => {
    expect(await get(path, parameters)).toEqual(failure(400, 'bad_data', error));
  });

  it.each([
    ['/query', { query: '1', time: HUGE }],
    ['/query', { query: '1', timeout: HUGE }],
    ['/query', { query: '1', lookback_delta: HUGE }],
    ['/query_range', { query: '1', start: '0', end: '1', step: HUGE }],
    ['/query_range', { query: '1', start: HUGE, end: '1', step: '1' }],
    ['/series', { 'match[]': 'up', start: HUGE }],
    ['/query_exemplars', { query: '1', end: HUGE }],
  ])(
    'refuses %s with a number that is none after thousands of digits, at once',
    async (path, values: Form) => {
      const startMs = performance.now();
      expect(await post(path, values)).toMatchObject({ status: 400, body: { errorType: 'bad_data' } });
      expect(performance.now() - startMs).toBeLessThan(1_000);
    },
  );

  it('takes no more than a number of regular expressions in all selectors', async () => {
    const selectors = (count: number): readonly string[] =>
      Array<string>(count).fill(`up{${'a!~"x.*y",'.repeat(50)}}`);
    expect(await get('/series', { 'match[]': selectors(10) })).toMatchObject({ status: 200 });
    const { body } = await get('/series', { 'match[]': selectors(11) });
    expect(body).toMatchObject({ errorType: 'bad_data' });
    expect(JSON.stringify(body)).toContain('more than 500 regular expressions');
  });

  it('describes metrics', async () => {
    expect(await get('/metadata', { metric: 'up' })).toEqual(
      success({
        up: [
          { type: 'gauge', help: 'Whether it is up.', unit: '' },
          { type: 'gauge', help: 'Another one says so.', unit: '' },
        ],
      }),
    );
    expect(await get('/metadata', { limit: '1', limit_per_metric: '1' })).toEqual(
      success({ up: [{ type: 'gauge', help: 'Whether it is up.', unit: '' }] }),
    );
    expect(await get('/metadata', { limit: '40000' })).toMatchObject({
      body: { data: { up: [{}, {}], node_boot_time_seconds: [{ unit: 'seconds' }] } },
    });
    expect(await get('/metadata', { metric: 'nope' })).toEqual(success({}));
    expect(await get('/metadata', { limit: '0' })).toEqual(success({}));
    expect(await get('/metadata', { limit: '-1', limit_per_metric: '0' })).toMatchObject({
      body: { data: { up: [{}, {}], pushed_total: [{}] } },
    });
  });
});

describe('rules and alerts', () => {
  it('lists groups with their rules', async () => {
    const { body } = await get('/rules', { 'rule_group[]': 'a' });
    expect(body).toEqual({
      status: 'success',
      data: {
        groups: [
          {
            name: 'a',
            file: 'a.yml',
            interval: 60,
            limit: 0,
            evaluationTime: 0.0015,
            lastEvaluation: '2026-01-01T00:00:00.000Z',
            rules: [
              {
                state: 'firing',
                name: 'a-alert',
                query: 'up == 0',
                duration: 300,
                keepFiringFor: 0,
                labels: { severity: 'page', group: 'a' },
                annotations: { summary: 'down' },
                alerts: [
                  {
                    labels: { a: 'b' },
                    annotations: {},
                    state: 'firing',
                    activeAt: '2026-01-01T00:00:00.000Z',
                    value: '5e-01',
                  },
                ],
                health: 'ok',
                evaluationTime: 0.0005,
                lastEvaluation: '2026-01-01T00:00:00.000Z',
                type: 'alerting',
              },
              {
                name: 'a:record',
                query: 'sum(up)',
                labels: {},
                health: 'err',
                lastError: 'boom',
                evaluationTime: 0.0005,
                lastEvaluation: '2026-01-01T00:00:00.000Z',
                type: 'recording',
              },
            ],
          },
        ],
      },
    });
  });

  const namesIn = (body: unknown): readonly string[] =>
    JSON.stringify(body).match(/[abc](?:-alert|:record)/g) ?? [];

  it.each([
    [{ type: 'alert' }, ['a-alert', 'b-alert', 'c-alert']],
    [{ type: 'record' }, ['a:record', 'b:record', 'c:record']],
    [{ 'rule_name[]': ['b-alert', 'c:record'] }, ['b-alert', 'c:record']],
    [{ 'file[]': 'c.yml' }, ['c-alert', 'c:record']],
    [{ 'match[]': '{group=~"a|b"}' }, ['a-alert', 'b-alert']],
    [{ 'rule_name[]': 'nope' }, []],
  ])('filters by %j', async (parameters: Form, names) => {
    expect(namesIn((await get('/rules', parameters)).body)).toEqual(names);
  });

  it('leaves out alerts when asked', async () => {
    expect(JSON.stringify(await get('/rules', { exclude_alerts: 'true' }))).not.toContain('activeAt');
  });

  it('gives pages', async () => {
    const first = await get('/rules', { group_limit: '2' });
    expect(namesIn(first.body)).toHaveLength(4);
    const token = /"groupNextToken":"(\w+)"/.exec(JSON.stringify(first.body))?.[1] ?? '';
    const second = await get('/rules', { group_limit: '2', group_next_token: token });
    expect(namesIn(second.body)).toEqual(['c-alert', 'c:record']);
    expect(JSON.stringify(second.body)).not.toContain('groupNextToken');
  });

  it.each([
    [{ type: 'x' }, 'invalid parameter "type": not supported value "x"'],
    [
      { exclude_alerts: 'maybe' },
      'invalid parameter "exclude_alerts": error converting exclude_alerts: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      { group_next_token: 'x' },
      'invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups',
    ],
    [{ group_next_token: 'x', group_limit: '1' }, `invalid group_next_token 'x'. were rule groups changed?`],
  ])('refuses %j', async (parameters: Form, error) => {
    expect(await get('/rules', parameters)).toEqual(failure(400, 'bad_data', error));
  });

  it('lists active alerts', async () => {
    expect(await get('/alerts')).toMatchObject({
      body: { data: { alerts: [{ value: '5e-01', state: 'firing' }] } },
    });
  });
});

describe('other routes', () => {
  it('answers exemplars, also for times in milliseconds', async () => {
    const parameters = { query: 'up', start: String(NOW_MS), end: String(NOW_MS) };
    expect(await get('/query_exemplars', parameters)).toEqual(success([]));
  });

  it('formats and parses queries', async () => {
    expect(await get('/format_query', { query: 'sum(up)by(job)' })).toEqual(success('sum by (job) (up)'));
    expect(await get('/format_query', { query: 'sum(' })).toEqual(
      failure(400, 'bad_data', 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis'),
    );
    expect(
      await post('/parse_query', { query: '-rate(up[5m] @ start()) > bool on () (1 * b)' }),
    ).toMatchObject({
      body: {
        data: {
          type: 'binaryExpr',
          op: '>',
          bool: true,
          matching: { card: 'one-to-one', on: true, labels: [], include: [] },
          lhs: {
            type: 'unaryExpr',
            expr: { type: 'call', args: [{ type: 'matrixSelector', range: 300_000, startOrEnd: 'start' }] },
          },
          rhs: { type: 'parenExpr', expr: { lhs: { type: 'numberLiteral', val: '1' }, matching: null } },
        },
      },
    });
  });

  it('tells what it is, without features', async () => {
    const { body } = await get('/status/buildinfo');
    expect(body).toEqual(
      success({ version: '1', revision: 'r', branch: 'b', buildUser: 'u', buildDate: 'd', goVersion: 'node' })
        .body,
    );
  });

  it('tells how it is set, as Prometheus does', async () => {
    expect(await get('/status/config')).toEqual(
      success({ yaml: 'global:\n  scrape_interval: 10s\n  evaluation_interval: 5s\n' }),
    );
    expect(await get('/status/flags')).toEqual(
      success({
        'query.timeout': '2m',
        'storage.tsdb.retention.size': '1000B',
        'storage.tsdb.retention.time': '30d',
      }),
    );
    const startTime = new Date(NOW_MS - 60_000).toISOString();
    expect(await get('/status/runtimeinfo')).toEqual(
      success({
        startTime,
        serverTime: new Date(NOW_MS).toISOString(),
        reloadConfigSuccess: true,
        lastConfigTime: startTime,
        storageRetention: '30d or 1000B',
      }),
    );
    expect(await get('/alertmanagers')).toEqual(
      success({ activeAlertmanagers: [{ url: 'http://am:9093/' }], droppedAlertmanagers: [] }),
    );
  });

  it('says which methods a path takes', async () => {
    for (const from of [base, directBase]) {
      const response = await fetch(`${from}/query`, { method: 'DELETE' });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST, OPTIONS']);
      const asked = await fetch(`${from}/query`, { method: 'OPTIONS' });
      expect([asked.status, asked.headers.get('allow')]).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
    }
    expect((await fetch(`${base}/nothing`, { method: 'DELETE' })).status).toBe(404);
  });

  it('shows sizes of the store', async () => {
    expect(await get('/status/tsdb', { limit: '1' })).toMatchObject({
      body: {
        data: {
          headStats: { numSeries: 5, maxTime: NOW_MS },
          seriesCountByMetricName: [{ name: 'up', value: 2 }],
          labelValueCountByLabelName: [{ name: '__name__', value: 4 }],
        },
      },
    });
  });

  it('lists targets', async () => {
    expect(await get('/targets')).toMatchObject({
      body: {
        data: {
          activeTargets: [{ labels: { instance: 'a', job: 'node' }, health: 'up' }],
          droppedTargets: [],
        },
      },
    });
    for (const none of [{ state: 'dropped' }, { scrapePool: 'other' }]) {
      expect(await get('/targets', none)).toMatchObject({ body: { data: { activeTargets: [] } } });
    }
    expect(await get('/targets', { scrapePool: 'node', state: 'ANY' })).toMatchObject({
      body: { data: { activeTargets: [{ scrapePool: 'node' }] } },
    });
    expect(await get('/scrape_pools')).toEqual(success({ scrapePools: ['node'] }));
  });

  it.each(['/', '/nope', '/rules/test/test', '/query/', '/QUERY', '/label/a/b/values', '/status/nope'])(
    'answers a plain 404 to %s',
    async (path) => {
      const response = await fetch(base + path);
      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
      expect(await response.text()).toBe('404 page not found');
    },
  );

  it('refuses paths that are not UTF-8', async () => {
    expect(await get('/label/%ff/values')).toMatchObject({ status: 400, body: { errorType: 'bad_data' } });
  });

  it('logs what should not have happened and tells nothing about it', async () => {
    readFailure = new Error('secret path');
    const reply = await get('/labels');
    readFailure = new AppError('STORAGE_UNAVAILABLE', 'the disk is full');
    const unavailable = await get('/labels');
    readFailure = undefined;
    expect(reply).toEqual(failure(500, 'internal', 'internal error, see the log of the collector'));
    expect(unavailable).toEqual(failure(503, 'unavailable', 'the disk is full'));
    const entry = { path: '/labels', error: 'secret path' };
    expect(logged).toEqual([entry, entry]);
  });
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

describe.skipIf(!hasPromtool && process.env['CI'] !== 'true')('promtool', () => {
  const promtool = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)('promtool', ['query', ...args]);
    return stdout;
  };
  const url = (): string => base.slice(0, -'/api/v1'.length);

  it('understands instant queries', async () => {
    const output = await promtool('instant', `--time=${NOW_S}`, url(), 'up * 2');
    expect(output).toContain(`{instance="a", job="node"} => 8 @[${NOW_S}]`);
  });

  it('understands range queries', async () => {
    const times = [`--start=${NOW_S - 10}`, `--end=${NOW_S}`, '--step=10s'];
    const output = await promtool('range', ...times, url(), 'odd');
    expect(output).toContain(`+Inf @[${NOW_S - 10}]\n-0 @[${NOW_S}]`);
  });

  it('understands series and labels', async () => {
    const times = ['--start=0', `--end=${NOW_S}`];
    expect(await promtool('series', '--match=load', ...times, url())).toContain('instance="a"');
    expect(await promtool('labels', ...times, url(), 'instance')).toBe('a\nb\n');
  });
});
