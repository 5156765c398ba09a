/** Picks the counters of paging out of /proc/vmstat. Source: proc_vmstat(5). */
import { ParseError, parseKeyed } from '../parse.ts';

/** The kernel's keys that node_exporter sends unless told otherwise, in the kernel's order. */
const METRIC_BY_KEY = {
  pgpgin: 'node_vmstat_pgpgin',
  pgpgout: 'node_vmstat_pgpgout',
  pswpin: 'node_vmstat_pswpin',
  pswpout: 'node_vmstat_pswpout',
  pgfault: 'node_vmstat_pgfault',
  pgmajfault: 'node_vmstat_pgmajfault',
  oom_kill: 'node_vmstat_oom_kill',
} as const;

export type VmstatMetric = (typeof METRIC_BY_KEY)[keyof typeof METRIC_BY_KEY];
export const VMSTAT_METRICS = Object.values(METRIC_BY_KEY);

const METRICS: ReadonlyMap<string, VmstatMetric> = new Map(Object.entries(METRIC_BY_KEY));

export interface VmstatValue {
  readonly metric: VmstatMetric;
  readonly value: number;
}

/**
 * The counters that this kernel has.
 * @throws ParseError when there is none, or one is not a number
 */
export function parseVmstat(text: string): readonly VmstatValue[] {
  const values = parseKeyed(text, METRICS, '/proc/vmstat');
  if (values.length === 0) throw new ParseError('parse /proc/vmstat: no counter of paging');
  return values;
}
