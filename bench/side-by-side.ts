/**
 * A collector with a fleet, next to Prometheus and VictoriaMetrics with the same samples, and how long each takes to
 * answer. The samples are put into the collector's journal while it is down, as records of agents; the others get them
 * through remote write.
 */
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { WRITE_HEADERS } from '../collector/src/storage/remote-protocol/testing/write-request.ts';
import { killPrograms, startProgram, type RunningProgram } from '../test/compat/programs.ts';
import { ask, seriesCount, type QueryAnswer } from '../test/compat/query-api.ts';
import { needs } from '../test/harness/needs.ts';
import { freePort } from '../test/harness/ports.ts';
import { createToken, startCollector } from '../test/harness/processes.ts';
import { differenceOf, type AnswerDifference } from './answer-difference.ts';
import { conformanceFile } from './board.ts';
import { cpuSecondsOf, loopCpuSecondsOf } from './process-figures.ts';
import { enrollSimulated } from './fleet/enroll.ts';
import { FleetHistory } from './fleet/history.ts';
import { loadRecording } from './recording.ts';

/** Samples lie off the steps, where windows that are open and closed at their start agree. */
export const OFF_GRID_MS = 1_234;
/** Prometheus takes samples at most an hour older than the newest, so they travel in portions of time. */
const PORTION_MS = 600_000;
/** Of VictoriaMetrics' readings, when loading was broken off. */
const TWICE_RATIO_MAX = 1.01;
/** Of range queries that name none. */
export const STEP_S = 15;
/** How much to load, and how often to ask. */
export interface Size {
  readonly hosts: number;
  readonly minutes: number;
  readonly intervalMs: number;
  readonly rounds: number;
  /** For how long each class is asked of all before any is measured, so that compilers and caches are warm. @default 0 */
  readonly warmUpS?: number;
  /** Accept-Encoding of the timed queries: gzip is what Grafana sends. @default identity */
  readonly encoding?: string;
}

