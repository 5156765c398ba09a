/** The adapters of stores that others keep, on the real servers: each passes what its traits promise. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  externalConformance,
  type ExternalTraits,
  type ExternalUnderTest,
} from '../../collector/src/storage/conformance.ts';
import { openExternalReader } from '../../collector/src/storage/open-reader.ts';
import { openSink } from '../../collector/src/storage/open-sink.ts';
import type { PlainStore } from '../../collector/src/storage/store-config.ts';
import { isolated, writtenThrough } from '../../collector/src/storage/testing/external.ts';
import { needs } from '../harness/needs.ts';
import { freePort } from '../harness/ports.ts';
import { killPrograms, startProgram } from './programs.ts';

const prometheus = needs('prometheus');
const influxd = needs('influxd');
const victoriaMetrics = needs('victoria-metrics');

let folder: ReturnType<typeof tempDir>;
beforeAll(() => {
  folder = tempDir();
});
afterAll(() => {
  killPrograms();
  folder[Symbol.dispose]();
});

let runs = 0;

/** A view of a server that is empty at first. */
function fresh(store: PlainStore, flush?: () => Promise<void>): ExternalUnderTest {
  const ports = { clock: systemClock };
  const [sink, reader] = [openSink(store, ports), openExternalReader(store, ports)];
  return {
    storage: isolated(writtenThrough({ sink, reader }, flush), String(runs++)),
    release: async () => {
      await sink.close();
      reader.close();
    },
  };
}

function takesRemoteWrite(url: string): PlainStore {
  return { kind: 'prometheus', url, writeUrl: `${url}/api/v1/write` };
}

describe.skipIf(prometheus.path === null)(`Prometheus${prometheus.note}`, () => {
  let url = '';
  beforeAll(async () => {
    const address = `127.0.0.1:${await freePort()}`;
    url = `http://${address}`;
    const config = join(folder.path, 'prometheus.yml');
    writeFileSync(config, 'storage: { tsdb: { out_of_order_time_window: 1000d } }\n');
    await startProgram(
      prometheus.path ?? '',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder.path, 'prometheus')}`,
        '--storage.tsdb.retention.time=100y',
        `--web.listen-address=${address}`,
        '--web.enable-remote-write-receiver',
      ],
      `${url}/-/ready`,
    );
  });
  const traits: ExternalTraits = {
    numbers: 'all',
    hasStaleMarkers: true,
    labelValues: 'all',
    labelLengthMax: 65_536,
    listsByTime: false,
  };
  externalConformance('prometheus', traits, () => Promise.resolve(fresh(takesRemoteWrite(url))));
});

describe.skipIf(victoriaMetrics.path === null)(`VictoriaMetrics${victoriaMetrics.note}`, () => {
  let url = '';
  beforeAll(async () => {
    const address = `127.0.0.1:${await freePort()}`;
    url = `http://${address}`;
    mkdirSync(join(folder.path, 'vm'));
    await startProgram(
      victoriaMetrics.path ?? '',
      [
        `-storageDataPath=${join(folder.path, 'vm')}`,
        `-httpListenAddr=${address}`,
        '-retentionPeriod=100y',
        '-memory.allowedBytes=128MB',
      ],
      `${url}/health`,
    );
  });
  const traits: ExternalTraits = {
    numbers: 'ordinary',
    hasStaleMarkers: true,
    labelValues: 'all',
    // Longer ones are cut there.
    labelLengthMax: 16_000,
    listsByTime: false,
  };
  const flush = async (): Promise<void> => void (await fetch(`${url}/internal/force_flush`));
  externalConformance('victoria-metrics', traits, () => Promise.resolve(fresh(takesRemoteWrite(url), flush)));
});

describe.skipIf(influxd.path === null)(`InfluxDB 1${influxd.note}`, () => {
  let url = '';
  beforeAll(async () => {
    const address = `127.0.0.1:${await freePort()}`;
    url = `http://${address}`;
    const dir = join(folder.path, 'influxdb');
    const config = join(folder.path, 'influxdb.conf');
    writeFileSync(
      config,
      [
        'reporting-disabled = true',
        `bind-address = "127.0.0.1:${await freePort()}"`,
        `meta = { dir = "${dir}/meta", logging-enabled = false }`,
        `data = { dir = "${dir}/data", wal-dir = "${dir}/wal", index-version = "tsi1" }`,
        `http = { bind-address = "${address}", log-enabled = false, flux-enabled = false }`,
        'monitor = { store-enabled = false }',
      ].join('\n'),
    );
    await startProgram(influxd.path ?? '', ['run', '-config', config], `${url}/ping`);
    const body = new URLSearchParams({ q: 'CREATE DATABASE rollcall' });
    await fetch(`${url}/query`, { method: 'POST', body });
  });
  const traits: ExternalTraits = {
    numbers: 'finite',
    hasStaleMarkers: false,
    labelValues: 'printable',
    labelLengthMax: 60_000,
    listsByTime: true,
  };
  const store = (): PlainStore => ({ kind: 'influx-v1', url, database: 'rollcall', server: 'influxdb' });
  externalConformance('influx-v1', traits, () => Promise.resolve(fresh(store())));
});
