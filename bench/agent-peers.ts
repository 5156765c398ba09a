/** Other programs that measure a machine, started with what comes closest to the agent's work, once a second. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { needs } from '../test/harness/needs.ts';
import { freePort } from '../test/harness/ports.ts';
import { waitFor } from '../test/harness/processes.ts';

/** A program under measurement. */
export interface Peer {
  /** Values that a tick brings. @default all series */
  readonly samplesPerTick?: () => Promise<number>;
  readonly name: string;
  readonly child: ChildProcess;
  /** What has to happen once per interval; nothing where the program keeps the pace itself. */
  readonly tick: () => Promise<void>;
  /** How many numbers it measures in each interval. */
  readonly series: () => Promise<number>;
}

/** Prometheus' node_exporter with the default collectors of its package, scraped over HTTP. Throws when it is missing. */
export async function startNodeExporter(): Promise<Peer> {
  const { path } = needs('prometheus-node-exporter');
  if (path === null) throw new Error('prometheus-node-exporter is not installed');
  const port = await freePort();
  const child = spawn(path, [`--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
  const scrape = (): Promise<string> => textOf(`http://127.0.0.1:${port}/metrics`);
  await waitFor('node_exporter', () => scrape().catch(() => undefined));
  return {
    name: `node_exporter ${versionOf(path)}`,
    child,
    tick: async () => void (await scrape()),
    series: async () => linesIn(await scrape()),
  };
}

/** netdata with its internal plugins only, its history in memory and without machine learning; undefined when missing. */
export async function startNetdata(folder: string): Promise<Peer | undefined> {
  const { path } = needs('netdata');
  if (path === null) return undefined;
  const port = await freePort();
  const home = join(folder, 'netdata');
  for (const each of ['cache', 'lib', 'log']) mkdirSync(join(home, each), { recursive: true });
  const config = join(home, 'netdata.conf');
  writeFileSync(
    config,
    `[global]\n  run as user = ${process.env['USER'] ?? 'root'}\n` +
      `[directories]\n  cache = ${home}/cache\n  lib = ${home}/lib\n  log = ${home}/log\n` +
      '[db]\n  mode = ram\n  update every = 1\n[health]\n  enabled = no\n[ml]\n  enabled = no\n[statsd]\n  enabled = no\n' +
      '[plugins]\n  apps = no\n  cgroups = no\n  charts.d = no\n  ebpf = no\n  go.d = no\n  node.d = no\n' +
      '  perf = no\n  python.d = no\n  slabinfo = no\n  tc = no\n  timex = no\n' +
      `[web]\n  bind to = 127.0.0.1\n  default port = ${port}\n`,
  );
  const child = spawn(path, ['-D', '-c', config], { stdio: 'ignore' });
  const metrics = `http://127.0.0.1:${port}/api/v1/allmetrics?format=prometheus&help=no&types=no`;
  await waitFor('netdata', () => textOf(metrics).catch(() => undefined));
  return {
    name: `netdata ${versionOf(path)}`,
    child,
    tick: async () => undefined,
    series: async () => linesIn(await textOf(metrics)),
  };
}

const COLLECTD_PLUGINS =
  'conntrack contextswitch cpu cpufreq df disk entropy interface irq load memory processes protocols swap tcpconns ' +
  'thermal uptime users vmem';

/** collectd with its plugins for the machine itself, sending over UDP to a port where nobody listens; undefined when missing. */
export async function startCollectd(folder: string): Promise<Peer | undefined> {
  const { path } = needs('collectd');
  if (path === null) return undefined;
  const home = join(folder, 'collectd');
  mkdirSync(home, { recursive: true });
  const socketPath = join(home, 'socket');
  const config = join(home, 'collectd.conf');
  writeFileSync(
    config,
    `Hostname "bench"\nInterval 1\nBaseDir "${home}"\nPIDFile "${home}/pid"\nTypesDB "/usr/share/collectd/types.db"\n` +
      COLLECTD_PLUGINS.split(' ')
        .map((plugin) => `LoadPlugin ${plugin}\n`)
        .join('') +
      'LoadPlugin network\n<Plugin network>\n  Server "127.0.0.1" "' +
      `${await freePort()}"\n</Plugin>\n` +
      `LoadPlugin unixsock\n<Plugin unixsock>\n  SocketFile "${socketPath}"\n  SocketPerms "0600"\n</Plugin>\n`,
  );
  const child = spawn(path, ['-f', '-C', config], { stdio: 'ignore' });
  const ask = (): Promise<string> => answerOf(socketPath, 'LISTVAL\n');
  await waitFor('collectd', () => ask().catch(() => undefined));
  return {
    name: `collectd ${versionOf(path)}`,
    child,
    tick: async () => undefined,
    // `123 Values found`: value lists, some of which hold two numbers, such as received and sent.
    series: async () => Number.parseInt(await ask(), 10),
  };
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.text();
}

function linesIn(text: string): number {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}

/** The first line that a program on a Unix socket answers. */
function answerOf(path: string, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => socket.write(question));
    socket.once('data', (chunk: Buffer) => {
      socket.destroy();
      resolve(chunk.toString());
    });
    socket.once('error', reject);
  });
}

function versionOf(path: string): string {
  for (const flag of ['--version', '-h']) {
    const { stdout, stderr } = spawnSync(path, [flag], { encoding: 'utf8' });
    const version = /\d+\.\d+(?:\.\d+)?/.exec(`${stdout}${stderr}`)?.[0];
    if (version !== undefined) return version;
  }
  return '';
}
