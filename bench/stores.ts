/**
 * How fast external stores are fed, and what a sample costs at both ends: a collector with a backlog in its journal
 * starts with one store after the other configured, and is measured until the store has confirmed everything. Nobody asks
 * the collector anything, so its worker thread that steps back is the one that feeds; the rules that it evaluates all the
 * while are in the figure of the whole process only.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killPrograms, startProgram } from '../test/compat/programs.ts';
import { startInfluxd } from '../test/harness/influxd.ts';
import { needs } from '../test/harness/needs.ts';
import { freePort } from '../test/harness/ports.ts';
import { killAll, startCollector, waitFor } from '../test/harness/processes.ts';
import { cpuSecondsOf, niceWorkersCpuSecondsOf, rssBytesOf } from './process-figures.ts';
import { fill } from './startup.ts';

const HELP = `npm run bench -- stores [--hosts 100] [--ticks 30] [--only NAME]

  --hosts   hosts with 203 series each, 1 to 1000
  --ticks   readings of each host that wait in the journal, 1 to 360
  --only    only this row, see the table

Stores that this machine does not have are left out. Takes about a minute and a half.
`;

const INTERVAL_MS = 10_000;
const FED_MS_MAX = 300_000;

interface RunningStore {
  readonly pid: number;
  /** Settings of the mirror, but for its name. */
  readonly settings: string;
  readonly stop: () => Promise<void>;
}

interface Store {
  readonly name: string;
  readonly program: string;
  readonly start: (path: string, folder: string) => Promise<RunningStore>;
}

const STORES: readonly Store[] = [
  {
    name: 'influx-v1 → InfluxDB 1.6',
    program: 'influxd',
    async start(path, folder) {
      const influxd = await startInfluxd(path, folder);
      await influxd.query('CREATE DATABASE rollcall');
      return {
        pid: influxd.pid,
        settings: `kind: influx-v1, url: "${influxd.url}"`,
        stop: () => influxd.kill(),
      };
    },
  },
  {
    name: 'influx-v2 → VictoriaMetrics',
    program: 'victoria-metrics',
    start: (path, folder) =>
      startVictoria(
        path,
        folder,
        (url) => `kind: influx-v2, url: "${url}", org: o, server: victoria-metrics`,
      ),
  },
  {
    name: 'prometheus → VictoriaMetrics',
    program: 'victoria-metrics',
    start: (path, folder) => startVictoria(path, folder, (url) => `kind: prometheus, url: "${url}"`),
  },
  {
    name: 'prometheus → Prometheus',
    program: 'prometheus',
    async start(path, folder) {
      const config = join(folder, 'prometheus.yml');
      writeFileSync(config, 'scrape_configs: []\n');
      const address = `127.0.0.1:${await freePort()}`;
      const parameters = [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
        '--web.enable-remote-write-receiver',
        '--log.level=error',
      ];
      const program = await startProgram(path, parameters, `http://${address}/-/ready`);
      return {
        pid: program.pid,
        stop: () => program.stop(),
        settings: `kind: prometheus, url: "http://${address}"`,
      };
    },
  },
];

async function startVictoria(
  path: string,
  folder: string,
  settings: (url: string) => string,
): Promise<RunningStore> {
  const address = `127.0.0.1:${await freePort()}`;
  const parameters = [`-httpListenAddr=${address}`, `-storageDataPath=${folder}`, '-retentionPeriod=1y'];
  const program = await startProgram(path, parameters, `http://${address}/health`);
  return { pid: program.pid, stop: () => program.stop(), settings: settings(`http://${address}`) };
}

export async function stores(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '100' },
      ticks: { type: 'string', default: '30' },
      only: { type: 'string' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
  try {
    const dataDir = join(folder, 'collector');
    const size = { hosts: Number(values.hosts), ticks: Number(values.ticks), intervalMs: INTERVAL_MS };
    const { samples } = await fill(dataDir, size);
    process.stdout.write(
      `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node.js ${process.version}\n` +
        `${size.hosts} hosts, ${samples} samples wait\n`,
    );
    const rows: Record<string, Awaited<ReturnType<typeof measure>>> = {};
    for (const [index, store] of STORES.entries()) {
      const { path } = needs(store.program);
      if (path === null || (values.only !== undefined && !store.name.includes(values.only))) continue;
      const storeFolder = join(folder, `store-${index}`);
      mkdirSync(storeFolder);
      rows[store.name] = await measure(await store.start(path, storeFolder), {
        folder,
        dataDir,
        name: `store-${index}`,
      });
    }
    console.table(rows);
  } finally {
    killAll();
    killPrograms();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  store: RunningStore,
  { folder, dataDir, name }: { readonly folder: string; readonly dataDir: string; readonly name: string },
) {
  const config = join(folder, `${name}.yaml`);
  writeFileSync(config, `log-level: warn\nmirrors:\n  - {name: ${name}, ${store.settings}}\n`);
  const collector = await startCollector(dataDir, ['--config', config]);
  const pid = collector.child.pid ?? 0;
  const read = async () => {
    const text = await (await fetch(`${collector.url}/metrics`)).text();
    const figure = (metric: string): number =>
      Number(
        new RegExp(`^rollcall_feed_${metric}\\{store="${name}"\\} (\\S+)$`, 'm').exec(text)?.[1] ??
          Number.NaN,
      );
    return {
      atMs: performance.now(),
      samples: figure('samples_total'),
      waiting: figure('waiting_records'),
      feedCpuSeconds: niceWorkersCpuSecondsOf(pid),
      cpuSeconds: cpuSecondsOf(pid),
      storeCpuSeconds: cpuSecondsOf(store.pid),
    };
  };
  try {
    // The start of the process is no part of it.
    const before = await waitFor('the first report', async () => {
      const figures = await read();
      return figures.samples >= 0 && figures.waiting >= 0 ? figures : undefined;
    });
    const after = await waitFor(
      `everything to be in ${name}`,
      async () => {
        const figures = await read();
        return figures.waiting === 0 ? figures : undefined;
      },
      FED_MS_MAX,
    );
    const samples = after.samples - before.samples;
    const million = samples / 1e6;
    return {
      'samples/s': Math.round(samples / ((after.atMs - before.atMs) / 1_000)),
      'feed CPU s per million': round((after.feedCpuSeconds - before.feedCpuSeconds) / million),
      'collector CPU s per million': round((after.cpuSeconds - before.cpuSeconds) / million),
      'store CPU s per million': round((after.storeCpuSeconds - before.storeCpuSeconds) / million),
      'collector RSS MiB': Math.round(rssBytesOf(pid) / 2 ** 20),
      samples: after.samples,
    };
  } finally {
    await collector.stop('SIGKILL');
    await store.stop();
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
