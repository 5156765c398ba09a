/**
 * How long a collector needs from the start of its process until it listens, and until it has answered a query over the
 * whole fleet, with hours in its journal that no block has yet: what a restart during a busy day costs, and one after a
 * crash.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { decodeRecord } from '@rollcall/shared/protocol/record.ts';
import { Hosts } from '../collector/src/fleet/hosts.ts';
import type { Journal, JournalSession } from '../collector/src/journal/journal.ts';
import { openJournal } from '../collector/src/journal/open-journal.ts';
import { openState, stateFile } from '../collector/src/state/state.ts';
import { ask, seriesCount } from '../test/compat/query-api.ts';
import { createToken, killAll, startCollector, waitFor } from '../test/harness/processes.ts';
import { LaneSpool, SharedLane } from './fleet/shared-lane.ts';
import { peakRssBytesOf, rssBytesOf } from './process-figures.ts';

const HELP = `npm run bench -- startup [--hosts 1000] [--hours 2] [--interval 10] [--rounds 3] [--json]

  --hosts     hosts with 203 series each, 1 to 10000
  --hours     time that the journal holds of every host
  --interval  seconds between two readings
  --rounds    starts of the collector; it is killed after each

1000 hosts with two hours are 146 million samples, a minute and a half, and 0.5 GB in the folder for temporary files. The files
are in the memory of the operating system, as they are after a restart of the collector alone.
`;

const CPU_COUNT = 4;
const READY_MS_MAX = 300_000;
const QUERIES = ['count(node_load1)', 'sum(rate(node_network_receive_bytes_total[5m]))'] as const;

interface Size {
  readonly hosts: number;
  readonly ticks: number;
  readonly intervalMs: number;
}

/** What the journal was filled with. */
interface Load {
  readonly samples: number;
  readonly journalMiB: number;
  /** Time of the newest samples. */
  readonly endMs: number;
  readonly loadSeconds: number;
}

/** One start; seconds count from the start of the process. */
interface Start {
  readonly listensAfterSeconds: number;
  /** All hosts were counted. */
  readonly firstAnswerAfterSeconds: number;
  /** A rate over five minutes of the fleet was computed. */
  readonly secondAnswerAfterSeconds: number;
  readonly rssMiB: number;
  readonly peakRssMiB: number;
}

