/** Parses the processor lines of /proc/stat. Source: proc_stat(5), Documentation/filesystems/proc.rst section 1.7. */
import { ParseError, parseNumbers } from '../parse.ts';

/** Modes of `node_cpu_seconds_total` in the order of the kernel's columns. */
export const CPU_MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const;
/** Modes of `node_cpu_guest_seconds_total`, the two columns after those. */
export const GUEST_MODES = ['user', 'nice'] as const;

/** Columns of one processor: CPU_MODES, then GUEST_MODES. */
export const CPU_COLUMNS = CPU_MODES.length + GUEST_MODES.length;
/** Place of the idle time among the columns. */
export const IDLE_COLUMN = CPU_MODES.indexOf('idle');

/** Jiffies per second in everything that the kernel shows to programs, on all architectures Node.js runs on. */
export const USER_HZ = 100;

/** One processor that is online. */
export interface CpuTimes {
  /** Number of the processor as the kernel writes it. */
  readonly cpu: string;
  /** CPU_COLUMNS times in jiffies; 0 for columns that an old kernel does not have. */
  readonly jiffies: readonly number[];
}

const NAME = 'cpu';
const NUMBER = /^[0-9]+$/;
/** user, nice, system and idle exist since the first kernels. */
const COLUMNS_MIN = 4;

/**
 * The processors of /proc/stat in its order.
 * @throws ParseError when there is none, or a column is not a number
 */
export function parseCpuTimes(text: string): readonly CpuTimes[] {
  const result: CpuTimes[] = [];
  // The processors come first; the long line of interrupts behind them need not be cut.
  for (let from = 0; text.startsWith(NAME, from);) {
    const newline = text.indexOf('\n', from);
    const end = newline === -1 ? text.length : newline;
    const space = text.indexOf(' ', from);
    const cpu = text.slice(from + NAME.length, space === -1 || space > end ? end : space);
    // The first line is the sum of all and has no number.
    if (NUMBER.test(cpu)) result.push(parseLine(text, { cpu, from: space, end }));
    from = end + 1;
  }
  if (result.length === 0) throw new ParseError('parse /proc/stat: no line of a processor');
  return result;
}

function parseLine(
  text: string,
  { cpu, from, end }: { readonly cpu: string; readonly from: number; readonly end: number },
): CpuTimes {
  const jiffies = parseNumbers(text, { from, end, what: `/proc/stat cpu${cpu}` });
  if (jiffies.length < COLUMNS_MIN) {
    throw new ParseError(`parse /proc/stat: ${jiffies.length} columns for processor ${cpu}`);
  }
  while (jiffies.length < CPU_COLUMNS) jiffies.push(0);
  return { cpu, jiffies: jiffies.length > CPU_COLUMNS ? jiffies.slice(0, CPU_COLUMNS) : jiffies };
}

/** An idle time that falls by more than this means that the processor was taken out and put back. */
const HOTPLUG_JIFFIES = 3 * USER_HZ;

/**
 * Keeps the times of a processor from running backwards. The kernel's idle and iowait times are estimates that may
 * fall by a few jiffies (proc_stat(5)), and a counter that falls looks like a restart to every query, which would then
 * add the whole count again. Such a time is held at its highest value, as node_exporter does.
 */
export class CpuCounters {
  #highest: readonly CpuTimes[] = [];

  /** The times to send; forgets processors that are no longer there. */
  hold(times: readonly CpuTimes[]): readonly CpuTimes[] {
    this.#highest = times.map((each, place) => this.#holdOne(each, place));
    return this.#highest;
  }

  /** @param place where the processor stands, as it mostly did before */
  #holdOne(times: CpuTimes, place: number): CpuTimes {
    const { cpu, jiffies } = times;
    const same = this.#highest[place];
    const highest = (same?.cpu === cpu ? same : this.#highest.find((each) => each.cpu === cpu))?.jiffies;
    if (highest === undefined || !hasFallen(jiffies, highest)) return times;
    const idle = jiffies[IDLE_COLUMN] ?? 0;
    if ((highest[IDLE_COLUMN] ?? 0) - idle >= HOTPLUG_JIFFIES) return times;
    return { cpu, jiffies: jiffies.map((value, i) => Math.max(value, highest[i] ?? 0)) };
  }
}

/** As nearly never: so this is a loop, and not a call for each column of each processor. */
function hasFallen(jiffies: readonly number[], before: readonly number[]): boolean {
  for (let i = 0; i < jiffies.length; i++) if ((jiffies[i] ?? 0) < (before[i] ?? 0)) return true;
  return false;
}
