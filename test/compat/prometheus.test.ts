/** Prometheus and promtool against a running collector: remote write to it, remote read from it, queries. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAccessToken } from '../../collector/src/cli/access.ts';
import {
  WRITE_HEADERS,
  writeRequest,
} from '../../collector/src/storage/remote-protocol/testing/write-request.ts';
import { Labels } from '../../collector/src/storage/labels.ts';
import type { Series } from '../../collector/src/storage/storage.ts';
import { needs } from '../harness/needs.ts';
import { freePort } from '../harness/ports.ts';
import { killAll, startCollector, waitFor, type RunningCollector } from '../harness/processes.ts';
import { killPrograms, runProgram, startProgram } from './programs.ts';
import { ask, seriesCount } from './query-api.ts';

const prometheus = needs('prometheus');
const promtool = needs('promtool');
const STEP_MS = 5_000;
const SAMPLE_COUNT = 240;

let folder: ReturnType<typeof tempDir>;
let collector: RunningCollector;
let token: string;
/** After the last of the test series. */
let endMs: number;

// One for all tests: its start takes longer than most of what is asked of it.
beforeAll(async () => {
  folder = tempDir();
  const dataDir = join(folder.path, 'collector');
  collector = await startCollector(dataDir, ['--log-level', 'warn']);
  token = createAccessToken(dataDir, { name: 'test', scopes: ['write'], isJson: false }).trim();
  endMs = Math.floor(Date.now() / 1000) * 1000 - 766;
  await push(testSeries());
});
afterEach(killPrograms);
afterAll(() => {
  killAll();
  folder[Symbol.dispose]();
});

async function startPrometheus(config: string): Promise<string> {
  const file = join(folder.path, 'prometheus.yml');
  writeFileSync(file, config);
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  await startProgram(
    prometheus.path ?? '',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${mkdtempSync(join(folder.path, 'tsdb-'))}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    `${url}/-/ready`,
  );
  return url;
}

async function push(all: readonly Series[]): Promise<void> {
  const response = await fetch(`${collector.url}/api/v1/write`, {
    method: 'POST',
    body: new Uint8Array(writeRequest(all)),
    headers: { ...WRITE_HEADERS, Authorization: `Bearer ${token}` },
  });
  expect([response.status, await response.text()]).toEqual([204, '']);
}

/** Counters that reset once, a gauge, and a series that ends with a stale marker; off the step grid. */
function testSeries(): readonly Series[] {
  const timestamps = Float64Array.from(
    { length: SAMPLE_COUNT },
    (_, i) => endMs - (SAMPLE_COUNT - i) * STEP_MS,
  );
  const from = (labels: Readonly<Record<string, string>>, valueAt: (i: number) => number): Series => ({
    labels: Labels.of(labels),
    timestamps,
    values: timestamps.map((_, i) => valueAt(i)),
  });
  const ended = from({ __name__: 'load', host: 'gone' }, (i) => i);
  return [
    from({ __name__: 'requests_total', host: 'a' }, (i) => (i % 150) * 3),
    from({ __name__: 'requests_total', host: 'b' }, (i) => i * 7.5),
    from({ __name__: 'load', host: 'ä "b"' }, (i) => Math.sin(i)),
    { ...ended, stale: Uint8Array.from({ length: SAMPLE_COUNT }, (_, i) => Number(i > 100)) },
  ];
}

