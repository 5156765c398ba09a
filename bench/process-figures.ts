/** What another process has used, from Linux' /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Kernel ticks a second; fixed for user space on every Linux architecture that Node.js runs on. */
const USER_HZ = 100;
const UTIME_FIELD = 13;
const STIME_FIELD = 14;
const NICE_FIELD = 18;

/** User and system CPU seconds of a process with all its threads, those that ended too. Source: proc_pid_stat(5). */
export function cpuSecondsOf(pid: number): number {
  return secondsIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/**
 * CPU seconds of a Node.js process without its worker threads: the event loop, and the engine's and libuv's helpers, which
 * work for the worker threads as well. Source: proc_pid_task(5), and the names that Node.js gives its threads.
 */
export function loopCpuSecondsOf(pid: number): number {
  let seconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      if (!text.includes('(WorkerThread)')) seconds += secondsIn(text);
    } catch {
      // It ended between the two looks; helpers live as long as their process.
    }
  }
  return seconds;
}

/**
 * CPU seconds of the worker threads of a Node.js process that step back for its event loop. In a collector these feed
 * stores and answer people. Source: as above, and sched(7), where each thread of Linux has a nice value of its own.
 */
export function niceWorkersCpuSecondsOf(pid: number): number {
  let seconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      const nice = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[NICE_FIELD - 2]);
      if (text.includes('(WorkerThread)') && nice > 0) seconds += secondsIn(text);
    } catch {
      // It ended between the two looks.
    }
  }
  return seconds;
}

function secondsIn(text: string): number {
  // The command in parentheses may hold spaces; the numbered fields begin behind it with field 2 (counted from 0).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME_FIELD - 2]) + Number(fields[STIME_FIELD - 2])) / USER_HZ;
}

/** CPU seconds of the whole machine so far, everything but idle and waiting for disks. Source: proc_stat(5). */
export function machineCpuSeconds(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq + steal) / USER_HZ;
}

/** The most resident memory that a process ever had. Source: proc_pid_status(5), VmHWM. */
export function peakRssBytesOf(pid: number): number {
  const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Resident memory of a process. Source: proc_pid_status(5), VmRSS. */
export function rssBytesOf(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Resident memory that no other process shares. Source: proc_pid_smaps(5), Private_Clean and Private_Dirty. */
export function privateBytesOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].map((match) =>
    Number(match[1]),
  );
  return kilobytes.reduce((sum, value) => sum + value, 0) * 1024;
}
