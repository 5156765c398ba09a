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
import {
  openPrometheusReader,
  openPrometheusSink,
} from '../../collector/src/storage/prometheus/prometheus.ts';
import { openInfluxV1Reader } from '../../collector/src/storage/influx-v1/read.ts';
import { placeOf } from '../../collector/src/storage/line-protocol/names.ts';
import type { RefusedSamples, Sink, SinkSeries } from '../../collector/src/storage/sink.ts';
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
function fresh(url: string, flush?: () => Promise<void>): ExternalUnderTest {
  const settings = { url };
  const ports = { clock: systemClock };
  const [sink, reader] = [openPrometheusSink(settings, ports), openPrometheusReader(settings, ports)];
  return {
    storage: isolated(writtenThrough({ sink, reader }, flush), String(runs++)),
    release: async () => {
      await sink.close();
      reader.close();
    },
  };
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
  externalConformance('prometheus', traits, () => Promise.resolve(fresh(url)));
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
  externalConformance('victoria-metrics', traits, () => Promise.resolve(fresh(url, flush)));
});

/** Writes plain line protocol, as far as the suite needs it. */
function influxSink(url: string, database: string): Sink {
  const escaped = (text: string): string => text.replaceAll(/[,= ]/g, String.raw`\$&`);
  return {
    kind: 'influx-v1',
    async write(batch) {
      const isText = ({ labels }: SinkSeries): boolean => labels.flat.every((text) => text.isWellFormed());
      const lines = batch.filter(isText).flatMap(({ labels, timestamps, values }) => {
        const { measurement, field } = placeOf(labels.metricName);
        const tags = [...labels.entries()].filter(([name]) => name !== '__name__');
        const head = [measurement, ...tags.map((pair) => pair.map(escaped).join('='))].join(',');
        return Array.from(timestamps, (timeMs, at) => `${head} ${escaped(field)}=${values[at]} ${timeMs}`);
      });
      const query = new URLSearchParams({ db: database, precision: 'ms' }).toString();
      const answer = await fetch(`${url}/write?${query}`, { method: 'POST', body: lines.join('\n') });
      if (answer.status !== 204 && answer.status !== 400) throw new Error(await answer.text());
      const refused = batch.filter((series) => answer.status === 400 || !isText(series)).map(refusal);
      return { kind: 'written', refused };
    },
    close: () => Promise.resolve(),
  };
}

function refusal({ labels, timestamps }: SinkSeries): RefusedSamples {
  return { labels, reason: 'refused', text: '', count: timestamps.length };
}

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
  externalConformance('influx-v1', traits, () => {
    const database = 'rollcall';
    const reader = openInfluxV1Reader({ url, database }, { clock: systemClock });
    return Promise.resolve({
      storage: isolated(writtenThrough({ sink: influxSink(url, database), reader }), String(runs++)),
      release: async () => reader.close(),
    });
  });
});
