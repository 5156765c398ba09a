/** Parses what the kernel tells about our own process. Source: proc_pid_stat(5), proc_pid_status(5), proc_pid_limits(5). */
import { ParseError, parseNumber, words } from '../parse.ts';

/** Jiffies per second in everything that the kernel shows to programs. */
const USER_HZ = 100;
/** Place after the name of the program, counted from the state (field 3). */
const START_TIME = 19;
/** What the kernel calls a limit that does not exist: the largest number of 64 bits, as node_exporter shows it. */
const UNLIMITED = 2 ** 64;

/** When the process started, seconds after the boot of the machine, from /proc/self/stat. @throws ParseError */
export function parseStartSeconds(text: string): number {
  // The name of the program stands in brackets and may itself hold brackets and spaces.
  const fields = words(text.slice(text.lastIndexOf(')') + 1));
  return parseNumber(fields[START_TIME], '/proc/self/stat') / USER_HZ;
}

const KIB = 1024;
const KIB_SUFFIX = ' kB';

/** Bytes of memory behind a key of /proc/self/status such as `VmRSS`. @throws ParseError */
export function parseMemoryBytes(text: string, key: string): number {
  const from = text.indexOf(`\n${key}:`);
  const end = text.indexOf(KIB_SUFFIX, from);
  const number = from === -1 || end === -1 ? undefined : text.slice(from + key.length + 2, end).trim();
  return parseNumber(number, `/proc/self/status ${key}`) * KIB;
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
