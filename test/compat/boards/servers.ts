/** The stores that boards are asked against, each with the same samples. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import express from 'express';
import { prometheusRouter } from '../../../collector/src/api/prometheus/prometheus.ts';
import {
  WRITE_HEADERS,
  writeRequest,
} from '../../../collector/src/storage/remote-protocol/testing/write-request.ts';
import { createAnswers } from '../../../collector/src/query/answers.ts';
import { createQueryEngine } from '../../../collector/src/query/query.ts';
import { MemoryStorage } from '../../../collector/src/storage/memory/memory.ts';
import { freePort } from '../../harness/ports.ts';
import { waitFor } from '../../harness/processes.ts';
import { startProgram } from '../programs.ts';
import { ask, seriesCount } from '../query-api.ts';
import type { PlainSeries } from './samples.ts';

/** A store that holds the samples. */
export interface BoardStore {
  readonly url: string;
  stop(): Promise<void>;
}

/** Our query API over samples in memory, in this process. */
export async function startOurs(series: readonly PlainSeries[]): Promise<BoardStore> {
  const storage = new MemoryStorage();
  await storage.append(
    series.map(({ labels, timestamps, values }) => ({
      labels,
      samples: Array.from(timestamps, (timeMs, index) => ({ timeMs, value: values[index] ?? 0 })),
    })),
  );
  const engine = createQueryEngine({ storage, clock: systemClock });
  const server = createServer(
    express().use(
      '/api/v1',
      prometheusRouter({
        answers: createAnswers({ engine, storage, extent: () => storage.stats(), clock: systemClock }),
        clock: systemClock,
        log: { debug() {}, info() {}, warn() {}, error() {} },
        buildInfo: { version: '', revision: '', branch: '', buildUser: '', buildDate: '', goVersion: '' },
        settings: {
          startedMs: 0,
          scrapeIntervalMs: 10_000,
          ruleIntervalMs: 5_000,
          retention: '30d',
          retentionBytes: undefined,
          flags: {},
          alertmanagers: [],
        },
        metadata: () => [],
        ruleGroups: () => [],
        alerts: () => [],
        targets: () => [],
      }),
    ),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Prometheus, which gets the samples by remote write. */
export async function startPrometheus(
  path: string,
  folder: string,
  series: readonly PlainSeries[],
): Promise<BoardStore> {
  const config = join(folder, 'prometheus.yml');
  writeFileSync(config, '{}\n');
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const program = await startProgram(
    path,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=${address}`,
      '--web.enable-remote-write-receiver',
      '--log.level=warn',
    ],
    `${url}/-/ready`,
  );
  await remoteWrite(url, series);
  return { url, stop: () => program.stop() };
}

/** VictoriaMetrics, which gets the samples by remote write. */
export async function startVictoria(
  path: string,
  folder: string,
  series: readonly PlainSeries[],
): Promise<BoardStore> {
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const program = await startProgram(
    path,
    [
      `-storageDataPath=${join(folder, 'victoria')}`,
      `-httpListenAddr=${address}`,
      // It hides the newest half minute otherwise.
      '-search.latencyOffset=0s',
      '-loggerLevel=ERROR',
    ],
    `${url}/health`,
  );
  await remoteWrite(url, series);
  await fetch(`${url}/internal/force_flush`);
  await waitFor('VictoriaMetrics to know the samples', async () =>
    seriesCount(await ask(url, 'query', { query: 'up' })) > 0 ? true : undefined,
  );
  return { url, stop: () => program.stop() };
}

async function remoteWrite(url: string, series: readonly PlainSeries[]): Promise<void> {
  const body = new Uint8Array(writeRequest(series));
  const response = await fetch(`${url}/api/v1/write`, { method: 'POST', headers: WRITE_HEADERS, body });
  if (!response.ok) throw new Error(`remote write to ${url}: ${response.status} ${await response.text()}`);
}

/** InfluxDB 1.x, which gets the samples as lines. */
export async function startInflux(
  path: string,
  folder: string,
  lines: readonly string[],
): Promise<BoardStore> {
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const dataDir = join(folder, 'influxdb');
  mkdirSync(dataDir);
  const config = join(dataDir, 'influxdb.conf');
  writeFileSync(config, influxConfig(address, `127.0.0.1:${await freePort()}`, dataDir));
  const program = await startProgram(path, ['-config', config], `${url}/ping`);
  await post(`${url}/query`, new URLSearchParams({ q: 'CREATE DATABASE rollcall' }));
  if (lines.length > 0) await post(`${url}/write?db=rollcall&precision=ms`, lines.join('\n'));
  return { url, stop: () => program.stop() };
}

async function post(url: string, body: string | URLSearchParams): Promise<void> {
  const response = await fetch(url, { method: 'POST', body });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${await response.text()}`);
}

function influxConfig(address: string, backupAddress: string, dataDir: string): string {
  return `reporting-disabled = true
bind-address = "${backupAddress}"
[meta]
  dir = "${dataDir}/meta"
[data]
  dir = "${dataDir}/data"
  wal-dir = "${dataDir}/wal"
[http]
  bind-address = "${address}"
  log-enabled = false
[monitor]
  store-enabled = false
[logging]
  level = "error"
`;
}
