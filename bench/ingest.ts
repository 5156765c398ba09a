/**
 * How much work a sample is, from the socket until it is durable and acknowledged: simulated agents hold a backlog of
 * ticks and drain it into a real collector as fast as it takes them. VictoriaMetrics and InfluxDB get the same samples in
 * the same run.
 *
 * What counts, for all three alike: user and system CPU of the program with all its threads, those that evaluate rules,
 * compile and collect garbage too, from the moment when everything is there to be sent until six seconds after the last
 * sample was accepted, because a program goes on with samples after its answer. What does not: its start, and whoever sends,
 * which is this process. Twenty million samples, so that what a program does once in a while weighs as it does for
 * ever. `idleCores` says what it used in the seconds before, with everybody connected and nothing to do; that is in the
 * figures, not taken off.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { killPrograms } from '../test/compat/programs.ts';
import { needs } from '../test/harness/needs.ts';
import { killAll } from '../test/harness/processes.ts';
import { DATABASES, measureDatabase } from './ingest-databases.ts';
import type { IngestFigures, IngestSize } from './ingest-figures.ts';
import { measureRollcall } from './ingest-rollcall.ts';

const INTERVAL_MS = 10_000;

const HELP = `npm run bench -- ingest [--agents 200] [--ticks 500] [--cpus 4] [--only NAME] [--json]

  --agents  simulated agents, 1 to 2000
  --ticks   ticks that each agent holds, 1 to 2000
  --cpus    CPUs of each simulated machine; 4 make 203 series a tick
  --only    measure only this one: rollcall, victoria-metrics or influxdb

Databases that this machine does not have are left out. Takes about four minutes, of which InfluxDB has the most.
`;

export async function ingest(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      agents: { type: 'string', default: '200' },
      ticks: { type: 'string', default: '500' },
      cpus: { type: 'string', default: '4' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const ticks = Number(values.ticks);
  const all = await measureAll(
    {
      agents: Number(values.agents),
      ticks,
      cpuCount: Number(values.cpus),
      fromMs: Date.now() - ticks * INTERVAL_MS,
      intervalMs: INTERVAL_MS,
    },
    (name) => values.only === undefined || values.only === name,
  );
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const rows = all.map((figures) => rowOf(figures, all[0]));
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ machine, node: process.version, rows })}\n`);
    return;
  }
  process.stdout.write(`${machine}, Node.js ${process.version}\n`);
  console.table(Object.fromEntries(rows.map(({ program, ...row }) => [program, row])));
}

async function measureAll(size: IngestSize, isWanted: (name: string) => boolean): Promise<IngestFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
  try {
    const all: IngestFigures[] = [];
    if (isWanted('rollcall')) all.push(await measureRollcall(folder, size));
    for (const database of DATABASES) {
      const { path } = needs(database.name === 'influxdb' ? 'influxd' : database.name);
      if (path === null || !isWanted(database.name)) continue;
      try {
        all.push(await measureDatabase(database, { path, folder }, size));
      } catch (error) {
        // One that gives up on a busy machine does not cost the figures of the others.
        process.stderr.write(`${database.name} is left out: ${describeError(error)}\n`);
        killPrograms();
      }
    }
    return all;
  } finally {
    killAll();
    killPrograms();
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowOf(figures: IngestFigures, first: IngestFigures | undefined) {
  const { program, samples, seconds, cpuSeconds, loopCpuSeconds, diskBytes, wireBytes, peakRssBytes } =
    figures;
  const cpuPerMillion = (cpuSeconds / samples) * 1e6;
  const firstPerMillion = first === undefined ? cpuPerMillion : (first.cpuSeconds / first.samples) * 1e6;
  return {
    program,
    samples,
    samplesPerSecond: Math.round(samples / seconds),
    cpuSecondsPerMillionSamples: round(cpuPerMillion, 3),
    // Without the threads that evaluate rules, answer queries and seal.
    ...(loopCpuSeconds === undefined
      ? {}
      : { withoutWorkerThreads: round((loopCpuSeconds / samples) * 1e6, 3) }),
    cpuRatio: round(cpuPerMillion / firstPerMillion, 2),
    idleCores: round(figures.idleCores, 2),
    diskBytesPerSample: round(diskBytes / samples, 2),
    sentBytesPerSample: round(wireBytes / samples, 2),
    peakRssMiB: Math.round(peakRssBytes / 2 ** 20),
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
