/** Where a metric exists: on which operating systems, and since which kernel. */
import { metricDefinition, type MetricName } from './metrics.ts';

/** An operating system on which an agent runs, as people write it. */
export type OperatingSystem = 'Linux' | 'macOS' | 'Windows';

export interface Availability {
  /** Empty for what the collector makes on behalf of every host. */
  readonly systems: readonly OperatingSystem[];
  /** First version of the kernel that has it; undefined when every one that Node.js runs on does. */
  readonly since: string | undefined;
}

const EVERYWHERE: readonly OperatingSystem[] = ['Linux', 'macOS', 'Windows'];
const LINUX: readonly OperatingSystem[] = ['Linux'];

/** What the agent knows without asking the operating system for more than the time. */
const NAMES_EVERYWHERE =
  /^(node_time_seconds|node_textfile_.*|node_scrape_collector_(success|duration_seconds)|rollcall_agent_(ticks|samples)_.*|rollcall_spool_.*)$/;

/** Source: man pages of proc(5), Documentation/ABI and the history of Linux. */
const SINCE: readonly (readonly [names: RegExp, since: string])[] = [
  [/^node_memory_MemAvailable_bytes$/, 'Linux 3.14'],
  [/^node_network_receive_nohandler_total$/, 'Linux 4.6'],
  [/^node_vmstat_oom_kill$/, 'Linux 4.13'],
  [/^node_network_carrier_(up|down)_changes_total$/, 'Linux 4.16'],
  [/^node_disk_discard/, 'Linux 4.18'],
  [/^node_pressure_irq_/, 'Linux 6.1'],
  [/^node_pressure_/, 'Linux 4.20'],
  [/^node_disk_flush_requests_/, 'Linux 5.5'],
  [/^node_softnet_backlog_len$/, 'Linux 5.14'],
  [/^container_memory_max_usage_bytes$/, 'Linux 5.19'],
  [/^container_/, 'Linux 5.2'],
  [/^node_memory_(Zswap|Zswapped)_bytes$/, 'Linux 5.19'],
  [/^node_memory_SecPageTables_bytes$/, 'Linux 6.1'],
  [/^node_memory_Unaccepted_bytes$/, 'Linux 6.5'],
];

/** Where the metric exists. */
export function availabilityOf(name: MetricName): Availability {
  if (metricDefinition(name).madeBy === 'collector') return { systems: [], since: undefined };
  const systems = NAMES_EVERYWHERE.test(name) ? EVERYWHERE : LINUX;
  return { systems, since: SINCE.find(([names]) => names.test(name))?.[1] };
}

/** Rows of the table of versions that no metric of `names` matches; a typing error in it would otherwise stay unseen. */
export function unusedVersions(names: readonly string[]): readonly string[] {
  return SINCE.filter(([pattern]) => !names.some((name) => pattern.test(name))).map(
    ([pattern]) => pattern.source,
  );
}
