/**
 * Bytes per sample on disk: the same samples in block files of ours, in VictoriaMetrics after a forced merge, and in blocks
 * that Prometheus' own tool makes. Also what writing and reading our blocks costs.
 */
import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, readdirSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { BlockReader } from '../collector/src/storage/embedded/format/reader.ts';
import { BlockWriter } from '../collector/src/storage/embedded/format/writer.ts';
import type { GroupColumns } from '../collector/src/storage/embedded/format/group.ts';
import { runProgram, startProgram } from '../test/compat/programs.ts';
import { needs } from '../test/harness/needs.ts';
import { freePort } from '../test/harness/ports.ts';
import { waitFor } from '../test/harness/processes.ts';
import { conformanceFile } from './board.ts';
import { loadRecording, samplerNameOf } from './recording.ts';
import { walkHost } from './tsbs.ts';

const HELP = `npm run bench -- storage [--hosts 10] [--minutes 120] [--rows 0] [--rounds 5] [--json]

  --hosts    hosts of the synthetic fleet, 1 to 100
  --minutes  what each of them reports, at one reading per 10 s
  --rows     rows of a group in our blocks, 0 for all; 360 are an hour at 10 s
  --rounds   times that our blocks are written and read; the median counts

Needs ROLLCALL_CONFORMANCE; compares with prometheus and victoria-metrics where they are installed.
`;

const TICK_MS = 10_000;
const SEED = 20_261_121;
const PIECE_LENGTH = 1 << 20;

interface Series {
  readonly schema: string;
  /** As OpenMetrics writes it. */
  readonly text: string;
  readonly values: Float64Array;
}

interface Host {
  readonly timesMs: Float64Array;
  readonly series: readonly Series[];
}

interface Fleet {
  readonly name: string;
  readonly hosts: readonly Host[];
}

/** Bytes of the samples, and with whatever finds them. */
interface Footprint {
  readonly store: string;
  readonly dataBytes: number;
  readonly allBytes: number;
}

interface Report {
  readonly fleet: string;
  readonly samples: number;
  readonly footprints: readonly Footprint[];
  readonly writeNsPerSample: number;
  readonly readNsPerSample: number;
}

