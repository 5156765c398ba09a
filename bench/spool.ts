/**
 * What the agent's spool costs: an append under each sync policy next to the spool in memory, one tick of 200 values at a
 * time with pauses as in life, and a start with a full spool, read back to the last record.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { appendTick, readAll, testSchema } from '../agent/src/spool/conformance.ts';
import { DurableSpool, type SyncPolicy } from '../agent/src/spool/durable.ts';
import { MemorySpool } from '../agent/src/spool/memory.ts';
import type { Spool } from '../agent/src/spool/spool.ts';

const WARM_UP_APPENDS = 300;
const APPENDS = 1_000;
const PAUSE_MS = 3;
const FULL_BYTES = 64 * 1024 * 1024;
/** A tick of 200 series as it is stored. */
const RECORD_BODY_BYTES = 400;
const HELP = `npm run bench -- spool [--dir FOLDER]

  --dir  where the spools are made; choose a folder on the disk that is to be measured
`;

export async function spool(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: { help: { type: 'boolean', default: false }, dir: { type: 'string', default: tmpdir() } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const dir = mkdtempSync(join(values.dir, 'rollcall-spool-'));
  try {
    await appends(dir);
    await fullStart(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function open(dir: string, sync: SyncPolicy): DurableSpool {
  const owner = Buffer.alloc(16);
  const common = { clock: systemClock, log: silentLogger, bootId: 'boot', randomBytes, disk: nodeDisk };
  return DurableSpool.open({ ...common, dir, owner, sync, maxBytes: FULL_BYTES });
}

async function appends(dir: string): Promise<void> {
  print(`${cpus()[0]?.model ?? 'unknown processor'}, Node.js ${process.version}`);
  print('spool            append p50   p99      CPU per append, all threads   ratio to memory');
  const memory = await measure(new MemorySpool({ clock: systemClock, bootId: 'boot', randomBytes }));
  row('memory', memory, memory);
  for (const sync of ['never', 'interval', 'always'] as const) {
    const durable = open(join(dir, sync), sync);
    row(`disk, ${sync}`, await measure(durable), memory);
    durable.close();
    await durable.settled();
  }
}

interface Cost {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMs: number;
}

async function measure(target: Spool): Promise<Cost> {
  const schemas = Array.from({ length: 20 }, (_unused, index) => testSchema(`s${index}`, 10));
  for (let i = 0; i < WARM_UP_APPENDS; i++) appendTick(target, schemas, Date.now());
  const spentMs: number[] = [];
  const before = process.cpuUsage();
  for (let i = 0; i < APPENDS; i++) {
    const startMs = performance.now();
    appendTick(target, schemas, Date.now());
    spentMs.push(performance.now() - startMs);
    await delay(PAUSE_MS);
  }
  const { user, system } = process.cpuUsage(before);
  spentMs.sort((left, right) => left - right);
  const at = (share: number): number => spentMs[Math.floor(APPENDS * share)] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99), cpuMs: (user + system) / 1_000 / APPENDS };
}

function row(name: string, cost: Cost, memory: Cost): void {
  const { p50Ms, p99Ms, cpuMs } = cost;
  const cells = [
    name.padEnd(16),
    `${p50Ms.toFixed(3)} ms`,
    ` ${p99Ms.toFixed(3)} ms`,
    ` ${cpuMs.toFixed(3)} ms`,
  ];
  print(`${cells.join('  ').padEnd(75)} ${(cpuMs / memory.cpuMs).toFixed(2)}`);
}

async function fullStart(dir: string): Promise<void> {
  const path = join(dir, 'full');
  const before = open(path, 'never');
  const body = randomBytes(RECORD_BODY_BYTES);
  const draft = { kind: RECORD_KIND.EVENT, flags: 0, wallMs: Date.now(), bootMs: 1, body };
  while (before.stats().bytesHeld < FULL_BYTES - 2 * 1024 * 1024) {
    for (let i = 0; i < 500; i++) before.append(draft, { ticks: 0, samples: 0 });
    await before.settled();
  }
  before.close();
  await before.settled();
  const startMs = performance.now();
  const after = open(path, 'never');
  const openMs = performance.now() - startMs;
  const { recordsHeld, bytesHeld } = after.stats();
  const readStartMs = performance.now();
  const read = after.epochs().reduce((sum, { id, first }) => sum + readAll(after, id, first).length, 0);
  const readMs = performance.now() - readStartMs;
  const mib = (bytesHeld / 1024 / 1024).toFixed(0);
  print(`start with ${recordsHeld} records, ${mib} MiB: ${openMs.toFixed(0)} ms`);
  print(`reading ${read} of them back: ${readMs.toFixed(0)} ms`);
  after.close();
  await after.settled();
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
