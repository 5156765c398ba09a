/**
 * What the agent costs next to others that measure the same machine in the same run, all once a second: the agent samples,
 * encodes, spools and sends to a real collector; node_exporter is scraped over HTTP; netdata and collectd run as they do.
 * CPU is that of the process alone with all its threads.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { builtAgent } from '../deploy/agent.ts';
import { createToken, startAgent, startCollector } from '../test/harness/processes.ts';
import { startCollectd, startNetdata, startNodeExporter, type Peer } from './agent-peers.ts';
import { measureStages, stagesTable } from './agent-stages.ts';
import { cpuSecondsOf, privateBytesOf, rssBytesOf } from './process-figures.ts';

const INTERVAL_MS = 1_000;
/** The agent's series, without those that the collector adds. */
const AGENT_SERIES = '{job="node",__name__!~"up|scrape_.*|rollcall_host_.*"}';
/** Span over which its samples are counted, seconds; a slow interval fits in it several times. */
const COUNTED_SECONDS = 30;
/** Start-up, inventory and first compilation are over by then. */
const WARM_UP_MS = 30_000;
const MS_PER_MINUTE = 60_000;

const HELP = `npm run bench -- agent [--minutes 10] [--slow-interval 10] [--json]
                          --stages [--ticks 60] [--interval 1] [--slow-interval 10] [--json]

  --minutes  how long all are watched after ${WARM_UP_MS / 1000} s of warm-up, 0.1 to 120
  --stages   the agent alone: what reading, parsing, encoding, compressing, spooling and sending take of a tick
  --interval, --slow-interval  of the agent, whole seconds; the second is that of what moves slowly

Needs prometheus-node-exporter; netdata and collectd are measured where they are installed.
`;

export async function agent(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '10' },
      stages: { type: 'boolean', default: false },
      ticks: { type: 'string', default: '60' },
      interval: { type: 'string', default: '1' },
      'slow-interval': { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const slowInterval = Number(values['slow-interval']);
  if (values.stages) {
    const interval = Number(values.interval);
    const stages = await measureStages({ ticks: Number(values.ticks), interval, slowInterval });
    process.stdout.write(values.json ? `${JSON.stringify(stages)}\n` : stagesTable(stages));
    return;
  }
  const figures = await measure(Number(values.minutes) * MS_PER_MINUTE, slowInterval);
  process.stdout.write(values.json ? `${JSON.stringify(figures)}\n` : table(figures));
}

interface Figures {
  readonly name: string;
  readonly cpuMsPerTick: number;
  readonly series: number;
  /** Series that are read and sent each time; fewer than all where slow ones have an interval of their own. */
  readonly samplesPerTick: number;
  readonly cpuUsPerSeries: number;
  readonly cpuUsPerSample: number;
  readonly rssMiB: number;
  readonly privateMiB: number;
}

interface Run {
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly ticks: number;
  /** The agent first, node_exporter second. */
  readonly programs: readonly Figures[];
}