export async function storage(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '10' },
      minutes: { type: 'string', default: '120' },
      rows: { type: 'string', default: '0' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const ticks = (Number(values.minutes) * 60_000) / TICK_MS;
  const rows = Number(values.rows) || Number.POSITIVE_INFINITY;
  const fleets = [realHost(), syntheticFleet(Number(values.hosts), ticks)];
  const reports: Report[] = [];
  for (const fleet of fleets) reports.push(await measure(fleet, rows, Number(values.rounds)));
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, node: process.version, reports })}\n`);
  else for (const report of reports) print(report);
}

function realHost(): Fleet {
  const recording = loadRecording(conformanceFile('real-host.om.gz'));
  const series = recording.series.map(({ name, labels, values }) => ({
    schema: samplerNameOf(name),
    text: `${name}{${[...labels, ['instance', 'real']].map(([key, value]) => `${key}=${JSON.stringify(value)}`).join()}}`,
    values: Float64Array.from(values),
  }));
  return { name: 'real host', hosts: [{ timesMs: Float64Array.from(recording.timesMs), series }] };
}

function syntheticFleet(count: number, ticks: number): Fleet {
  const random = seededRandom(SEED);
  const startMs = Math.floor(Date.now() / 3_600_000) * 3_600_000 - ticks * TICK_MS;
  const timesMs = Float64Array.from({ length: ticks }, (_, tick) => startMs + tick * TICK_MS);
  const hosts = Array.from({ length: count }, (_host, index) => ({
    timesMs,
    series: walkHost(ticks, random).map(({ measurement, name, values }) => ({
      schema: measurement,
      text: `${name}{instance="host_${index}"}`,
      values,
    })),
  }));
  return { name: `devops fleet of ${count}`, hosts };
}

async function measure(fleet: Fleet, rows: number, rounds: number): Promise<Report> {
  const samples = fleet.hosts.reduce((sum, { series, timesMs }) => sum + series.length * timesMs.length, 0);
  const groups = groupsOf(fleet, rows);
  const own = Array.from({ length: rounds }, () => writeAndRead(groups));
  const labelBytes = new Set(
    fleet.hosts.flatMap(({ series }) => series.map(({ text }) => text.replace(/[{,]instance=.*/, ''))),
  );
  const block = own[0]?.bytes ?? 0;
  const footprints = [
    { store: 'rollcall', dataBytes: block, allBytes: block + [...labelBytes].join('').length },
    ...(await victoriaMetrics(fleet)),
    ...(await prometheus(fleet)),
  ];
  return {
    fleet: fleet.name,
    samples,
    footprints,
    writeNsPerSample: (median(own.map(({ writeMs }) => writeMs)) * 1e6) / samples,
    readNsPerSample: (median(own.map(({ readMs }) => readMs)) * 1e6) / samples,
  };
}

/** A group per host, sampler and so many rows. */
function groupsOf(fleet: Fleet, rows: number): readonly GroupColumns[] {
  return fleet.hosts.flatMap(({ timesMs, series }, index) =>
    [...Map.groupBy(series, ({ schema }) => schema)].flatMap(([schema, members]) => {
      const groups: GroupColumns[] = [];
      for (let from = 0; from < timesMs.length; from += rows) {
        groups.push({
          hostId: index.toString(16).padStart(32, '0'),
          schemaHash: createHash('sha256').update(schema).digest('hex'),
          timesMs: timesMs.subarray(from, from + rows),
          columns: members.map(({ values }) => ({
            states: undefined,
            streams: [values.subarray(from, from + rows)],
          })),
        });
      }
      return groups;
    }),
  );
}

function writeAndRead(groups: readonly GroupColumns[]) {
  const pieces: Buffer[] = [];
  const first = Math.min(...groups.map(({ timesMs }) => timesMs[0] ?? 0));
  const last = Math.max(...groups.map(({ timesMs }) => timesMs.at(-1) ?? 0));
  const before = process.cpuUsage();
  const sink = { append: (bytes: Uint8Array) => void pieces.push(Buffer.from(bytes)) };
  const writer = new BlockWriter(sink, { resolution: 'raw', fromMs: first, toMs: last + 1 });
  for (const group of groups) writer.add(group);
  const { sizeBytes } = writer.finish();
  const written = process.cpuUsage(before);
  const file = Buffer.concat(pieces);
  const beforeRead = process.cpuUsage();
  const reader = new BlockReader(
    { sizeBytes, read: (offset, length) => file.subarray(offset, offset + length) },
    'bench.block',
  );
  const found: Float64Array[] = [];
  for (const hostId of reader.hostIds()) {
    for (const group of reader.groups(hostId)) {
      reader.times(group);
      for (let column = 0; column < group.columnCount; column++) {
        found.push(reader.column(group, column)?.values ?? new Float64Array(0));
      }
    }
  }
  const read = process.cpuUsage(beforeRead);
  const wanted = groups.flatMap(({ columns }) => columns.map(({ streams }) => streams[0]));
  const isSame = found.every((values, at) =>
    values.every((value, row) => Object.is(value, wanted[at]?.[row])),
  );
  if (!isSame || found.length !== wanted.length) throw new Error('the block does not hold what was written');
  return { bytes: sizeBytes, writeMs: cpuMs(written), readMs: cpuMs(read) };
}

/** What the data folder holds after a flush and a forced merge. */
async function victoriaMetrics(fleet: Fleet): Promise<readonly Footprint[]> {
  const { path } = needs('victoria-metrics');
  if (path === null) return [];
  using folder = tempDir();
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const data = join(folder.path, 'vm');
  const program = await startProgram(
    path,
    [`-storageDataPath=${data}`, `-httpListenAddr=${address}`, '-retentionPeriod=100y', '-loggerLevel=ERROR'],
    `${url}/health`,
  );
  try {
    for (const text of pieces(openMetrics(fleet, 1))) await post(`${url}/api/v1/import/prometheus`, text);
    for (const step of ['force_flush', 'force_merge']) await post(`${url}/internal/${step}`, '');
    await waitFor('the forced merge to leave one part', async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const parts = [...text.matchAll(/^vm_parts\{type="storage\/.*"\} (\d+)$/gm)];
      return parts.reduce((sum, [, count]) => sum + Number(count), 0) === 1 ? true : undefined;
    });
  } finally {
    await program.stop();
  }
  const dataBytes = folderBytes(join(data, 'data'));
  return [{ store: 'victoria-metrics', dataBytes, allBytes: dataBytes + folderBytes(join(data, 'indexdb')) }];
}

/** What `promtool tsdb create-blocks-from openmetrics` makes: the blocks that a server has after its compactions. */
async function prometheus(fleet: Fleet): Promise<readonly Footprint[]> {
  const { path } = needs('promtool');
  if (path === null) return [];
  using folder = tempDir();
  const file = join(folder.path, 'samples.om');
  const output = createWriteStream(file);
  for (const text of pieces(openMetrics(fleet, 1000))) if (!output.write(text)) await once(output, 'drain');
  output.end('# EOF\n');
  await once(output, 'close');
  const blocks = join(folder.path, 'blocks');
  mkdirSync(blocks);
  await runProgram(path, ['tsdb', 'create-blocks-from', 'openmetrics', file, blocks]);
  const chunkBytes = readdirSync(blocks).map((block) => folderBytes(join(blocks, block, 'chunks')));
  const dataBytes = chunkBytes.reduce((sum, bytes) => sum + bytes, 0);
  return [{ store: 'prometheus', dataBytes, allBytes: folderBytes(blocks) }];
}

/** Lines of all samples, series by series. @param divisor 1 for milliseconds, 1000 for seconds */
function* openMetrics({ hosts }: Fleet, divisor: number): Generator<string> {
  for (const { timesMs, series } of hosts) {
    for (const { text, values } of series) {
      for (const [row, value] of values.entries()) {
        yield `${text} ${value} ${(timesMs[row] ?? 0) / divisor}\n`;
      }
    }
  }
}

/** Joins lines to texts of about a megabyte. */
function* pieces(lines: Iterable<string>): Generator<string> {
  let text = '';
  for (const line of lines) {
    text += line;
    if (text.length < PIECE_LENGTH) continue;
    yield text;
    text = '';
  }
  yield text;
}

async function post(url: string, body: string): Promise<void> {
  const response = await fetch(url, { method: 'POST', body });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
}

/** Sizes of all files, as they are and not as the file system rounds them. */
function folderBytes(path: string): number {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

function print({ fleet, samples, footprints, writeNsPerSample, readNsPerSample }: Report): void {
  const own = footprints[0];
  const lines = footprints.map(({ store, dataBytes, allBytes }) =>
    [
      store.padEnd(18),
      (dataBytes / samples).toFixed(3).padStart(12),
      (allBytes / samples).toFixed(3).padStart(12),
      ((own?.dataBytes ?? 0) / dataBytes).toFixed(2).padStart(16),
    ].join(''),
  );
  process.stdout.write(
    `${fleet}: ${samples} samples; bytes per sample\n` +
      `${''.padEnd(18)}${'samples'.padStart(12)}${'with index'.padStart(12)}${'rollcall is'.padStart(16)}\n` +
      `${lines.join('\n')}\n` +
      `CPU of rollcall: ${writeNsPerSample.toFixed(0)} ns per sample to write, ` +
      `${readNsPerSample.toFixed(0)} ns to read everything\n\n`,
  );
}

function cpuMs({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}
