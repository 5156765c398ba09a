/**
 * Loaded into an agent before it starts (`node --import`): measures what each stage of a tick costs the main thread, and
 * writes that down as JSON when the agent ends. Works from outside, by wrapping what the stages go through, so that the
 * agent has no code for it. Measuring itself costs about 0.15 ms a tick.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import zlib from 'node:zlib';
import { LocalHost } from '../agent/src/host/local-host.ts';
import { TickTaker } from '../agent/src/scheduler/tick.ts';
import { DurableSpool } from '../agent/src/spool/durable.ts';
import { ByteWriter } from '../shared/src/lib/varint.ts';
import { PROBE_FILE_VARIABLE, PROBE_WARM_UP_TICKS, type ProbeFigures } from './agent-stages.ts';

type Usage = ReturnType<typeof process.cpuUsage>;

const ENCODING = 'encoding';

const spent = new Map<string, { userUs: number; systemUs: number }>();
const open: string[] = [];
let last = process.cpuUsage();
let ticks = -PROBE_WARM_UP_TICKS;
let startThread: Usage | undefined;
let startProcess: Usage | undefined;

/**
 * Charges what was used since the last look to the stage that is open. The usage of the process, for Linux brings that up
 * to date when it is asked; that of a thread is as old as its last turn on the processor, and every stage of the turn
 * would be charged to whatever comes first in the next one.
 */
function charge(): void {
  const now = process.cpuUsage();
  const stage = open.at(-1) ?? 'event loop, timers, session, garbage';
  const sum = spent.get(stage) ?? { userUs: 0, systemUs: 0 };
  sum.userUs += now.user - last.user;
  sum.systemUs += now.system - last.system;
  spent.set(stage, sum);
  last = now;
}

/** Puts `stage` on whatever a method uses; `before` runs first, outside of it. */
function wrap(owner: object, method: string, stage: string, before: () => void = () => {}): void {
  const work: unknown = Reflect.get(owner, method);
  if (typeof work !== 'function') throw new Error(`there is no method ${method} to measure`);
  Reflect.set(owner, method, function (this: unknown, ...parameters: unknown[]): unknown {
    charge();
    before();
    open.push(stage);
    try {
      const result: unknown = Reflect.apply(work, this, parameters);
      return result;
    } finally {
      charge();
      open.pop();
    }
  });
}

function noteTick(): void {
  ticks += 1;
  if (ticks !== 0) return;
  spent.clear();
  startThread = process.threadCpuUsage();
  last = startProcess = process.cpuUsage();
}

/** What was encoded is appended: the stage that `reset` opened ends. */
function endEncoding(): void {
  if (open.at(-1) === ENCODING) open.pop();
}

const READING = 'reading: calls into the kernel';
for (const method of ['read', 'readOnce', 'has', 'list', 'statfsNow'])
  wrap(LocalHost.prototype, method, READING);
wrap(TickTaker.prototype, 'takeTick', 'sampling: parsing, layout', noteTick);
// The scheduler resets its writer, writes the blocks, and gives them to the spool.
wrap(ByteWriter.prototype, 'reset', ENCODING, () => open.push(ENCODING));
wrap(DurableSpool.prototype, 'append', 'spool: record, segment, write', endEncoding);
wrap(Socket.prototype, '_write', 'sending: socket');
wrap(zlib, 'deflateRawSync', 'compressing');
syncBuiltinESMExports();

process.once('exit', () => {
  const perTick = (us: number): number => us / ticks;
  const total = (now: Usage, start: Usage | undefined): number =>
    start === undefined ? Number.NaN : perTick(now.user + now.system - start.user - start.system);
  const figures: ProbeFigures = {
    ticks,
    stages: Object.fromEntries(
      Array.from(spent, ([stage, { userUs, systemUs }]) => [
        stage,
        { userUs: perTick(userUs), systemUs: perTick(systemUs) },
      ]),
    ),
    mainThreadUs: total(process.threadCpuUsage(), startThread),
    processUs: total(process.cpuUsage(), startProcess),
  };
  fs.writeFileSync(process.env[PROBE_FILE_VARIABLE] ?? '/dev/stdout', JSON.stringify(figures));
});
