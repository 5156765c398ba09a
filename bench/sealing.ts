/**
 * What it costs to keep a day of samples: the CPU time of sealing its hours, of merging them to days and days to a month,
 * and of the rollups, in seconds per million samples. Everything runs in the code that a collector runs, in one thread.
 */
import { randomBytes } from 'node:crypto';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock, type Clock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import type { SealableJournal } from '../collector/src/journal/journal.ts';
import { openJournal } from '../collector/src/journal/open-journal.ts';
import { openJournalReader, type JournalReader } from '../collector/src/journal/reader.ts';
import { SchemaCache } from '../collector/src/journal/schema-cache.ts';
import { LaneWriter } from '../collector/src/journal/testing/lane-writer.ts';
import { BlockKeeper } from '../collector/src/storage/embedded/sealing/keeper.ts';
import {
  inlineWorkshop,
  type Task,
  type TaskResult,
  type Workshop,
} from '../collector/src/storage/embedded/sealing/tasks.ts';
import { threadWorkshop } from '../collector/src/storage/embedded/sealing/thread-workshop.ts';
import { conformanceFile } from './board.ts';
import { loadRecording, recordedSamplers, type Recording } from './recording.ts';
import { walkHost } from './tsbs.ts';

const HELP = `npm run bench -- sealing [--hours 24] [--hosts 2] [--fleet real|devops|both] [--json]

  --hours  that the journal holds, at one reading per 10 s; half of them on either side of a midnight
  --hosts  that play the recording of a real host (507 series); of the synthetic fleet (101 series) there are four times
           as many
  --fleet  which of the two

CPU-seconds per million samples. A collector does each of these once to a sample, but for the month of raw samples,
which it does only when they are kept for a year. The row that is called day holds no rollups; sum has all but the month
of raw samples. 24 hours are about 17 million samples in each fleet, half a minute, and need ROLLCALL_CONFORMANCE.
`;

const INTERVAL_MS = 10_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SEED = 20_261_122;
/** The midnight within the data; its month is over long ago when the merges are planned. */
const MIDNIGHT_MS = Date.UTC(2026, 5, 10);
/** So that samples are merged to months as well. */
const KEPT_MS = 5 * 365 * DAY_MS;
/** A task for which there is nothing to do. */
const NOTHING: Task = { kind: 'seal', file: 'none.block', windowMs: HOUR_MS, endMs: 0 };
const calm = new AbortController().signal;
const RECORDS_PER_TURN = 50;
/** Two hours. */
const WARM_UP_TICKS = 720;
const DEVOPS_HOSTS_RATIO = 4;

interface Fleet {
  readonly name: string;
  readonly hosts: number;
  readonly recording: Recording;
}

/** CPU milliseconds by what was done. */
type Costs = Map<string, number>;

interface Report {
  readonly fleet: string;
  readonly hosts: number;
  readonly samples: number;
  /** CPU-seconds per million samples. */
  readonly costs: Readonly<Record<string, number>>;
  readonly bytesPerSample: Readonly<Record<string, number>>;
  /** CPU milliseconds of a thread that finds nothing to do. */
  readonly threadCpuMs: number;
}

