/** Parses /proc/diskstats. Source: Documentation/admin-guide/iostats.rst. */
import type { MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import { ParseError, parseNumbers } from '../parse.ts';

/** One column: the metric and what the kernel's number is multiplied and divided by. */
interface Column {
  readonly metric: MetricWithLabels<1>;
  readonly times: number;
  readonly per: number;
}

const SECTOR_BYTES = 512;
const MS_PER_SECOND = 1_000;

function count(metric: MetricWithLabels<1>): Column {
  return { metric, times: 1, per: 1 };
}
function bytes(metric: MetricWithLabels<1>): Column {
  return { metric, times: SECTOR_BYTES, per: 1 };
}
function seconds(metric: MetricWithLabels<1>): Column {
  return { metric, times: 1, per: MS_PER_SECOND };
}

/** The kernel's columns after the device name, in its order. Discards since Linux 4.18, flushes since 5.5. */
const COLUMNS: readonly Column[] = [
  count('node_disk_reads_completed_total'),
  count('node_disk_reads_merged_total'),
  bytes('node_disk_read_bytes_total'),
  seconds('node_disk_read_time_seconds_total'),
  count('node_disk_writes_completed_total'),
  count('node_disk_writes_merged_total'),
  bytes('node_disk_written_bytes_total'),
  seconds('node_disk_write_time_seconds_total'),
  count('node_disk_io_now'),
  seconds('node_disk_io_time_seconds_total'),
  seconds('node_disk_io_time_weighted_seconds_total'),
  count('node_disk_discards_completed_total'),
  count('node_disk_discards_merged_total'),
  count('node_disk_discarded_sectors_total'),
  seconds('node_disk_discard_time_seconds_total'),
  count('node_disk_flush_requests_total'),
  seconds('node_disk_flush_requests_time_seconds_total'),
];

export const DISK_METRICS = COLUMNS.map(({ metric }) => metric);

/** Columns that every kernel since 2.6.25 has. */
const COLUMNS_MIN = 11;

/** RAM disks, loops, floppies, and partitions of disks that have a line of their own; node_exporter's default. */
const EXCLUDED = /^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$/;

/** The two numbers of the device, and its name. */
const LINE = /^\s*\S+\s+\S+\s+(\S+)/;

export interface DiskValue {
  readonly metric: MetricWithLabels<1>;
  readonly value: number;
}

export interface Disk {
  readonly device: string;
  /** As many as the kernel has columns. */
  readonly values: readonly DiskValue[];
}

/**
 * The disk of a line of /proc/diskstats; undefined for partitions and the like.
 * @throws ParseError
 */
export function parseDisk(line: string): Disk | undefined {
  const match = LINE.exec(line);
  if (match === null) {
    if (line.trim() === '') return undefined;
    throw new ParseError(`parse /proc/diskstats: ${JSON.stringify(line.slice(0, 80))}`);
  }
  const [start, device = ''] = match;
  if (EXCLUDED.test(device)) return undefined;
  const numbers = parseNumbers(line, { from: start.length, end: line.length, what: '/proc/diskstats' });
  if (numbers.length < COLUMNS_MIN) {
    throw new ParseError(`parse /proc/diskstats: ${numbers.length} columns for ${device.slice(0, 80)}`);
  }
  const values = COLUMNS.slice(0, numbers.length).map(({ metric, times, per }, i) => ({
    metric,
    value: ((numbers[i] ?? 0) * times) / per,
  }));
  return { device, values };
}
