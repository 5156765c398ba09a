/** Parses /proc/<pid>/stat and io as far as counting processes and finding the busiest needs it. Source: proc_pid_stat(5), proc_pid_io(5). */
import { ParseError, parseKeyed, parseNumber } from '../parse.ts';

export interface ProcessStat {
  /** The kernel's letter. */
  readonly state: string;
  readonly threads: number;
}

/** Places behind the name of the program, counted from the state. */
const STATE = 0;
const THREADS = 17;

/** Of a letter's code, set in small ones. */
const LOWER_CASE = 0x20;
const LETTER_A = 0x61;
const LETTER_Z = 0x7a;

/**
 * The fields behind the name of the program, as many as are used. There is one space between two of them: do_task_stat in
 * fs/proc/array.c of Linux.
 */
export function fieldsOfStat(text: string): readonly string[] {
  // The name stands in brackets and may itself hold brackets and spaces.
  return text.slice(text.lastIndexOf(')') + 2).split(' ', RESIDENT_PAGES + 1);
}

/**
 * @param fields those of the file
 * @throws ParseError
 */
export function parseProcess(fields: readonly string[]): ProcessStat {
  const state = fields[STATE] ?? '';
  if (!isLetter(state)) throw new ParseError('parse /proc/<pid>/stat: no state');
  return { state, threads: parseNumber(fields[THREADS], '/proc/<pid>/stat') };
}

function isLetter(text: string): boolean {
  const code = text.charCodeAt(0) | LOWER_CASE;
  return text.length === 1 && code >= LETTER_A && code <= LETTER_Z;
}

/** What a process has used, and what it is called. */
export interface ProcessUse {
  /** Its bytes one by one (Latin-1): the name may be anything but a null byte. */
  readonly rawName: string;
  /** Processor time, hundredths of a second. */
  readonly cpuTicks: number;
  /** When it started, hundredths of a second after the boot; tells apart what had the same number. */
  readonly startTicks: number;
  readonly memoryPages: number;
}

const USER_TIME = 11;
const SYSTEM_TIME = 12;
const START_TIME = 19;
const RESIDENT_PAGES = 21;
const FILE = '/proc/<pid>/stat';

/**
 * @param fields those of `text`
 * @throws ParseError
 */
export function parseProcessUse(text: string, fields: readonly string[]): ProcessUse {
  const nameEnd = text.lastIndexOf(')');
  const nameStart = text.indexOf('(');
  if (nameStart === -1 || nameEnd < nameStart) throw new ParseError(`parse ${FILE}: no name`);
  return {
    rawName: text.slice(nameStart + 1, nameEnd),
    cpuTicks: parseNumber(fields[USER_TIME], FILE) + parseNumber(fields[SYSTEM_TIME], FILE),
    startTicks: parseNumber(fields[START_TIME], FILE),
    memoryPages: parseNumber(fields[RESIDENT_PAGES], FILE),
  };
}

/** Bytes that a process had from and to disks. */
export interface ProcessIo {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

const IO_KEYS = new Map([
  ['read_bytes:', 'readBytes'],
  ['write_bytes:', 'writtenBytes'],
] as const);

/** Parses /proc/<pid>/io. @throws ParseError */
export function parseProcessIo(text: string): ProcessIo {
  const [read, written] = parseKeyed(text, IO_KEYS, '/proc/<pid>/io');
  if (read?.metric !== 'readBytes' || written === undefined) {
    throw new ParseError('parse /proc/<pid>/io: no read_bytes or write_bytes');
  }
  return { readBytes: read.value, writtenBytes: written.value };
}

const AUXILIARY_PAGE_SIZE = 6n;
const AUXILIARY_ENTRY_BYTES = 16;

/** Bytes of a page of memory, from /proc/self/auxv of a 64-bit system; undefined when it is not told. Source: getauxval(3). */
export function parsePageBytes(vector: Buffer): number | undefined {
  for (let at = 0; at + AUXILIARY_ENTRY_BYTES <= vector.length; at += AUXILIARY_ENTRY_BYTES) {
    if (vector.readBigUInt64LE(at) === AUXILIARY_PAGE_SIZE) return Number(vector.readBigUInt64LE(at + 8));
  }
  return undefined;
}

/** Letters that a reading always has, with 0 when no process is in the state: runs, sleeps, device, zombie, … */
const COMMON_STATES = ['R', 'S', 'D', 'Z', 'T', 'I'] as const;

/** Counts what `parseProcess` yields. */
export class ProcessCounts {
  pids = 0;
  threads = 0;
  readonly states = new Map<string, number>(COMMON_STATES.map((state) => [state, 0]));

  add({ state, threads }: ProcessStat): void {
    this.pids += 1;
    this.threads += threads;
    this.states.set(state, (this.states.get(state) ?? 0) + 1);
  }
}