export async function startup(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '1000' },
      hours: { type: 'string', default: '2' },
      interval: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const hosts = Number(values.hosts);
  const intervalMs = Number(values.interval) * 1000;
  const size = { hosts, intervalMs, ticks: Math.round((Number(values.hours) * 3_600_000) / intervalMs) };
  const dataDir = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
  try {
    const load = await fill(dataDir, size);
    const starts: Start[] = [];
    for (let round = 0; round < Number(values.rounds); round++)
      starts.push(await start(dataDir, hosts, load.endMs));
    if (values.json) process.stdout.write(`${JSON.stringify({ ...size, ...load, starts })}\n`);
    else print(size, load, starts);
  } finally {
    killAll();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Writes the hosts and their records, which end now, into the data folder of a collector that does not run. */
export async function fill(dataDir: string, size: Size): Promise<Load> {
  const startedMs = performance.now();
  const tokenId = createToken(dataDir).slice('rce1_'.length).split('_', 1)[0] ?? '';
  // Opening it once makes the folder.
  await (await startCollector(dataDir, ['--log-level', 'warn'])).stop();
  const agentIds = enrol(dataDir, tokenId, size.hosts);
  const path = join(dataDir, 'journal.db');
  const journal = openJournal({
    path,
    clock: systemClock,
    log: silentLogger,
    randomBytes,
    yieldToLoop: nextTurn,
  });
  const endMs = Date.now();
  const before = journal.stats().samples;
  try {
    await record(journal, agentIds, { ...size, endMs });
  } finally {
    await journal.close();
  }
  const samples = journal.stats().samples - before;
  const loadSeconds = round((performance.now() - startedMs) / 1000);
  return { samples, journalMiB: Math.round(statSync(path).size / 2 ** 20), endMs, loadSeconds };
}

function enrol(dataDir: string, tokenId: string, count: number): readonly string[] {
  const state = openState(stateFile(dataDir));
  const hosts = new Hosts({ database: state, clock: systemClock, log: silentLogger });
  const ids = Array.from({ length: count }, () => randomBytes(16).toString('hex'));
  state.transaction(() => {
    for (const [index, id] of ids.entries()) {
      const { publicKey } = generateIdentity();
      const hostName = `startup-${String(index).padStart(5, '0')}`;
      hosts.insert({ id, publicKey, tokenId, hostName, machineId: '', agentVersion: '0.1.0' });
    }
  });
  state.close();
  return ids;
}

/** Tick after tick, and in each host after host, as they arrive from a live fleet. */
async function record(
  journal: Journal,
  agentIds: readonly string[],
  { ticks, intervalMs, endMs }: Size & { readonly endMs: number },
): Promise<void> {
  const firstMs = endMs - (ticks - 1) * intervalMs;
  const lane = new SharedLane(CPU_COUNT, intervalMs, firstMs);
  for (let tick = 0; tick < ticks; tick++) lane.tick(firstMs + tick * intervalMs);
  const epochs = new LaneSpool(lane).epochs();
  const [epoch] = epochs;
  if (epoch === undefined) throw new Error('the shared lane has no epoch');
  const failures: string[] = [];
  const events = { committed: () => {}, failed: (text: string) => void failures.push(text) };
  const sessions: JournalSession[] = [];
  for (const agentId of agentIds) sessions.push(await journal.openSession({ agentId, epochs }, events));
  for (const bytes of lane.records) {
    const wire = decodeRecord(bytes, 0);
    for (const session of sessions) {
      const outcome = session.apply(epoch.id, wire);
      if (outcome.kind !== 'accepted')
        throw new Error(`record ${wire.seq} was not accepted: ${outcome.kind}`);
    }
    // The journal commits between turns.
    await nextTurn();
    if (failures.length > 0) throw new Error(`the journal failed: ${failures[0]}`);
  }
}

async function start(dataDir: string, hosts: number, endMs: number): Promise<Start> {
  const startedMs = performance.now();
  const seconds = (): number => round((performance.now() - startedMs) / 1000);
  const collector = await startCollector(dataDir, ['--log-level', 'warn']);
  const listensAfterSeconds = seconds();
  const answered: number[] = [];
  for (const [at, query] of QUERIES.entries()) {
    await waitFor(
      `an answer to ${query}`,
      async () => {
        const answer = await ask(collector.url, 'query', { query, time: endMs / 1000 });
        if (seriesCount(answer) !== 1) throw new Error(`${query}: ${JSON.stringify(answer)}`);
        return at > 0 || countOf(answer) === hosts ? true : undefined;
      },
      READY_MS_MAX,
    );
    answered.push(seconds());
  }
  const pid = collector.child.pid ?? 0;
  const rssMiB = Math.round(rssBytesOf(pid) / 2 ** 20);
  const peakRssMiB = Math.round(peakRssBytesOf(pid) / 2 ** 20);
  // Before it has sealed anything, so that the next start finds the same.
  await collector.stop('SIGKILL');
  const [firstAnswerAfterSeconds = Number.NaN, secondAnswerAfterSeconds = Number.NaN] = answered;
  return { listensAfterSeconds, firstAnswerAfterSeconds, secondAnswerAfterSeconds, rssMiB, peakRssMiB };
}

function countOf(answer: Awaited<ReturnType<typeof ask>>): number {
  if (answer.status === 'error' || answer.data.resultType !== 'vector') return Number.NaN;
  return Number(answer.data.result[0]?.value[1]);
}

function print(size: Size, load: Load, starts: readonly Start[]): void {
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const hours = round((size.ticks * size.intervalMs) / 3_600_000);
  process.stdout.write(
    `${machine}, Node.js ${process.version}
${size.hosts} hosts, ${hours} h at ${size.intervalMs / 1000} s: ${load.samples} samples, a journal of ${load.journalMiB} MiB, made in ${load.loadSeconds} s
Seconds from the start of the process; the first query is ${QUERIES[0]}, the second ${QUERIES[1]}.
`,
  );
  console.table(starts);
}

function round(value: number): number {
  return Number(value.toFixed(2));
}
