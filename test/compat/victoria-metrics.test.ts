/** vmagent pushes to a running collector, and vmalert evaluates rules on it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createAccessToken } from '../../collector/src/cli/access.ts';
import { needs } from '../harness/needs.ts';
import { freePort } from '../harness/ports.ts';
import { killAll, startCollector, waitFor, type RunningCollector } from '../harness/processes.ts';
import { startWebhookReceiver } from '../harness/webhook.ts';
import { killPrograms, startProgram } from './programs.ts';
import { ask, seriesCount } from './query-api.ts';

/** Folder of public test data, where the machine has it. */
const CONFORMANCE = process.env['ROLLCALL_CONFORMANCE'];
const vmagent = needs('vmagent');
const vmalert = needs('vmalert');

const alertsAnswer = z.object({
  data: z.object({ alerts: z.array(z.object({ activeAt: z.string() })).nullable() }),
});

let folder: ReturnType<typeof tempDir>;
let collector: RunningCollector;
let token: string;

// One for all tests: its start takes longer than most of what is asked of it.
beforeAll(async () => {
  folder = tempDir();
  const dataDir = join(folder.path, 'collector');
  collector = await startCollector(dataDir, ['--log-level', 'warn']);
  token = createAccessToken(dataDir, { name: 'test', scopes: ['write'], isJson: false }).trim();
});
afterEach(killPrograms);
afterAll(() => {
  killAll();
  folder[Symbol.dispose]();
});

async function untilFound(query: string): Promise<void> {
  await waitFor(query, async () =>
    seriesCount(await ask(collector.url, 'query', { query })) > 0 ? true : undefined,
  );
}

describe.skipIf(vmagent.path === null)(`vmagent${vmagent.note}`, () => {
  it('pushes what it scrapes to the collector', async () => {
    const config = join(folder.path, 'scrape.yml');
    writeFileSync(
      config,
      [
        'global: { scrape_interval: 1s }',
        'scrape_configs:',
        '  - job_name: rollcall',
        `    static_configs: [{ targets: ["${new URL(collector.url).host}"] }]`,
      ].join('\n'),
    );
    const address = `127.0.0.1:${await freePort()}`;
    await startProgram(
      vmagent.path ?? '',
      [
        `-httpListenAddr=${address}`,
        `-promscrape.config=${config}`,
        `-remoteWrite.url=${collector.url}/api/v1/write`,
        `-remoteWrite.bearerToken=${token}`,
        '-remoteWrite.flushInterval=200ms',
        // With more of them, requests overtake one another on a busy machine.
        '-remoteWrite.queues=1',
        `-remoteWrite.tmpDataPath=${join(folder.path, 'vmagent')}`,
      ],
      `http://${address}/health`,
    );
    await untilFound('rollcall_remote_write_requests_total{job="rollcall",code="204"} > 1');
    const metrics = await (await fetch(`${collector.url}/metrics`)).text();
    expect(
      metrics.match(
        /^rollcall_remote_write_(?:requests_total\{code="(?!204)|samples_total\{outcome="(?!stored)).*/gm,
      ),
    ).toBeNull();
  });
});

describe.skipIf(vmalert.path === null)(`vmalert${vmalert.note}`, () => {
  async function startVmalert(
    rules: readonly string[],
    notifier: string,
  ): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
    const address = `127.0.0.1:${await freePort()}`;
    const program = await startProgram(
      vmalert.path ?? '',
      [
        `-httpListenAddr=${address}`,
        ...rules.map((file) => `-rule=${file}`),
        '-evaluationInterval=1s',
        `-datasource.url=${collector.url}`,
        `-remoteRead.url=${collector.url}`,
        `-remoteWrite.url=${collector.url}`,
        `-remoteWrite.bearerToken=${token}`,
        '-remoteWrite.flushInterval=200ms',
        `-notifier.url=${notifier}`,
      ],
      `http://${address}/health`,
    );
    return { url: `http://${address}`, stop: () => program.stop() };
  }

  it('evaluates rules on the collector, keeps its results there, and sends alerts', async () => {
    const receiver = await startWebhookReceiver();
    const rules = join(folder.path, 'rules.yml');
    writeFileSync(
      rules,
      [
        'groups:',
        '  - name: test',
        '    rules:',
        '      - { record: "test:two", expr: "vector(1) + 1" }',
        '      - { alert: Always, expr: "test:two == 2", labels: { severity: info } }',
      ].join('\n'),
    );
    await startVmalert([rules], receiver.url);
    await untilFound('ALERTS{alertname="Always",alertstate="firing",severity="info"}');
    await untilFound('test:two == 2');
    await waitFor('an alert', () => receiver.received[0]);
    receiver.close();
    expect(receiver.received[0]?.body).toMatchObject([{ labels: { alertname: 'Always', severity: 'info' } }]);
  });

  it('knows after a restart since when an alert is pending', async () => {
    const rules = join(folder.path, 'pending.yml');
    writeFileSync(
      rules,
      'groups: [{ name: test, rules: [{ alert: Pending, expr: vector(1), for: 1h, labels: { a: b } }] }]\n',
    );
    const since = (url: string): Promise<string> =>
      waitFor('a pending alert', async () => {
        const answer = alertsAnswer.parse(await (await fetch(`${url}/api/v1/alerts`)).json());
        return answer.data.alerts?.[0]?.activeAt;
      });
    const first = await startVmalert([rules], 'http://127.0.0.1:9');
    const activeAt = await since(first.url);
    // Seconds are all that is stored of the time.
    await untilFound(
      `ALERTS_FOR_STATE{alertname="Pending",a="b"} == ${Math.floor(Date.parse(activeAt) / 1000)}`,
    );
    await first.stop();
    // One that knew nothing would tell another second.
    await setTimeout(1_100);
    const second = await startVmalert([rules], 'http://127.0.0.1:9');
    const restored = await waitFor('what it knew', async () => {
      const shown = await since(second.url);
      return Date.parse(shown) < Date.parse(activeAt) + 1_000 ? shown : undefined;
    });
    expect(Math.floor(Date.parse(restored) / 1000)).toBe(Math.floor(Date.parse(activeAt) / 1000));
  });

  it.skipIf(CONFORMANCE === undefined)('evaluates the public rules for hosts without an error', async () => {
    const { url } = await startVmalert(
      ['awesome-node-exporter.yml', 'node-mixin-alerts.yaml'].map((name) =>
        join(CONFORMANCE ?? '', 'rules', name),
      ),
      'http://127.0.0.1:9',
    );
    const figure = async (name: string): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))];
      return lines.reduce((sum, [, value]) => sum + Number(value), 0);
    };
    await waitFor('most rules to be evaluated', async () =>
      (await figure('vmalert_execution_total')) > 20 ? true : undefined,
    );
    expect(await figure('vmalert_execution_errors_total')).toBe(0);
  });
});
