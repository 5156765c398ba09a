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
import { isolated, writtenThrough } from '../../collector/src/storage/testing/external.ts';
import { needs } from '../harness/needs.ts';
import { freePort } from '../harness/ports.ts';
import { killPrograms, startProgram } from './programs.ts';

const prometheus = needs('prometheus');
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
