/**
 * How long queries take: those of dashboard 1860 and of the public node rules, on a fleet of hosts that all play the
 * recording of a real one, next to Prometheus and VictoriaMetrics with the same samples. The samples reach the
 * collector from agents; the others get them from its remote read, through remote write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { MessageReader } from '../collector/src/api/remote/protobuf.ts';
import { packSnappy, unpackSnappy } from '../collector/src/api/remote/snappy.ts';
import { readRequest } from '../collector/src/api/remote/testing/read-request.ts';
import { WRITE_HEADERS } from '../collector/src/api/remote/testing/write-request.ts';
import { startProgram, type RunningProgram } from '../test/compat/programs.ts';
import { ask, seriesCount, type QueryAnswer } from '../test/compat/query-api.ts';
import { needs } from '../test/harness/needs.ts';
import { freePort } from '../test/harness/ports.ts';
import { createToken, startCollector, waitFor } from '../test/harness/processes.ts';
import { conformanceFile, loadBoard, substitute } from './board.ts';
import { SimulatedAgent } from './fleet/agent.ts';
import { enrollSimulated } from './fleet/enroll.ts';
import { loadRecording, recordedSamplers } from './recording.ts';

const HELP = `npm run bench -- promql [--hosts 100] [--minutes 60] [--interval 10] [--rounds 3] [--json]

  --hosts     hosts, 1 to 1000; each has about 500 series
  --minutes   time that every host has data for; range queries cover it
  --interval  seconds between two readings
  --rounds    times that each query is asked; the median counts

Needs ROLLCALL_CONFORMANCE, prometheus, and for the second comparison victoria-metrics.
`;

const STEP_S = 15;
const RATE_WINDOW = '1m';
/** Samples lie off the steps, where windows that are open and closed at their start agree. */
const OFF_GRID_MS = 1_234;
/** Prometheus takes samples at most an hour older than the newest, so they travel in portions of time. */
const PORTION_MS = 600_000;
const DRAIN_MS_MAX = 600_000;
const SLOWEST_SHOWN = 5;
const BYTES_MAX = 512 * 1024 * 1024;

interface Size {
  readonly hosts: number;
  readonly minutes: number;
  readonly intervalMs: number;
  readonly rounds: number;
}

interface Backend {
  readonly name: string;
  readonly url: string;
  /** Parameters that keep it from answering out of a cache. */
  readonly extra: Readonly<Record<string, string>>;
}

interface Query {
  readonly kind: string;
  readonly text: string;
  readonly isInstant: boolean;
}

export async function promql(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '100' },
      minutes: { type: 'string', default: '60' },
      interval: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const size: Size = {
    hosts: Number(values.hosts),
    minutes: Number(values.minutes),
    intervalMs: Number(values.interval) * 1000,
    rounds: Number(values.rounds),
  };
  const report = await measure(size);
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else print(report);
}

async function measure(size: Size) {
  const all = queries();
  using folder = tempDir();
  const endMs = Math.floor(Date.now() / 60_000) * 60_000;
  const startMs = endMs - size.minutes * 60_000 + OFF_GRID_MS;
  const collector = await startCollector(join(folder.path, 'collector'), ['--log-level', 'warn']);
  const others = await startOthers(folder.path);
  try {
    await loadFleet(collector.url, join(folder.path, 'collector'), { ...size, startMs, endMs });
    const samples = await copySamples(collector.url, others, { ...size, startMs, endMs });
    const rollcall: Backend = { name: 'rollcall', url: collector.url, extra: {} };
    const backends = [rollcall, ...others];
    const results: Result[] = [];
    for (const query of all) results.push(await timeQuery(query, backends, { ...size, endMs }));
    return {
      date: new Date().toISOString().slice(0, 10),
      machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
      ...size,
      samples,
      backends: backends.map(({ name }) => name),
      results,
    };
  } finally {
    for (const { program } of others) await program.stop();
    await collector.stop();
  }
}

type Other = Backend & { readonly program: RunningProgram };

async function startOthers(folder: string): Promise<readonly Other[]> {
  const [prometheus, victoria] = [needs('prometheus'), needs('victoria-metrics')];
  if (prometheus.path === null) throw new Error(`cannot compare${prometheus.note}`);
  const config = join(folder, 'prometheus.yml');
  writeFileSync(config, 'global: {}\n');
  const others: Other[] = [];
  const start = async (name: string, path: string, flags: readonly string[], ready: string) => {
    const address = `127.0.0.1:${await freePort()}`;
    const url = `http://${address}`;
    const program = await startProgram(
      path,
      flags.map((flag) => flag.replace('ADDRESS', address)),
      url + ready,
    );
    const extra = name === 'prometheus' ? {} : { nocache: '1' };
    others.push({ name, url, extra, program });
  };
  await start(
    'prometheus',
    prometheus.path,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      '--web.listen-address=ADDRESS',
      '--web.enable-remote-write-receiver',
    ],
    '/-/ready',
  );
  if (victoria.path === null) return others;
  await start(
    'victoria-metrics',
    victoria.path,
    [`-storageDataPath=${join(folder, 'vm')}`, '-httpListenAddr=ADDRESS', '-search.latencyOffset=0s'],
    '/health',
  );
  return others;
}