interface Backend {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

/** A query, and when it is asked; a range begins so long before the end of the data. */
export interface Query {
  readonly kind: string;
  readonly text: string;
  readonly isInstant: boolean;
  /** Of a range; all of the data unless given. */
  readonly minutes?: number;
  readonly stepS?: number;
  /** Rollups may stand in for samples: then answers differ at the ends of the windows. */
  readonly isRolledUp?: boolean;
}

/** How long a query took. */
export interface Result {
  readonly kind: string;
  readonly text: string;
  /** Median milliseconds per backend, in their order. */
  readonly ms: readonly number[];
  /** CPU time of each backend's process for all rounds, as an equal part of what its class took. */
  readonly cpuMs: readonly number[];
  /** Of the collector's CPU time that of its event loop, with the helpers of the engine; the rest is the reading threads'. */
  readonly loopCpuMs: number;
  /** Series of each answer; -1 is an error. */
  readonly series: readonly number[];
  /** Between our answer and that of the first of the others; undefined when one of them is an error. */
  readonly difference: AnswerDifference | undefined;
}

/** What a comparison found. */
export interface Report extends Size {
  readonly date: string;
  readonly machine: string;
  readonly samples: number;
  /** The collector first. */
  readonly backends: readonly string[];
  readonly results: readonly Result[];
}

/**
 * Loads a fleet into every backend, asks all queries, and takes everything down again. The collector has all of it in its
 * journal, as it has the last hour.
 */
export async function compareBackends(size: Size, queries: readonly Query[]): Promise<Report> {
  using folder = tempDir();
  const endMs = Math.floor(Date.now() / 60_000) * 60_000;
  const startMs = endMs - size.minutes * 60_000 + OFF_GRID_MS;
  const span = { ...size, startMs, endMs };
  const history = new FleetHistory(loadRecording(conformanceFile('real-host.om.gz')), span);
  const collectorDir = join(folder.path, 'collector');
  const agentIds = await enrolFleet(collectorDir, size.hosts);
  await history.writeJournal(join(collectorDir, 'journal.db'), agentIds);
  progress(`loaded ${size.hosts} hosts with ${history.seriesCount} series each`);
  const others = await startOthers(folder.path);
  try {
    await copySamples(others, history, span);
    const expected = history.tickCount({ fromMs: startMs, toMs: endMs }) * size.hosts;
    return await askAll({ collectorDir, others, queries, size, endMs, expected });
  } finally {
    for (const { program } of others) await program.stop();
  }
}

/** What is loaded where, and what is asked. */
export interface Comparison {
  readonly collectorDir: string;
  readonly others: readonly Other[];
  readonly queries: readonly Query[];
  readonly size: Size;
  readonly endMs: number;
  /** Readings of one series that all hosts together have. */
  readonly expected: number;
  /** Beyond those that keep it quiet. */
  readonly collectorFlags?: readonly string[];
}

/**
 * Starts a collector on a folder that was loaded, and asks it and the others.
 * @throws Error when one of them has not all the readings
 */
export async function askAll(comparison: Comparison): Promise<Report> {
  const { collectorDir, others, queries, size, endMs, expected, collectorFlags = [] } = comparison;
  const collector = await startCollector(collectorDir, ['--log-level', 'warn', ...collectorFlags]);
  try {
    const { pid = 0 } = collector.child;
    const rollcall: Backend = { name: 'rollcall', url: collector.url, pid };
    const backends = [rollcall, ...others];
    const counts: number[] = [];
    for (const backend of backends) counts.push(await sampleCount(backend, { ...size, endMs, expected }));
    const clients = backends.map(({ url }) => new QueryClient(url, size.encoding));
    const loaded = { ...size, endMs };
    const asked: Asked[] = [];
    for (const [i, query] of queries.entries()) {
      if (i % 100 === 0) progress(`compared the answers to ${i} of ${queries.length} queries`);
      asked.push(await compareAnswers(query, backends, loaded));
    }
    // Compilers and caches of all of them are warm before anything is measured.
    const classes = Map.groupBy(asked, ({ query }) => query.kind);
    for (const [kind, row] of classes) {
      progress(`warming up: ${kind}`);
      const endsMs = performance.now() + (size.warmUpS ?? 0) * 1000;
      while (performance.now() < endsMs)
        for (const client of clients) for (const { query, body } of row) await client.ask(query, body);
    }
    for (let round = 0; round < size.rounds; round++) {
      progress(`round ${round + 1} of ${size.rounds}`);
      const order = [...backends.entries()];
      // Nobody always comes after the one that used the processor's caches most.
      for (const [i, { pid }] of round % 2 === 0 ? order : order.toReversed())
        for (const row of classes.values()) await askInARow(row, { client: clients[i], pid, place: i });
    }
    for (const client of clients) client.close();
    return {
      date: new Date().toISOString().slice(0, 10),
      machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
      ...size,
      samples: counts[0] ?? Number.NaN,
      backends: backends.map(({ name }) => name),
      results: asked.map(resultOf),
    };
  } finally {
    await collector.stop();
  }
}

/** Says how far it is, on standard error. */
export function progress(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

/** A program that runs beside the collector. */
export type Other = Backend & { readonly program: RunningProgram };

/**
 * Starts Prometheus, and VictoriaMetrics where it is installed.
 * @param folder holds their data
 * @param blockMs length of the blocks that Prometheus begins with; it takes what is half as much older than the newest sample
 */
export async function startOthers(folder: string, blockMs = 7_200_000): Promise<readonly Other[]> {
  const [prometheus, victoria] = [needs('prometheus'), needs('victoria-metrics')];
  if (prometheus.path === null) throw new Error(`cannot compare${prometheus.note}`);
  const config = join(folder, 'prometheus.yml');
  writeFileSync(config, 'global: {}\n');
  const others: Other[] = [];
  // Ctrl-C ends the benchmark only, and the benchmark ends them, however it ends.
  process.once('exit', killPrograms);
  const start = async (name: string, path: string, flags: readonly string[], ready: string) => {
    const address = `127.0.0.1:${await freePort()}`;
    const url = `http://${address}`;
    const program = await startProgram(
      path,
      flags.map((flag) => flag.replace('ADDRESS', address)),
      url + ready,
      { isApart: true },
    );
    others.push({ name, url, pid: program.pid, program });
  };
  await start(
    'prometheus',
    prometheus.path,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      '--storage.tsdb.retention.time=10y',
      `--storage.tsdb.min-block-duration=${blockMs / 60_000}m`,
      '--web.listen-address=ADDRESS',
      '--web.enable-remote-write-receiver',
    ],
    '/-/ready',
  );
  if (victoria.path === null) return others;
  await start(
    'victoria-metrics',
    victoria.path,
    [
      `-storageDataPath=${join(folder, 'vm')}`,
      '-httpListenAddr=ADDRESS',
      '-search.latencyOffset=0s',
      '-retentionPeriod=10y',
    ],
    '/health',
  );
  return others;
}

type Loaded = Size & { readonly startMs: number; readonly endMs: number };

/** The label `instance` of host `index`. */
export function hostName(index: number): string {
  return `host-${String(index).padStart(4, '0')}`;
}

/** The labels `instance` of a fleet. */
export function hostNames(hosts: number): readonly string[] {
  return Array.from({ length: hosts }, (_, index) => hostName(index));
}

/** Makes a collector's folder with the hosts of a fleet, and gives their ids, in order. */
export async function enrolFleet(dataDir: string, hosts: number): Promise<readonly string[]> {
  const collector = await startCollector(dataDir, ['--log-level', 'warn']);
  const token = createToken(dataDir, ['--uses', String(hosts)]);
  const agentIds: string[] = [];
  for (let index = 0; index < hosts; index++) {
    const { agentId } = await enrollSimulated({ url: collector.url, token, hostName: hostName(index) });
    agentIds.push(agentId.toString('hex'));
  }
  await collector.stop();
  return agentIds;
}

/** Writes the samples of all hosts to the others. */
async function copySamples(others: readonly Other[], history: FleetHistory, size: Loaded): Promise<void> {
  const instances = hostNames(size.hosts);
  for (let fromMs = size.startMs; fromMs < size.endMs; fromMs += PORTION_MS) {
    const range = { fromMs, toMs: Math.min(fromMs + PORTION_MS, size.endMs) };
    for (const body of history.writeRequests(range, instances))
      await Promise.all(others.map((other) => post(`${other.url}/api/v1/write`, body)));
    progress(`copied ${Math.round((range.toMs - size.startMs) / 60_000)} of ${size.minutes} minutes`);
  }
  for (const { name, url } of others)
    if (name === 'victoria-metrics') await fetch(`${url}/internal/force_flush`);
}

/**
 * Samples of the fleet: its series, times the readings of one that every host has.
 * @throws Error when readings are missing, or are there twice
 */
async function sampleCount(
  { name, url }: Backend,
  { hosts, endMs, minutes, expected }: Size & { readonly endMs: number; readonly expected: number },
): Promise<number> {
  const first = async (query: string): Promise<number> => {
    const answer = await ask(url, 'query', { query, time: endMs / 1000 });
    const vector =
      answer.status === 'success' && answer.data.resultType === 'vector' ? answer.data.result : [];
    return Number(vector[0]?.value[1] ?? 0);
  };
  const series = await first('count({__name__=~"node_.+",instance=~"host-.+"})');
  const readings = await first(`sum(count_over_time(node_load1{instance=~"host-.+"}[${minutes}m]))`);
  // VictoriaMetrics keeps a portion twice whose loading was broken off and taken up again.
  const isTwice = name === 'victoria-metrics' && readings > expected && readings < expected * TWICE_RATIO_MAX;
  if (isTwice) progress(`${name} has ${readings} readings, ${readings - expected} of them twice`);
  else if (readings !== expected) throw new Error(`${name} has ${readings} readings of ${expected}`);
  return (series / hosts) * readings;
}

async function post(url: string, body: Uint8Array): Promise<void> {
  const response = await fetch(url, { method: 'POST', body: new Uint8Array(body), headers: WRITE_HEADERS });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${answer}`);
}

function timesOf(query: Query, { minutes, endMs }: Size & { readonly endMs: number }) {
  const end = endMs / 1000;
  if (query.isInstant) return { time: end };
  return { start: end - (query.minutes ?? minutes) * 60, end, step: query.stepS ?? STEP_S };
}

/** The form of a query, with the parameters that keep backends from answering out of a cache; others pay them no heed. */
function formOf(query: Query, size: Size & { readonly endMs: number }): string {
  const form = new URLSearchParams({ query: query.text, nocache: '1' });
  for (const [name, value] of Object.entries(timesOf(query, size))) form.set(name, String(value));
  return form.toString();
}

/** A query with what is known of it so far; lists are by backend. */
interface Asked {
  readonly query: Query;
  readonly body: string;
  readonly series: readonly number[];
  readonly difference: AnswerDifference | undefined;
  readonly elapsedMs: readonly number[][];
  readonly cpuMs: number[];
  loopCpuMs: number;
}

async function compareAnswers(
  query: Query,
  backends: readonly Backend[],
  size: Size & { readonly endMs: number },
): Promise<Asked> {
  const route = query.isInstant ? 'query' : 'query_range';
  const answers: QueryAnswer[] = [];
  for (const { url } of backends)
    answers.push(await ask(url, route, { query: query.text, ...timesOf(query, size) }));
  const [ours, theirs] = answers;
  return {
    query,
    body: formOf(query, size),
    // Not the answers themselves: those about a fleet are megabytes.
    series: answers.map(seriesCount),
    difference: ours === undefined || theirs === undefined ? undefined : differenceOf(ours, theirs),
    elapsedMs: backends.map(() => []),
    cpuMs: backends.map(() => 0),
    loopCpuMs: 0,
  };
}

/**
 * Asks one backend all queries of a class, one after the other as a dashboard does. Its CPU time is that of the whole row,
 * because the clock of the kernel ticks every 10 ms; each query is given the same part of it.
 */
async function askInARow(
  row: readonly Asked[],
  {
    client,
    pid,
    place,
  }: { readonly client: QueryClient | undefined; readonly pid: number; readonly place: number },
): Promise<void> {
  const cpuBefore = cpuSecondsOf(pid);
  const loopBefore = place === 0 ? loopCpuSecondsOf(pid) : 0;
  for (const { query, body, elapsedMs } of row) {
    const startMs = performance.now();
    await client?.ask(query, body);
    elapsedMs[place]?.push(performance.now() - startMs);
  }
  const cpuMs = ((cpuSecondsOf(pid) - cpuBefore) * 1000) / row.length;
  const loopCpuMs = place === 0 ? ((loopCpuSecondsOf(pid) - loopBefore) * 1000) / row.length : 0;
  for (const one of row) {
    one.cpuMs[place] = (one.cpuMs[place] ?? 0) + cpuMs;
    one.loopCpuMs += loopCpuMs;
  }
}

function resultOf({ query, series, difference, elapsedMs, cpuMs, loopCpuMs }: Asked): Result {
  return {
    kind: query.kind,
    text: query.text,
    ms: elapsedMs.map(median),
    cpuMs,
    loopCpuMs,
    series,
    difference,
  };
}

/** Asks over one connection that stays open; a whole HTTP client would take longer than the small answers do. */
class QueryClient {
  readonly #url: string;
  readonly #encoding: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string, encoding = 'identity') {
    this.#url = url;
    this.#encoding = encoding;
  }

  /** Resolves when the answer was read to its end, whatever it says. */
  ask({ isInstant }: Query, body: string): Promise<void> {
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': Buffer.byteLength(body),
      'Accept-Encoding': this.#encoding,
    };
    const url = `${this.#url}/api/v1/${isInstant ? 'query' : 'query_range'}`;
    return new Promise((resolve, reject) => {
      const sent = request(url, { agent: this.#agent, method: 'POST', headers }, (response) => {
        response.on('error', reject);
        response.on('end', () => resolve());
        response.resume();
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}