async function measure(spanMs: number, slowInterval: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
  const collector = await startCollector(join(folder, 'collector'), ['--log-level', 'warn']);
  const ours = startAgent({
    url: collector.url,
    dataDir: join(folder, 'agent'),
    token: createToken(join(folder, 'collector')),
    flags: ['--interval', '1s', '--slow-interval', `${slowInterval}s`, '--log-level', 'warn'],
    program: builtAgent(),
  });
  const started = [await startNodeExporter(), await startNetdata(folder), await startCollectd(folder)];
  const peers: readonly Peer[] = [
    {
      name: 'rollcall-agent',
      child: ours.child,
      tick: async () => undefined,
      series: () => numberOf(collector.url, `count(${AGENT_SERIES})`),
      samplesPerTick: () => samplesPerTickOf(collector.url),
    },
    ...started.filter((peer) => peer !== undefined),
  ];
  try {
    await tickFor(WARM_UP_MS, peers);
    const before = peers.map(({ child }) => cpuSecondsOf(child.pid ?? 0));
    const ticks = await tickFor(spanMs, peers);
    const programs = await Promise.all(
      peers.map(async ({ name, child, series, samplesPerTick = series }, i): Promise<Figures> => {
        const pid = child.pid ?? 0;
        const cpuMsPerTick = ((cpuSecondsOf(pid) - (before[i] ?? 0)) * 1_000) / ticks;
        const memory = { rssMiB: mebibytes(rssBytesOf(pid)), privateMiB: mebibytes(privateBytesOf(pid)) };
        const [count, samples] = [await series(), await samplesPerTick()];
        return {
          name,
          cpuMsPerTick,
          series: count,
          samplesPerTick: samples,
          cpuUsPerSeries: (cpuMsPerTick * 1_000) / count,
          cpuUsPerSample: (cpuMsPerTick * 1_000) / samples,
          ...memory,
        };
      }),
    );
    return {
      date: new Date().toISOString().slice(0, 10),
      machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
      node: process.version,
      ticks,
      programs,
    };
  } finally {
    for (const { child } of peers.slice(1)) child.kill('SIGKILL');
    await ours.stop();
    await collector.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Keeps the pace for those that need it; returns how many ticks. */
async function tickFor(spanMs: number, peers: readonly Peer[]): Promise<number> {
  const count = Math.max(1, Math.round(spanMs / INTERVAL_MS));
  const startedMs = performance.now();
  for (let tick = 1; tick <= count; tick++) {
    for (const peer of peers) await peer.tick();
    await delay(Math.max(0, startedMs + tick * INTERVAL_MS - performance.now()));
  }
  return count;
}

/** Samples of the agent, per tick of the last COUNTED_SECONDS. */
async function samplesPerTickOf(url: string): Promise<number> {
  const query = `${AGENT_SERIES}[${COUNTED_SECONDS}s]`;
  const text = await (await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`)).text();
  return (text.match(/\[\d+(?:\.\d+)?,"/g) ?? []).length / ((COUNTED_SECONDS * 1_000) / INTERVAL_MS);
}

/** The value of a query with one result; 0 without one. */
async function numberOf(url: string, query: string): Promise<number> {
  const text = await (await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`)).text();
  return Number(/,"([0-9.e+-]+)"\]/.exec(text)?.[1] ?? 0);
}

function table({ date, machine, node, ticks, programs }: Run): string {
  const [ours, theirs] = programs;
  const ratio = (ours?.cpuUsPerSeries ?? Number.NaN) / (theirs?.cpuUsPerSeries ?? Number.NaN);
  const sampleRatio = (ours?.cpuUsPerSample ?? Number.NaN) / (theirs?.cpuUsPerSample ?? Number.NaN);
  const rows = [
    [
      '',
      'CPU, ms/tick',
      'series',
      'samples/tick',
      'CPU, µs/series',
      'CPU, µs/sample',
      'RSS, MiB',
      'private, MiB',
    ],
    ...programs.map((each) => [
      each.name,
      each.cpuMsPerTick.toFixed(2),
      String(each.series),
      each.samplesPerTick.toFixed(0),
      each.cpuUsPerSeries.toFixed(1),
      each.cpuUsPerSample.toFixed(1),
      each.rssMiB.toFixed(1),
      each.privateMiB.toFixed(1),
    ]),
  ];
  const lines = rows.map(
    ([name = '', ...cells]) => name.padEnd(22) + cells.map((cell) => cell.padStart(16)).join(''),
  );
  return (
    `${date}, ${machine}, Node.js ${node}, ${ticks} ticks of 1 s\n\n${lines.join('\n')}\n\n` +
    `CPU per series, agent : node_exporter  ${ratio.toFixed(2)}\n` +
    `CPU per sample, agent : node_exporter  ${sampleRatio.toFixed(2)}\n`
  );
}

function mebibytes(bytes: number): number {
  return bytes / 2 ** 20;
}
