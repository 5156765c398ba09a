/** Parses /proc/<pid>/stat as far as counting processes needs it. Source: proc_pid_stat(5). */
import { ParseError, parseNumber, words } from '../parse.ts';

export interface ProcessStat {
  /** The kernel's letter. */
  readonly state: string;
  readonly threads: number;
}

/** Places behind the name of the program, counted from the state. */
const STATE = 0;
const THREADS = 17;

/** @throws ParseError */
export function parseProcess(text: string): ProcessStat {
  // The name of the program stands in brackets and may itself hold brackets and spaces.
  const fields = words(text.slice(text.lastIndexOf(')') + 1));
  const state = fields[STATE] ?? '';
  if (!/^[A-Za-z]$/.test(state)) throw new ParseError('parse /proc/<pid>/stat: no state');
  return { state, threads: parseNumber(fields[THREADS], '/proc/<pid>/stat') };
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
