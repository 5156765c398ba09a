/** Parses the counters of /proc/stat behind the processors. Source: proc_stat(5). */
import { ParseError, parseNumber } from '../parse.ts';

/** The kernel's keys and the metrics of their first numbers. */
const METRIC_BY_KEY = {
  intr: 'node_intr_total',
  ctxt: 'node_context_switches_total',
  btime: 'node_boot_time_seconds',
  processes: 'node_forks_total',
  procs_running: 'node_procs_running',
  procs_blocked: 'node_procs_blocked',
} as const;

export type StatMetric = (typeof METRIC_BY_KEY)[keyof typeof METRIC_BY_KEY];
export const STAT_METRICS = Object.values(METRIC_BY_KEY);

const METRICS: ReadonlyMap<string, StatMetric> = new Map(Object.entries(METRIC_BY_KEY));

export interface StatValue {
  readonly metric: StatMetric;
  readonly value: number;
}

/**
 * The values of /proc/stat in its order.
 * @throws ParseError when one is missing or not a number
 */
export function parseStat(text: string): readonly StatValue[] {
  const values: StatValue[] = [];
  for (let from = 0; from < text.length;) {
    const newline = text.indexOf('\n', from);
    const end = newline === -1 ? text.length : newline;
    const value = parseLine(text, from, end);
    if (value !== undefined) values.push(value);
    from = end + 1;
  }
  if (values.length !== STAT_METRICS.length) {
    throw new ParseError(`parse /proc/stat: ${values.length} of ${STAT_METRICS.length} counters`);
  }
  return values;
}

/** Only the start of the line is cut out: the one of the interrupts may have thousands of columns. */
function parseLine(text: string, from: number, end: number): StatValue | undefined {
  const space = text.indexOf(' ', from);
  if (space === -1 || space > end) return undefined;
  const metric = METRICS.get(text.slice(from, space));
  if (metric === undefined) return undefined;
  const next = text.indexOf(' ', space + 1);
  const number = text.slice(space + 1, next === -1 || next > end ? end : next);
  return { metric, value: parseNumber(number, '/proc/stat') };
}
