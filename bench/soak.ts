/**
 * A day of the agent in minutes: a clock that jumps from tick to tick drives the real samplers on this machine, the real
 * scheduler, encoder and spool, with everything acknowledged now and then. What grows with time shows.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LocalHost, MACHINE_ROOTS } from '../agent/src/host/local-host.ts';
import { createSamplers } from '../agent/src/samplers/list.ts';
import { Scheduler } from '../agent/src/scheduler/scheduler.ts';
import { mountTimeoutMs, TickTaker } from '../agent/src/scheduler/tick.ts';
import { MemorySpool } from '../agent/src/spool/memory.ts';
import { silentLogger } from '../shared/src/lib/log.ts';
import { FakeClock } from '../shared/src/testing/fake-clock.ts';
import { rssBytesOf } from './process-figures.ts';

const INTERVAL_MS = 1_000;
const TICKS_PER_DAY = 86_400;
/** Ticks between two acknowledgements: a collector that is away for a minute now and then. */
const ACKNOWLEDGE_TICKS = 60;
/** The run is cut into so many pieces; the memory in use at the end of each, without garbage, is what is compared. */
const PIECES = 12;
/** The code is compiled and every layout is made by then. */
const WARM_UP_PIECES = 2;

const HELP = `npm run bench -- soak [--ticks ${TICKS_PER_DAY}] [--json]

Takes so many ticks of one second as fast as it can, about six minutes for a day. Exit code 1 when memory grows by more
than 1 MiB after the first sixth, or files are left open.
`;

/** Growth of the heap that is no leak: functions that the engine compiles late. Objects do not grow at all. */
const HEAP_GROWTH_BYTES_MAX = 2 ** 20;

export interface SoakFigures {
  readonly ticks: number;
  readonly samples: number;
  readonly msPerTick: number;
  /** The heap in use at the end of each piece of the run, right after collecting all garbage, bytes. */
  readonly heapBytes: readonly number[];
  readonly heapGrowthBytes: number;
  readonly openFiles: { readonly before: number; readonly after: number };
  readonly rssBytes: number;
}

export async function soak(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      ticks: { type: 'string', default: String(TICKS_PER_DAY) },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const figures = await runTicks(Number(values.ticks));
  process.stdout.write(values.json ? `${JSON.stringify(figures)}\n` : report(figures));
  if (!isFlat(figures)) process.exit(1);
}

/** Whether neither memory nor open files grew. */
export function isFlat({ heapGrowthBytes, openFiles }: SoakFigures): boolean {
  return heapGrowthBytes <= HEAP_GROWTH_BYTES_MAX && openFiles.after <= openFiles.before;
}

/** Takes `ticks` ticks, at least PIECES. */
export async function runTicks(ticks: number): Promise<SoakFigures> {
  const clock = new FakeClock();
  using host = new LocalHost(MACHINE_ROOTS, { clock });
  const agent = { version: '0.0.0', arch: process.arch, os: process.platform };
  const samplers = createSamplers(process.platform, {
    clock,
    agent,
    mountTimeoutMs: mountTimeoutMs(INTERVAL_MS),
  });
  const taker = new TickTaker({ clock, host, samplers, intervalMs: INTERVAL_MS });
  const spool = new MemorySpool({ clock, bootId: 'soak', randomBytes });
  let samples = 0;
  const counting = {
    declareSchema: spool.declareSchema.bind(spool),
    stats: spool.stats.bind(spool),
    append(...[draft, counts]: Parameters<MemorySpool['append']>) {
      samples += counts.samples;
      spool.append(draft, counts);
    },
  };
  const scheduler = new Scheduler({
    clock,
    log: silentLogger,
    ticks: taker,
    spool: counting,
    intervalMs: INTERVAL_MS,
  });
  const heapBytes: number[] = [];
  let filesBefore = 0;
  scheduler.start();
  const startedMs = performance.now();
  for (let tick = 0; tick < ticks; tick++) {
    await clock.advance(INTERVAL_MS);
    if (tick % ACKNOWLEDGE_TICKS === 0) acknowledgeAll(spool);
    if (Math.floor(((tick + 1) * PIECES) / ticks) === heapBytes.length) continue;
    heapBytes.push(heapBytesWithoutGarbage());
    if (heapBytes.length <= WARM_UP_PIECES) filesBefore = openFiles();
  }
  const msPerTick = (performance.now() - startedMs) / ticks;
  const after = openFiles();
  await scheduler.stop();
  const settled = heapBytes.slice(WARM_UP_PIECES);
  return {
    ticks,
    samples,
    msPerTick,
    heapBytes,
    heapGrowthBytes: (settled.at(-1) ?? 0) - (settled[0] ?? 0),
    openFiles: { before: filesBefore, after },
    rssBytes: rssBytesOf(process.pid),
  };
}

function acknowledgeAll(spool: MemorySpool): void {
  for (const { id, next } of spool.epochs()) spool.acknowledge(id, next - 1);
}

function heapBytesWithoutGarbage(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

function report({
  ticks,
  samples,
  msPerTick,
  heapBytes,
  heapGrowthBytes,
  openFiles: files,
  rssBytes,
}: SoakFigures) {
  const pieces = heapBytes.map((bytes) => mebibytes(bytes)).join(' ');
  return (
    `ticks                       ${ticks} of ${INTERVAL_MS} ms\n` +
    `samples                     ${samples}\n` +
    `time per tick               ${msPerTick.toFixed(2)} ms\n` +
    `heap in use, MiB            ${pieces}\n` +
    `growth after the warm-up    ${(heapGrowthBytes / 1024).toFixed(0)} KiB\n` +
    `open files                  ${files.before} -> ${files.after}\n` +
    `resident memory             ${mebibytes(rssBytes)} MiB, types stripped at run time\n`
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
