/** Parses what the kernel tells about our own process. Source: proc_pid_stat(5), proc_pid_status(5), proc_pid_limits(5). */
import { ParseError, parseNumber, words } from '../parse.ts';

/** Jiffies per second in everything that the kernel shows to programs. */
const USER_HZ = 100;
/** Places after the name of the program, counted from the state (field 3). */
const UTIME = 11;
const STIME = 12;
const START_TIME = 19;
const VIRTUAL_BYTES = 20;
/** What the kernel calls a limit that does not exist: the largest number of 64 bits, as node_exporter shows it. */
const UNLIMITED = 2 ** 64;

export interface ProcessStat {
  readonly cpuSeconds: number;
  /** After the boot of the machine. */
  readonly startSeconds: number;
  readonly virtualBytes: number;
}

/** @throws ParseError */
export function parseProcessStat(text: string): ProcessStat {
  // The name of the program stands in brackets and may itself hold brackets and spaces.
  const fields = words(text.slice(text.lastIndexOf(')') + 1));
  const number = (index: number): number => parseNumber(fields[index], '/proc/self/stat');
  return {
    cpuSeconds: (number(UTIME) + number(STIME)) / USER_HZ,
    startSeconds: number(START_TIME) / USER_HZ,
    virtualBytes: number(VIRTUAL_BYTES),
  };
}

const RESIDENT = /^VmRSS:\s*([0-9]+) kB$/m;
const KIB = 1024;

/** Bytes of physical memory from /proc/self/status. @throws ParseError */
export function parseResidentBytes(text: string): number {
  return parseNumber(RESIDENT.exec(text)?.[1], '/proc/self/status') * KIB;
}

export interface ProcessLimits {
  readonly openFiles: number;
  readonly virtualBytes: number;
}

/** The soft limits. @throws ParseError */
export function parseProcessLimits(text: string): ProcessLimits {
  return { openFiles: limit(text, 'Max open files'), virtualBytes: limit(text, 'Max address space') };
}

function limit(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.startsWith(name));
  if (line === undefined) throw new ParseError(`parse /proc/self/limits: no line ${name}`);
  const [soft] = words(line.slice(name.length));
  return soft === 'unlimited' ? UNLIMITED : parseNumber(soft, '/proc/self/limits');
}