type Loaded = Size & { readonly startMs: number; readonly endMs: number };

function hostName(index: number): string {
  return `host-${String(index).padStart(4, '0')}`;
}

/** Agents with everything they measured drain it into the collector. */
async function loadFleet(url: string, dataDir: string, size: Loaded): Promise<void> {
  const samplers = recordedSamplers(loadRecording(conformanceFile('real-host.om.gz')), size);
  const token = createToken(dataDir, ['--uses', String(size.hosts)]);
  const agents: SimulatedAgent[] = [];
  for (let index = 0; index < size.hosts; index++) {
    const identity = await enrollSimulated({ url, token, hostName: hostName(index) });
    agents.push(
      new SimulatedAgent({
        url,
        identity,
        samplers,
        hostName: hostName(index),
        shape: { index, fault: 'none', cpuCount: 2, intervalMs: size.intervalMs },
        random: Math.random,
      }),
    );
  }
  for (let wallMs = size.startMs; wallMs < size.endMs; wallMs += size.intervalMs) {
    for (const agent of agents) agent.tick(wallMs);
  }
  for (const agent of agents) agent.connect();
  await waitFor(
    'every record to be acknowledged',
    () => (agents.every((agent) => agent.unackedRecords === 0) ? true : undefined),
    DRAIN_MS_MAX,
  );
  await Promise.all(agents.map((agent) => agent.disconnect()));
}

/** Copies the samples of all hosts; a result of remote read is what remote write wants. Returns how many there are. */
async function copySamples(url: string, others: readonly Other[], size: Loaded): Promise<number> {
  for (let fromMs = size.startMs; fromMs < size.endMs; fromMs += PORTION_MS) {
    const range = { fromMs, toMs: Math.min(fromMs + PORTION_MS, size.endMs) - 1 };
    for (let index = 0; index < size.hosts; index++) {
      const read = await post(`${url}/api/v1/read`, readRequest(range, [[0, 'instance', hostName(index)]]));
      const response = new MessageReader(unpackSnappy(read, BYTES_MAX));
      if (!response.next()) throw new Error('remote read gave no result');
      const body = packSnappy(response.bytes.subarray(response.message().position));
      for (const other of others) await post(`${other.url}/api/v1/write`, body);
    }
  }
  for (const { name, url: base } of others) {
    if (name === 'victoria-metrics') await fetch(`${base}/internal/force_flush`);
  }
  const [sum] = await Promise.all([
    sampleCount(url, size),
    ...others.map((other) => sampleCount(other.url, size)),
  ]);
  return sum;
}

/**
 * Samples of the fleet: its series, times the readings of one that every host has.
 * @throws when readings are missing
 */
async function sampleCount(url: string, { hosts, endMs, minutes, intervalMs }: Loaded): Promise<number> {
  const first = async (query: string): Promise<number> => {
    const answer = await ask(url, 'query', { query, time: endMs / 1000 });
    const vector =
      answer.status === 'success' && answer.data.resultType === 'vector' ? answer.data.result : [];
    return Number(vector[0]?.value[1] ?? 0);
  };
  const series = await first('count({__name__=~"node_.+",instance=~"host-.+"})');
  const readings = await first(`sum(count_over_time(node_load1{instance=~"host-.+"}[${minutes}m]))`);
  const expected = Math.floor((minutes * 60_000 - OFF_GRID_MS - 1) / intervalMs + 1) * hosts;
  if (readings !== expected) throw new Error(`${url} has ${readings} readings of ${expected}`);
  return (series / hosts) * readings;
}