describe.skipIf(prometheus.path === null)(`Prometheus${prometheus.note}`, () => {
  it('pushes what it scrapes to the collector', async () => {
    const port = await freePort();
    const url = await startPrometheus(
      [
        'global: { scrape_interval: 1s }',
        'remote_write:',
        `  - url: ${collector.url}/api/v1/write`,
        `    authorization: { credentials: ${token} }`,
        '    queue_config: { batch_send_deadline: 200ms }',
        'scrape_configs:',
        '  - job_name: rollcall',
        `    static_configs: [{ targets: ["${new URL(collector.url).host}"] }]`,
        '  - job_name: nobody',
        `    static_configs: [{ targets: ["127.0.0.1:${port}"] }]`,
      ].join('\n'),
    );
    const count = (base: string, query: string) => ask(base, 'query', { query }).then(seriesCount);
    // The first request was that of the test series.
    await waitFor('two scrapes to arrive', async () =>
      (await count(collector.url, 'rollcall_remote_write_requests_total{code="204"} > 2')) > 0
        ? true
        : undefined,
    );
    const query = '{job=~"rollcall|nobody"}';
    expect(await count(collector.url, query)).toBe(await count(url, query));
    expect(await ask(collector.url, 'query', { query: 'up{job="nobody"}' })).toMatchObject({
      data: { result: [{ metric: { instance: `127.0.0.1:${port}` }, value: [expect.anything(), '0'] }] },
    });
    const metrics = await (await fetch(`${collector.url}/metrics`)).text();
    expect(metrics).toMatch(/^rollcall_remote_write_samples_total\{outcome="stored"\} [1-9]/m);
    expect(
      metrics.match(
        /^rollcall_remote_write_(?:requests_total\{code="(?!204)|samples_total\{outcome="(?!stored)).*/gm,
      ),
    ).toBeNull();
  });

  it('scrapes the newest samples of the collector, with their times', async () => {
    // Of now: a Prometheus takes nothing that is older than its own head.
    const timestamps = Float64Array.of(Date.now() - 2_500);
    const labels = Labels.of({ __name__: 'federated', instance: 'web-1', job: 'x', text: 'a"\\\nb' });
    await push([{ labels, timestamps, values: Float64Array.of(12.5) }]);
    const url = await startPrometheus(
      [
        'scrape_configs:',
        '  - job_name: federate',
        '    scrape_interval: 1s',
        '    honor_labels: true',
        '    metrics_path: /federate',
        "    params: { 'match[]': ['{__name__=\"federated\"}', '{job=\"x\"}'] }",
        `    static_configs: [{ targets: ["${new URL(collector.url).host}"] }]`,
      ].join('\n'),
    );
    const query = 'federated[1m]';
    const theirs = await waitFor('a sample', async () => {
      const found = await ask(url, 'query', { query });
      return seriesCount(found) > 0 ? found : undefined;
    });
    expect(theirs).toMatchObject({
      data: { result: [{ metric: labels.toObject(), values: [[(timestamps[0] ?? 0) / 1000, '12.5']] }] },
    });
    expect(await ask(url, 'query', { query: 'up{job="federate"} == 1' })).toMatchObject({
      data: { result: [{}] },
    });
  });

  it('evaluates on the data of the collector, with the same results as the collector', async () => {
    const url = await startPrometheus(
      `remote_read: [{ url: "${collector.url}/api/v1/read", read_recent: true }]\n`,
    );
    const end = Math.floor(endMs / 1000);
    for (const query of [
      'requests_total',
      'rate(requests_total[1m])',
      'sum(increase(requests_total[5m]))',
      'load{host=~"g.*|nobody"}',
      'count_over_time(load[10m])',
      'topk(1, load) or requests_total{host!="a"}',
    ]) {
      const parameters = { query, start: end - 900, end, step: 15 };
      const theirs = await ask(url, 'query_range', parameters);
      expect(seriesCount(theirs)).toBeGreaterThan(0);
      expect([query, rounded(await ask(collector.url, 'query_range', parameters))]).toEqual([
        query,
        rounded(theirs),
      ]);
    }
  });
});

describe('names of any kind, as Prometheus 3 sends them', () => {
  it('are stored, asked for and listed', async () => {
    const labels = { __name__: 'http.größe', 'service.name': 'web', __unit__: 'bytes' };
    await push([
      { labels: Labels.of(labels), timestamps: Float64Array.of(endMs), values: Float64Array.of(7) },
    ]);
    const query = '{"http.größe", "service.name"=~"w.*"}';
    expect(await ask(collector.url, 'query', { query, time: endMs / 1000 })).toMatchObject({
      data: { result: [{ metric: labels, value: [endMs / 1000, '7'] }] },
    });
    for (const name of ['service.name', 'U__service_2e_name']) {
      const response = await fetch(`${collector.url}/api/v1/label/${name}/values`);
      expect(await response.json()).toEqual({ status: 'success', data: ['web'] });
    }
  });
});

/** Sums in another order differ in the last digits. */
function rounded(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer), (_, value: unknown) =>
    typeof value === 'string' && /^-?\d+\.\d+$/.test(value) ? Number(value).toPrecision(12) : value,
  );
}

describe.skipIf(promtool.path === null)(`promtool${promtool.note}`, () => {
  it('queries the collector: instant, range, series and labels', async () => {
    const query = (...parameters: readonly string[]) =>
      runProgram(promtool.path ?? '', ['query', ...parameters]);
    const time = String(Math.ceil(endMs / 1000));
    expect(await query('instant', '--time', time, collector.url, 'sum(requests_total)')).toMatch(
      /^\{\} => \d+/,
    );
    const start = String(Math.floor(endMs / 1000) - 60);
    const range = await query(
      'range',
      `--start=${start}`,
      `--end=${time}`,
      '--step=10s',
      collector.url,
      'rate(requests_total{host="b"}[1m])',
    );
    expect(range).toMatch(/^\{host="b"\} =>\n1\.5 @\[\d+\]/);
    expect(await query('series', '--match=load', collector.url)).toContain('host="ä \\"b\\""');
    expect(await query('labels', collector.url, 'host')).toBe('a\nb\ngone\nä "b"\n');
    await expect(query('instant', collector.url, 'sum(')).rejects.toThrow(/parse error/);
  });
});