export async function sealing(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hours: { type: 'string', default: '24' },
      hosts: { type: 'string', default: '2' },
      fleet: { type: 'string', default: 'both' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const ticks = Math.round((Number(values.hours) * HOUR_MS) / INTERVAL_MS);
  const hosts = Number(values.hosts);
  const fleets: Fleet[] = [];
  if (values.fleet !== 'devops') {
    const recording = loadRecording(conformanceFile('real-host.om.gz'));
    fleets.push({ name: 'real host', hosts, recording });
  }
  if (values.fleet !== 'real')
    fleets.push({ name: 'devops fleet', hosts: hosts * DEVOPS_HOSTS_RATIO, recording: devops(ticks) });
  // What the engine compiles at first is paid by each thread that works on a task; it is told apart.
  for (const fleet of fleets) await measure({ ...fleet, hosts: 1 }, WARM_UP_TICKS);
  const reports: Report[] = [];
  for (const fleet of fleets) reports.push(await measure(fleet, ticks));
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, node: process.version, reports })}\n`);
  else print(machine, reports);
}

function devops(ticks: number): Recording {
  const series = walkHost(ticks, seededRandom(SEED)).map(({ name, values }) => ({
    name: `node_${name}`,
    labels: new Map<string, string>(),
    values: [...values],
  }));
  return { series, length: ticks, timesMs: Array.from({ length: ticks }, (_, tick) => tick * INTERVAL_MS) };
}

async function measure(fleet: Fleet, ticks: number): Promise<Report> {
  using folder = tempDir();
  const path = join(folder.path, 'journal.db');
  const dir = join(folder.path, 'blocks');
  const schemas = new SchemaCache();
  const clock = steppedClock();
  const journal = openJournal({
    path,
    clock,
    log: silentLogger,
    randomBytes,
    yieldToLoop: nextTurn,
    schemas,
  });
  const reader = openJournalReader({ path, schemas });
  try {
    await fill(journal, fleet, ticks);
    const { samples } = journal.stats();
    const costs: Costs = new Map();
    const bytes = new Map<string, number>();
    const workshop = measuredWorkshop({ reader, dir, costs, bytes });
    await keep({ journal, reader, workshop, dir, clock, costs });
    const before = process.cpuUsage();
    const thread = threadWorkshop({ journalFile: path, dir });
    await thread.run(NOTHING, calm);
    thread.rest();
    const threadCpuMs = cpuMsSince(before);
    return {
      fleet: fleet.name,
      hosts: fleet.hosts,
      samples,
      costs: Object.fromEntries([...costs].map(([name, ms]) => [name, (ms * 1000) / samples])),
      threadCpuMs,
      bytesPerSample: Object.fromEntries([...bytes].map(([name, size]) => [name, size / samples])),
    };
  } finally {
    await journal.close();
    reader.close();
  }
}

/** A clock that is put forward by hand; timers fire in the next turn. */
function steppedClock(): Clock & { set: (wallMs: number) => void } {
  let nowMs = MIDNIGHT_MS + DAY_MS;
  return {
    set: (wallMs) => void (nowMs = wallMs),
    wallMs: () => nowMs,
    monoMs: () => systemClock.monoMs(),
    bootMs: () => systemClock.bootMs(),
    setTimer: (_delayMs, callback, options) => systemClock.setTimer(0, callback, options),
  };
}

/** Every host has the same records. */
async function fill(journal: SealableJournal, { hosts, recording }: Fleet, ticks: number): Promise<void> {
  const startMs = MIDNIGHT_MS - Math.floor(ticks / 2) * INTERVAL_MS;
  const samplers = recordedSamplers(recording, { startMs, intervalMs: INTERVAL_MS });
  const lane = new LaneWriter();
  const failures: string[] = [];
  const durable = { watermark: 0 };
  const events = {
    committed: (_epochId: string, watermark: number) => void (durable.watermark = watermark),
    failed: (text: string) => void failures.push(text),
  };
  const epochs = [{ id: lane.epochId, bootId: 'b0'.repeat(16), first: 1, next: 1e9, acked: 0 }];
  const sessions = await Promise.all(
    Array.from({ length: hosts }, (_, host) =>
      journal.openSession({ agentId: (host + 1).toString(16).padStart(32, '0'), epochs }, events),
    ),
  );
  const records = function* () {
    for (const [index, { schema }] of samplers.entries()) yield lane.schema(index + 1, schema, startMs);
    for (let tick = 0; tick < ticks; tick++) {
      const wallMs = startMs + tick * INTERVAL_MS;
      const shape = { index: 0, fault: 'none', cpuCount: 2, intervalMs: INTERVAL_MS } as const;
      const seconds = (wallMs / 1000) % 10_000_000;
      yield lane.tick(
        wallMs,
        samplers.map((sampler, index) => sampler.block(index + 1, seconds, shape)),
      );
    }
  };
  const caughtUp = async (wanted: number): Promise<void> => {
    while (durable.watermark < wanted) {
      if (failures.length > 0) throw new Error(`the journal failed: ${failures[0]}`);
      await nextTurn();
    }
  };
  let applied = 0;
  for (const record of records()) {
    for (const session of sessions) {
      const { kind } = session.apply(lane.epochId, record);
      if (kind !== 'accepted') throw new Error(`record ${record.seq} was not accepted: ${kind}`);
    }
    applied++;
    // The journal commits between turns.
    if (applied % RECORDS_PER_TURN === 0) await caughtUp(applied);
  }
  await caughtUp(applied);
  for (const session of sessions) session.close();
}

/** Does what it is told and adds up what it took. What raw samples cost without their rollups is tried first. */
function measuredWorkshop(options: {
  readonly reader: JournalReader;
  readonly dir: string;
  readonly costs: Costs;
  /** Of the files that are made, by stage and resolution. */
  readonly bytes: Map<string, number>;
}): Workshop {
  const { reader, dir, costs, bytes } = options;
  const inner = inlineWorkshop({ reader, disk: nodeDisk, dir, yieldToLoop: () => Promise.resolve() });
  const run = async (stage: string, task: Task): Promise<TaskResult> => {
    const before = process.cpuUsage();
    const result = await inner.run(task, calm);
    add(costs, stage, cpuMsSince(before));
    const blocks = result.kind === 'made' ? result.blocks : [];
    for (const block of blocks) add(bytes, `${stage}, ${block.resolution}`, block.bytes);
    return result;
  };
  return {
    async run(task) {
      if (task.kind === 'seal') return run('seal', task);
      const [first] = task.outputs;
      if (task.window.toMs - task.window.fromMs > DAY_MS) return run(`month of ${first?.resolution}`, task);
      if (first?.resolution === 'raw') {
        await run('day', { ...task, outputs: [{ ...first, file: 'trial.block' }] });
        nodeDisk.remove(join(dir, 'trial.block'));
      }
      return run('day and rollups', task);
    },
    rest: () => inner.rest(),
  };
}

function add(sums: Map<string, number>, name: string, value: number): void {
  sums.set(name, (sums.get(name) ?? 0) + value);
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Lets the keeper do everything that becomes due. */
async function keep(options: {
  readonly journal: SealableJournal;
  readonly reader: JournalReader;
  readonly workshop: Workshop;
  readonly dir: string;
  readonly clock: ReturnType<typeof steppedClock>;
  readonly costs: Costs;
}): Promise<void> {
  const { clock, costs } = options;
  const ageMs = { raw: KEPT_MS, '5m': KEPT_MS, '1h': KEPT_MS };
  const settings = { retention: { ageMs, bytesMax: undefined } };
  const keeper = new BlockKeeper({ ...options, disk: nodeDisk, log: silentLogger, randomBytes, settings });
  // When the first half is over, the second one, its day, and the month.
  const days = [1 / 24, 1, 2, 50];
  for (const day of days) {
    clock.set(MIDNIGHT_MS + day * DAY_MS);
    const inTasks = (): number => [...costs.values()].reduce((sum, ms) => sum + ms, 0);
    const tasksBefore = inTasks();
    const before = process.cpuUsage();
    await keeper.round();
    const whole = cpuMsSince(before);
    add(costs, 'catalogue and deletions', whole - (inTasks() - tasksBefore));
  }
  await keeper.stop();
}

function print(machine: string, reports: readonly Report[]): void {
  process.stdout.write(`${machine}, Node.js ${process.version}; CPU-seconds per million samples\n\n`);
  for (const { fleet, hosts, samples, costs, bytesPerSample, threadCpuMs } of reports) {
    const of = (name: string): number => costs[name] ?? 0;
    const rollups = of('day and rollups') - of('day');
    const months = of('month of 5m') + of('month of 1h');
    const rows: readonly (readonly [name: string, cost: number])[] = [
      ['seal', of('seal')],
      ['day', of('day')],
      ['rollups', rollups],
      ['month of rollups', months],
      ['catalogue and deletions', of('catalogue and deletions')],
      ['sum', of('seal') + of('day and rollups') + months + of('catalogue and deletions')],
      ['month of raw samples', of('month of raw')],
    ];
    process.stdout.write(`${fleet}: ${hosts} hosts, ${samples} samples\n`);
    for (const [name, cost] of rows) process.stdout.write(`  ${name.padEnd(28)}${cost.toFixed(3)}\n`);
    process.stdout.write('  bytes per sample\n');
    for (const [name, bytes] of Object.entries(bytesPerSample))
      process.stdout.write(`  ${name.padEnd(28)}${bytes.toFixed(3)}\n`);
    process.stdout.write(`  a thread that finds nothing to do takes ${threadCpuMs.toFixed(0)} ms\n\n`);
  }
}