async function post(url: string, body: Buffer): Promise<Buffer> {
  const response = await fetch(url, { method: 'POST', body: new Uint8Array(body), headers: WRITE_HEADERS });
  const answer = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${answer.toString('utf8')}`);
  return answer;
}

const ruleFile = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ expr: z.string() })) })),
});

function queries(): readonly Query[] {
  const board = loadBoard(conformanceFile('dashboards', 'node-exporter-full-1860.json'));
  const common: readonly (readonly [string, string])[] = [
    ['job', 'node'],
    ['__rate_interval', RATE_WINDOW],
    ['__interval', `${STEP_S}s`],
  ];
  const oneHost = new Map([...common, ['node', hostName(0)]]);
  const boardQueries = board.targets.flatMap(({ expression, isInstant }): Query[] => {
    const everywhere = expression.replaceAll('instance="$node"', 'instance=~"host-.+"');
    return [
      { kind: '1860, one host', text: substitute(expression, oneHost), isInstant },
      { kind: '1860, all hosts', text: substitute(everywhere, oneHost), isInstant },
    ];
  });
  const rules = ['awesome-node-exporter.yml', 'node-mixin-alerts.yaml'].flatMap((name): Query[] => {
    const { groups } = ruleFile.parse(parseYaml(readFileSync(conformanceFile('rules', name), 'utf8')));
    return groups.flatMap(({ rules: all }) =>
      all.map(({ expr }) => ({ kind: 'node rules, all hosts', text: expr, isInstant: true })),
    );
  });
  return [...boardQueries, ...rules].toSorted((left, right) => (left.kind < right.kind ? -1 : 1));
}

interface Result {
  readonly kind: string;
  readonly text: string;
  /** Median milliseconds per backend, in their order. */
  readonly ms: readonly number[];
  /** Series of each answer; -1 is an error. */
  readonly series: readonly number[];
}

async function timeQuery(
  query: Query,
  backends: readonly Backend[],
  { rounds, minutes, endMs }: Size & { readonly endMs: number },
): Promise<Result> {
  const end = endMs / 1000;
  const route = query.isInstant ? 'query' : 'query_range';
  const times = query.isInstant ? { time: end } : { start: end - minutes * 60, end, step: STEP_S };
  const answers: QueryAnswer[] = [];
  for (const { url } of backends) answers.push(await ask(url, route, { query: query.text, ...times }));
  const elapsed = backends.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { url, extra }] of backends.entries()) {
      const body = new URLSearchParams({ query: query.text, ...extra });
      for (const [name, value] of Object.entries(times)) body.set(name, String(value));
      const startMs = performance.now();
      const response = await fetch(`${url}/api/v1/${route}`, {
        method: 'POST',
        body,
        headers: { 'Accept-Encoding': 'identity' },
      });
      await response.arrayBuffer();
      elapsed[i]?.push(performance.now() - startMs);
    }
  }
  return { kind: query.kind, text: query.text, ms: elapsed.map(median), series: answers.map(seriesCount) };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function print(report: Awaited<ReturnType<typeof measure>>): void {
  const lines = [
    `${report.hosts} hosts, ${report.minutes} minutes, ${report.samples} samples, ${report.date}, ${report.machine}`,
  ];
  for (const [kind, all] of Map.groupBy(report.results, (result) => result.kind)) {
    const good = all.filter(({ series }) => series[0] !== -1 && series[1] !== -1);
    const withData = good.filter(({ series }) => (series[1] ?? 0) > 0);
    const differing = good.filter(({ series }) => series[0] !== series[1]);
    const failing = all.filter(({ series }) => (series[0] === -1) !== (series[1] === -1));
    lines.push('', `${kind}: ${all.length} queries, ${good.length} compared, ${withData.length} with data`);
    const totals = report.backends.map((_, i) => good.reduce((sum, { ms }) => sum + (ms[i] ?? 0), 0));
    for (const [i, name] of report.backends.entries()) {
      const ratio =
        i === 0 ? '' : `, rollcall takes ${((totals[0] ?? 0) / (totals[i] ?? 1)).toFixed(2)} of it`;
      lines.push(`  ${name.padEnd(18)} ${(totals[i] ?? 0).toFixed(0)} ms in all${ratio}`);
    }
    const slower = good.filter(({ ms: [ours = 0, theirs = 0] }) => ours > theirs);
    lines.push(`  slower than prometheus: ${slower.length}; other number of series: ${differing.length}`);
    lines.push(
      ...differing.map(
        ({ text, series }) => `    ${series.slice(0, 2).join(' and ')} series: ${oneLine(text)}`,
      ),
    );
    lines.push(...failing.map(({ text }) => `    fails on one side: ${oneLine(text)}`));
    const worst = slower.toSorted((left, right) => loss(right) - loss(left)).slice(0, SLOWEST_SHOWN);
    lines.push(
      ...worst.map(
        ({ text, ms }) => `    ${ms.map((one) => one.toFixed(1)).join(' / ')} ms: ${oneLine(text)}`,
      ),
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

function loss({ ms: [ours = 0, theirs = 0] }: Result): number {
  return ours - theirs;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
