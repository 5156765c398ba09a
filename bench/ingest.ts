/**
 * How much work a sample is for the collector, from its socket to durable and acknowledged: simulated agents hold a
 * backlog of ticks and drain it into a real collector process as fast as it takes them. The agents run in this process,
 * so their work does not count.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createToken, startCollector, waitFor } from '../test/harness/processes.ts';
import { enrollFleet } from './fleet/fleet.ts';
import { cpuSecondsOf, peakRssBytesOf } from './process-figures.ts';

const INTERVAL_MS = 10_000;
const DRAIN_MS_MAX = 300_000;

const HELP = `npm run bench -- ingest [--agents 200] [--ticks 300] [--cpus 4] [--json]

  --agents  simulated agents, 1 to 2000
  --ticks   ticks that each agent holds when it connects, 1 to 2000
  --cpus    CPUs of each simulated machine; 4 make 203 series a tick
`;

export async function ingest(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      agents: { type: 'string', default: '200' },
      ticks: { type: 'string', default: '300' },
      cpus: { type: 'string', default: '4' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const figures = await measure({
    agents: Number(values.agents),
    ticks: Number(values.ticks),
    cpuCount: Number(values.cpus),
  });
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else
    for (const [name, value] of Object.entries(figures))
      process.stdout.write(`${name.padEnd(28)} ${value}\n`);
}

async function measure(size: { readonly agents: number; readonly ticks: number; readonly cpuCount: number }) {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
  const collector = await startCollector(folder, ['--log-level', 'warn']);
  const pid = collector.child.pid ?? 0;
  const agents = await enrollFleet({
    url: collector.url,
    token: createToken(folder, ['--uses', String(size.agents)]),
    count: size.agents,
    intervalMs: INTERVAL_MS,
    cpuCount: size.cpuCount,
  });
  const nowMs = Date.now();
  for (let tick = size.ticks; tick > 0; tick--)
    for (const agent of agents) agent.tick(nowMs - tick * INTERVAL_MS);
  const samples = agents.reduce((sum, { seriesCount }) => sum + seriesCount * size.ticks, 0);

  // The first connection of an agent waits up to five seconds; that is not what is measured.
  const cpuBefore = cpuSecondsOf(pid);
  for (const agent of agents) agent.connect();
  await waitFor(
    'the first acknowledgement',
    () => (agents.some((agent) => agent.unackedRecords < size.ticks) ? true : undefined),
    DRAIN_MS_MAX,
  );
  const startedMs = performance.now();
  await waitFor(
    'every record to be acknowledged',
    () => (agents.every((agent) => agent.unackedRecords === 0) ? true : undefined),
    DRAIN_MS_MAX,
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const cpuSeconds = cpuSecondsOf(pid) - cpuBefore;
  const peakRssBytes = peakRssBytesOf(pid);
  const sent = agents.reduce((sum, agent) => sum + (agent.stats()?.bytesSent ?? 0), 0);
  await Promise.all(agents.map((agent) => agent.disconnect()));
  await collector.stop();
  const diskBytes = readdirSync(folder)
    .filter((name) => name.startsWith('journal.db'))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  rmSync(folder, { recursive: true, force: true });
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    agents: size.agents,
    seriesPerRecord: agents[0]?.seriesCount ?? 0,
    samples,
    seconds: round(seconds, 2),
    samplesPerSecond: Math.round(samples / seconds),
    cpuSecondsPerMillionSamples: round((cpuSeconds / samples) * 1e6, 3),
    diskBytesPerSample: round(diskBytes / samples, 2),
    wireBytesPerSample: round(sent / samples, 2),
    peakRssMiB: Math.round(peakRssBytes / 2 ** 20),
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
