/** Databases of other people in the ingest benchmark, fed by InfluxDB's line protocol over HTTP. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram, type RunningProgram } from '../test/compat/programs.ts';
import { freePort } from '../test/harness/ports.ts';
import { measureIdle, measureProcess, type IngestFigures, type IngestSize } from './ingest-figures.ts';
import { lineBodies } from './line-protocol.ts';

/** What InfluxDB's manual recommends for a request. */
const LINES_PER_REQUEST = 5_000;
const REQUESTS_AT_A_TIME = 4;

interface Database {
  readonly name: string;
  readonly start: (path: string, dataDir: string) => Promise<{ program: RunningProgram; url: string }>;
  /** How many samples, or lines, it says it has taken in. */
  readonly accepted: (url: string) => Promise<number>;
  readonly countsLines: boolean;
}

export const DATABASES: readonly Database[] = [
  {
    name: 'victoria-metrics',
    async start(path, dataDir) {
      const address = `127.0.0.1:${await freePort()}`;
      const program = await startProgram(
        path,
        [`-httpListenAddr=${address}`, `-storageDataPath=${dataDir}`, '-retentionPeriod=1y'],
        `http://${address}/health`,
      );
      return { program, url: `http://${address}` };
    },
    async accepted(url) {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^vm_rows_inserted_total\{type="influx"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    },
    countsLines: false,
  },
  {
    name: 'influxdb',
    async start(path, dataDir) {
      const address = `127.0.0.1:${await freePort()}`;
      const config = join(dataDir, 'influxdb.conf');
      mkdirSync(dataDir, { recursive: true });
      writeFileSync(config, influxConfig(address, `127.0.0.1:${await freePort()}`, dataDir));
      const program = await startProgram(path, ['-config', config], `http://${address}/ping`);
      await fetch(`http://${address}/query`, {
        method: 'POST',
        body: new URLSearchParams({ q: 'CREATE DATABASE rollcall' }),
      });
      return { program, url: `http://${address}` };
    },
    async accepted(url) {
      const text = await (await fetch(`${url}/debug/vars`)).text();
      return Number(/"pointsWrittenOK":(\d+)/.exec(text)?.[1] ?? 0);
    },
    countsLines: true,
  },
];

/** @throws Error when the database has not taken in all that it was sent */
export async function measureDatabase(
  database: Database,
  where: { readonly path: string; readonly folder: string },
  size: IngestSize,
): Promise<IngestFigures> {
  const dataDir = join(where.folder, database.name);
  const { program, url } = await database.start(where.path, dataDir);
  const idleCores = await measureIdle(program.pid);
  const measured = { name: database.name, pid: program.pid, dataDir, idleCores };
  const figures = await measureProcess(measured, async () => {
    const sent = { samples: 0, lines: 0, wireBytes: 0 };
    const bodies = lineBodies(size, LINES_PER_REQUEST)[Symbol.iterator]();
    const work = async (): Promise<void> => {
      for (let next = bodies.next(); next.done !== true; next = bodies.next()) {
        const { body, samples } = next.value;
        await write(url, body);
        sent.samples += samples;
        sent.lines += body.split('\n').length;
        sent.wireBytes += Buffer.byteLength(body);
      }
    };
    await Promise.all(Array.from({ length: REQUESTS_AT_A_TIME }, work));
    const accepted = await database.accepted(url);
    const wanted = database.countsLines ? sent.lines : sent.samples;
    if (accepted !== wanted) throw new Error(`${database.name} took in ${accepted} of ${wanted}`);
    return sent;
  });
  await program.stop();
  return figures;
}

async function write(url: string, body: string): Promise<void> {
  const response = await fetch(`${url}/write?db=rollcall&precision=ms`, { method: 'POST', body });
  if (response.status !== 204) throw new Error(`write answered ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}

/** The defaults, but for folders, addresses, the reports it would send home, and a log of every request. */
function influxConfig(address: string, backupAddress: string, dataDir: string): string {
  return `reporting-disabled = true
bind-address = "${backupAddress}"
[meta]
  dir = "${dataDir}/meta"
[data]
  dir = "${dataDir}/data"
  wal-dir = "${dataDir}/wal"
[http]
  bind-address = "${address}"
  log-enabled = false
[monitor]
  store-enabled = false
[logging]
  level = "error"
`;
}
