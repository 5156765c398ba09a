/**
 * A collector with a fleet, next to Prometheus and VictoriaMetrics with the same samples, and how long each takes to
 * answer. The samples reach the collector from agents; the others get them from its remote read, through remote write.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { MessageReader } from '../collector/src/storage/remote-protocol/protobuf.ts';
import { packSnappy, unpackSnappy } from '../collector/src/storage/remote-protocol/snappy.ts';
import { readRequest } from '../collector/src/api/remote/testing/read-request.ts';
import { WRITE_HEADERS } from '../collector/src/storage/remote-protocol/testing/write-request.ts';
import { startProgram, type RunningProgram } from '../test/compat/programs.ts';
import { ask, seriesCount, type QueryAnswer } from '../test/compat/query-api.ts';
import { needs } from '../test/harness/needs.ts';
import { freePort } from '../test/harness/ports.ts';
import { createToken, startCollector, waitFor } from '../test/harness/processes.ts';
import { conformanceFile } from './board.ts';
import { SimulatedAgent } from './fleet/agent.ts';
import { enrollSimulated } from './fleet/enroll.ts';
import { loadRecording, recordedSamplers } from './recording.ts';

/** Samples lie off the steps, where windows that are open and closed at their start agree. */
const OFF_GRID_MS = 1_234;
/** Prometheus takes samples at most an hour older than the newest, so they travel in portions of time. */
const PORTION_MS = 600_000;
/** Of range queries that name none. */
export const STEP_S = 15;
const DRAIN_MS_MAX = 1_800_000;
const BYTES_MAX = 512 * 1024 * 1024;
/** Ticks that agents spool before they send; more would not fit in their memory. */
const TICKS_PER_LOAD = 360;

/** How much to load, and how often to ask. */
export interface Size {
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

/** A query, and when it is asked; a range begins so long before the end of the data. */
export interface Query {
  readonly kind: string;
  readonly text: string;
  readonly isInstant: boolean;
  /** Of a range; all of the data unless given. */
  readonly minutes?: number;
  readonly stepS?: number;
}

/** How long a query took. */
export interface Result {
  readonly kind: string;
  readonly text: string;
  /** Median milliseconds per backend, in their order. */
  readonly ms: readonly number[];
  /** Series of each answer; -1 is an error. */
  readonly series: readonly number[];
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

/** What a folder was loaded with; it stands there when everything is loaded. */
const LOADED_FILE = 'loaded.json';
const loadedShape = z.object({
  hosts: z.number(),
  minutes: z.number(),
  intervalMs: z.number(),
  endMs: z.number(),
});

function loadedOf({ hosts, minutes, intervalMs }: Size) {
  return { hosts, minutes, intervalMs };
}

/** @throws when the folder holds data of another size, or was not loaded to its end */
function readLoaded(folder: string, size: Size): z.infer<typeof loadedShape> | undefined {
  const path = join(folder, LOADED_FILE);
  if (!existsSync(path)) {
    if (readdirSync(folder).length > 0)
      throw new Error(`${folder} is neither empty nor loaded to its end: remove it, or name another one`);
    return undefined;
  }
  const loaded = loadedShape.parse(JSON.parse(readFileSync(path, 'utf8')));
  const wanted = JSON.stringify(loadedOf(size));
  const found = JSON.stringify(loadedOf({ ...loaded, rounds: 0 }));
  if (found !== wanted) throw new Error(`${folder} holds ${found}, and ${wanted} is asked for`);
  return loaded;
}

/**
 * Loads a fleet into every backend, asks all queries, and takes everything down again.
 * @param dataDir where the data is kept, and found again by the next call of the same size; without it, it is removed
 */
export async function compareBackends(
  size: Size,
  queries: readonly Query[],
  dataDir?: string,
): Promise<Report> {
  using temporary = tempDir();
  const folder = { path: dataDir ?? temporary.path };
  mkdirSync(folder.path, { recursive: true });
  const loaded = readLoaded(folder.path, size);
  const endMs = loaded?.endMs ?? Math.floor(Date.now() / 60_000) * 60_000;
  const startMs = endMs - size.minutes * 60_000 + OFF_GRID_MS;
  const collector = await startCollector(join(folder.path, 'collector'), ['--log-level', 'warn']);
  const others = await startOthers(folder.path);
  try {
    if (loaded === undefined) {
      await loadFleet(collector.url, join(folder.path, 'collector'), { ...size, startMs, endMs });
      await copySamples(collector.url, others, { ...size, startMs, endMs });
    }
    const samples = await countSamples(collector.url, others, { ...size, startMs, endMs });
    writeFileSync(join(folder.path, LOADED_FILE), JSON.stringify({ ...loadedOf(size), endMs }));
    const rollcall: Backend = { name: 'rollcall', url: collector.url, extra: {} };
    const backends = [rollcall, ...others];
    const results: Result[] = [];
    for (const [i, query] of queries.entries()) {
      if (i % 50 === 0) progress(`asked ${i} of ${queries.length} queries`);
      results.push(await timeQuery(query, backends, { ...size, endMs }));
    }
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

function progress(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
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

/** The label `instance` of host `index`. */
export function hostName(index: number): string {
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
  let ticks = 0;
  for (let wallMs = size.startMs; wallMs < size.endMs; wallMs += size.intervalMs) {
    for (const agent of agents) agent.tick(wallMs);
    ticks++;
    const isLast = wallMs + size.intervalMs >= size.endMs;
    if (ticks % TICKS_PER_LOAD !== 0 && !isLast) continue;
    for (const agent of agents) agent.connect();
    await waitFor(
      'every record to be acknowledged',
      () => (agents.every((agent) => agent.unackedRecords === 0) ? true : undefined),
      DRAIN_MS_MAX,
    );
    progress(`agents delivered ${Math.round((wallMs - size.startMs) / 60_000)} of ${size.minutes} minutes`);
  }
  await Promise.all(agents.map((agent) => agent.disconnect()));
}

/** Copies the samples of all hosts; a result of remote read is what remote write wants. */
async function copySamples(url: string, others: readonly Other[], size: Loaded): Promise<void> {
  for (let fromMs = size.startMs; fromMs < size.endMs; fromMs += PORTION_MS) {
    const range = { fromMs, toMs: Math.min(fromMs + PORTION_MS, size.endMs) - 1 };
    for (let index = 0; index < size.hosts; index++) {
      const read = await post(`${url}/api/v1/read`, readRequest(range, [[0, 'instance', hostName(index)]]));
      const response = new MessageReader(unpackSnappy(read, BYTES_MAX));
      if (!response.next()) throw new Error('remote read gave no result');
      const body = packSnappy(response.bytes.subarray(response.message().position));
      await Promise.all(others.map((other) => post(`${other.url}/api/v1/write`, body)));
    }
    progress(`copied ${Math.round((range.toMs - size.startMs) / 60_000)} of ${size.minutes} minutes`);
  }
  for (const { name, url: base } of others) {
    if (name === 'victoria-metrics') await fetch(`${base}/internal/force_flush`);
  }
}

/** Samples that each backend has; all must have the same. */
async function countSamples(url: string, others: readonly Other[], size: Loaded): Promise<number> {
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

async function timeQuery(
  query: Query,
  backends: readonly Backend[],
  { rounds, minutes, endMs }: Size & { readonly endMs: number },
): Promise<Result> {
  const end = endMs / 1000;
  const route = query.isInstant ? 'query' : 'query_range';
  const times = query.isInstant
    ? { time: end }
    : {
        start: end - (query.minutes ?? minutes) * 60,
        end,
        step: query.stepS ?? STEP_S,
      };
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
