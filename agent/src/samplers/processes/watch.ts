/**
 * What was running: the busiest programs of each of the last minutes. It rides on the look at all processes that counts them,
 * so it costs a little parsing, and, where /proc/<pid>/io may be read, that file of those that used the processor.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { ProcessSnapshot } from '@rollcall/shared/protocol/processes.ts';
import { HostError, type Host } from '../../host/host.ts';
import { busiestPrograms, type ProcessShare } from './busiest.ts';
import { parsePageBytes, parseProcessIo, type ProcessIo, type ProcessUse } from './processes.ts';

/** Snapshots that are kept; one is taken a minute. */
export const SNAPSHOTS_MAX = 10;

/** A snapshot and the wall clock at its end, UTC milliseconds. */
export interface DatedSnapshot extends ProcessSnapshot {
  readonly atMs: number;
}

/** A process as the last look left it. */
interface Seen {
  readonly startTicks: number;
  readonly cpuTicks: number;
  /** Undefined when it could not be read. */
  readonly io: ProcessIo | undefined;
}

interface Look {
  readonly monoMs: number;
  readonly processes: Map<number, Seen>;
  readonly shares: ProcessShare[];
  readonly canReadIo: boolean;
}

const NO_IO: ProcessIo = { readBytes: 0, writtenBytes: 0 };

/** `begin`, then `see` for each process, then `end`. A look that does not get to its end is forgotten. */
export class ProcessWatch {
  readonly #clock: Clock;
  #before: Look | undefined;
  #look: Look | undefined;
  #pageBytes: number | undefined;
  #snapshots: readonly DatedSnapshot[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The newest last; none before the second look. */
  get snapshots(): readonly DatedSnapshot[] {
    return this.#snapshots;
  }

  begin(host: Host): void {
    this.#pageBytes ??= readPageBytes(host);
    const canReadIo = readIo(host, 1) !== undefined;
    this.#look = { monoMs: this.#clock.monoMs(), processes: new Map(), shares: [], canReadIo };
  }

  /** The process `pid` and what /proc/<pid>/stat says that it has used. */
  see(host: Host, pid: number, use: ProcessUse): void {
    const look = this.#look;
    if (look === undefined) return;
    const { rawName, cpuTicks, startTicks, memoryPages } = use;
    const known = this.#before?.processes.get(pid);
    const before = known?.startTicks === startTicks ? known : undefined;
    // Whatever used no processor has had nothing from a disk either.
    const io = look.canReadIo && before?.cpuTicks !== cpuTicks ? readIo(host, pid) : before?.io;
    look.processes.set(pid, { startTicks, cpuTicks, io });
    const ioBefore = before === undefined ? NO_IO : before.io;
    const isIoKnown = io !== undefined && ioBefore !== undefined;
    look.shares.push({
      pid,
      rawName,
      cpuTicks: Math.max(0, cpuTicks - (before?.cpuTicks ?? 0)),
      memoryPages,
      readBytes: isIoKnown ? Math.max(0, io.readBytes - ioBefore.readBytes) : null,
      writtenBytes: isIoKnown ? Math.max(0, io.writtenBytes - ioBefore.writtenBytes) : null,
    });
  }

  end(): void {
    const look = this.#look;
    const before = this.#before;
    this.#look = undefined;
    this.#before = look;
    if (look === undefined || before === undefined) return;
    const spanMs = Math.round(look.monoMs - before.monoMs);
    if (spanMs < 1) return;
    const snapshot = busiestPrograms(look.shares, { spanMs, pageBytes: this.#pageBytes });
    const atMs = Math.max(0, Math.round(this.#clock.wallMs()));
    this.#snapshots = [...this.#snapshots, { atMs, ...snapshot }].slice(-SNAPSHOTS_MAX);
    // Only what is compared with is kept.
    look.shares.length = 0;
  }
}

/** Undefined when we may not read it, or the process has ended. */
function readIo(host: Host, pid: number): ProcessIo | undefined {
  try {
    return parseProcessIo(host.readOnce(`/proc/${pid}/io`).toString('latin1'));
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

function readPageBytes(host: Host): number | undefined {
  try {
    return parsePageBytes(host.readOnce('/proc/self/auxv'));
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}
