/**
 * What the agent costs next to node_exporter on the same machine in the same run: both measure once a second, the agent
 * samples, encodes and sends to a real collector, node_exporter is scraped over HTTP. CPU is that of the process alone.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../test/harness/ports.ts';
import { createToken, startAgent, startCollector, waitFor } from '../test/harness/processes.ts';
import { needs } from '../test/harness/needs.ts';
import { cpuSecondsOf, privateBytesOf, rssBytesOf } from './process-figures.ts';

const INTERVAL_MS = 1_000;
/** Start-up, inventory and first compilation are over by then. */
const WARM_UP_MS = 30_000;

const HELP = `npm run bench -- agent [--seconds 120] [--json]

  --seconds  how long both are watched after ${WARM_UP_MS / 1000} s of warm-up, 10 to 3600
`;

export async function agent(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '120' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const figures = await measure(Number(values.seconds));
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else
    for (const [name, value] of Object.entries(figures))
      process.stdout.write(`${name.padEnd(34)} ${value}\n`);
}

async function measure(seconds: number) {
  const exporter = needs('prometheus-node-exporter');
  if (exporter.path === null) throw new Error('prometheus-node-exporter is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
  const collector = await startCollector(join(folder, 'collector'), ['--log-level', 'warn']);
  const ours = startAgent({
    url: collector.url,
    dataDir: join(folder, 'agent'),
    token: createToken(join(folder, 'collector')),
    flags: ['--interval', '1s', '--log-level', 'warn'],
  });
  const port = await freePort();
  const theirs = spawn(exporter.path, [`--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
  const scrape = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  await waitFor('node_exporter', () => scrape().catch(() => undefined));
  const pids = { ours: ours.child.pid ?? 0, theirs: theirs.pid ?? 0 };

  await scrapeFor(WARM_UP_MS, scrape);
  const before = { ours: cpuSecondsOf(pids.ours), theirs: cpuSecondsOf(pids.theirs) };
  const ticks = await scrapeFor(seconds * 1000, scrape);
  const cpu = {
    ours: ((cpuSecondsOf(pids.ours) - before.ours) * 1000) / ticks,
    theirs: ((cpuSecondsOf(pids.theirs) - before.theirs) * 1000) / ticks,
  };
  const series = { ours: await seriesOf(collector.url), theirs: seriesIn(await scrape()) };
  const memory = {
    ours: { rss: rssBytesOf(pids.ours), own: privateBytesOf(pids.ours) },
    theirs: { rss: rssBytesOf(pids.theirs), own: privateBytesOf(pids.theirs) },
  };
  theirs.kill('SIGKILL');
  await ours.stop();
  await collector.stop();
  rmSync(folder, { recursive: true, force: true });
  const perSeries = { ours: cpu.ours / series.ours, theirs: cpu.theirs / series.theirs };
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    ticks,
    agentCpuMsPerTick: round(cpu.ours),
    nodeExporterCpuMsPerScrape: round(cpu.theirs),
    agentSeries: series.ours,
    nodeExporterSeries: series.theirs,
    cpuPerSeriesRatio: round(perSeries.ours / perSeries.theirs),
    agentRssMiB: mebibytes(memory.ours.rss),
    agentPrivateMiB: mebibytes(memory.ours.own),
    nodeExporterRssMiB: mebibytes(memory.theirs.rss),
    nodeExporterPrivateMiB: mebibytes(memory.theirs.own),
  };
}

/** Scrapes at the agent's pace; returns how often. */
async function scrapeFor(spanMs: number, scrape: () => Promise<string>): Promise<number> {
  const count = Math.round(spanMs / INTERVAL_MS);
  const startedMs = performance.now();
  for (let tick = 1; tick <= count; tick++) {
    await scrape();
    await delay(Math.max(0, startedMs + tick * INTERVAL_MS - performance.now()));
  }
  return count;
}

function seriesIn(text: string): number {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}

/** Series that the agent has sent in the last seconds; what the collector adds does not count. */
async function seriesOf(url: string): Promise<number> {
  const query = encodeURIComponent('count({job="node",__name__!~"up|rollcall_host_.*"})');
  const text = await (await fetch(`${url}/api/v1/query?query=${query}`)).text();
  return Number(/,"(\d+)"\]/.exec(text)?.[1] ?? 0);
}

function round(value: number): number {
  return Number(value.toFixed(3));
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
