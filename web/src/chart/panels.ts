/** The charts of a host page as data: what is asked, how it is called, and in which unit it is shown. */
import { formatBytes, formatBytesPerSecond, formatNumber, formatRatio } from '../format.ts';

/** How the values of a panel are written. */
export const UNITS = {
  ratio: formatRatio,
  bytes: formatBytes,
  bytesPerSecond: formatBytesPerSecond,
  number: formatNumber,
} as const satisfies Readonly<Record<string, (value: number | null) => string>>;
export type Unit = keyof typeof UNITS;

/** A place in the palette of the style sheet: `--series-1` and so on; `reference` is the grey of limits. */
export type Colour = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 'reference';

/** What a query needs: the matcher of the host and the window of rates. */
export interface Scope {
  /** `instance="…"`, escaped. */
  readonly instance: string;
  /** A range such as `60s`. */
  readonly window: string;
}

interface TraceBase {
  readonly query: (scope: Scope) => string;
  /** Drawn below zero, as what is sent under what is received. */
  readonly isNegative?: boolean;
}

/** One query and its line, or lines. */
export type Trace =
  | (TraceBase & {
      readonly kind: 'line';
      readonly name: string;
      readonly colour: Colour;
      readonly isFilled?: boolean;
    })
  | (TraceBase & {
      /** One line for each value of a label. */
      readonly kind: 'by-label';
      readonly label: string;
      /** The values that come first, in this order; others follow by name. */
      readonly firstValues: readonly string[];
    });

export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  /** Lines are piled on one another instead of drawn over one another. */
  readonly isStacked: boolean;
  /** The scale reaches at least this value, in the unit of the panel. */
  readonly reach: number;
  readonly traces: readonly Trace[];
}

// Interfaces that only pass on what another one carries, and block devices made of others, would count twice.
const REAL_NETWORK = 'device!~"lo|veth.*|docker.*|br-.*|virbr.*|cni.*|cali.*|flannel.*|tap.*"';
const REAL_DISK = 'device!~"(dm-|md|loop|ram|zram|sr).*"';
const REAL_FILESYSTEM = 'fstype!~"tmpfs|devtmpfs|ramfs|overlay|squashfs|iso9660|fuse.*|nsfs|autofs"';

/** The charts in the order of the page. */
export const PANELS: readonly Panel[] = [
  {
    id: 'cpu',
    title: 'CPU',
    unit: 'ratio',
    isStacked: true,
    reach: 1,
    traces: [
      {
        kind: 'by-label',
        label: 'mode',
        firstValues: ['user', 'system', 'iowait', 'nice', 'irq', 'softirq', 'steal'],
        query: ({ instance, window }) =>
          `avg by (mode) (rate(node_cpu_seconds_total{${instance},mode!="idle"}[${window}]))`,
      },
    ],
  },
  {
    id: 'load',
    title: 'Load',
    unit: 'number',
    isStacked: false,
    reach: 1,
    traces: [
      line('1 min', 1, ({ instance }) => `max(node_load1{${instance}})`),
      line('5 min', 2, ({ instance }) => `max(node_load5{${instance}})`),
      line('15 min', 3, ({ instance }) => `max(node_load15{${instance}})`),
      line('CPUs', 'reference', ({ instance }) => `count(node_cpu_seconds_total{${instance},mode="idle"})`),
    ],
  },
  {
    id: 'memory',
    title: 'Memory',
    unit: 'bytes',
    isStacked: false,
    reach: 0,
    traces: [
      filled(
        'used',
        1,
        ({ instance }) =>
          `max(node_memory_MemTotal_bytes{${instance}} - node_memory_MemAvailable_bytes{${instance}})`,
      ),
      line(
        'swap used',
        4,
        ({ instance }) =>
          `max(node_memory_SwapTotal_bytes{${instance}} - node_memory_SwapFree_bytes{${instance}})`,
      ),
      line('total', 'reference', ({ instance }) => `max(node_memory_MemTotal_bytes{${instance}})`),
    ],
  },
  {
    id: 'pressure',
    title: 'Waiting for CPU, memory, disk',
    unit: 'ratio',
    isStacked: false,
    reach: 0.05,
    traces: [
      pressure('CPU', 1, 'node_pressure_cpu_waiting_seconds_total'),
      pressure('memory', 4, 'node_pressure_memory_waiting_seconds_total'),
      pressure('disk', 3, 'node_pressure_io_waiting_seconds_total'),
    ],
  },
  {
    id: 'network',
    title: 'Network',
    unit: 'bytesPerSecond',
    isStacked: false,
    reach: 1000,
    traces: [
      filled(
        'received',
        2,
        ({ instance, window }) =>
          `sum(rate(node_network_receive_bytes_total{${instance},${REAL_NETWORK}}[${window}]))`,
      ),
      below(
        'sent',
        1,
        ({ instance, window }) =>
          `sum(rate(node_network_transmit_bytes_total{${instance},${REAL_NETWORK}}[${window}]))`,
      ),
    ],
  },
  {
    id: 'disk',
    title: 'Disk throughput',
    unit: 'bytesPerSecond',
    isStacked: false,
    reach: 1000,
    traces: [
      filled(
        'read',
        2,
        ({ instance, window }) =>
          `sum(rate(node_disk_read_bytes_total{${instance},${REAL_DISK}}[${window}]))`,
      ),
      below(
        'written',
        1,
        ({ instance, window }) =>
          `sum(rate(node_disk_written_bytes_total{${instance},${REAL_DISK}}[${window}]))`,
      ),
    ],
  },
  {
    id: 'disk-busy',
    title: 'Disks busy',
    unit: 'ratio',
    isStacked: false,
    reach: 1,
    traces: [
      {
        kind: 'by-label',
        label: 'device',
        firstValues: [],
        query: ({ instance, window }) =>
          `max by (device) (rate(node_disk_io_time_seconds_total{${instance},${REAL_DISK}}[${window}]))`,
      },
    ],
  },
  {
    id: 'filesystems',
    title: 'File systems used',
    unit: 'ratio',
    isStacked: false,
    reach: 1,
    traces: [
      {
        kind: 'by-label',
        label: 'mountpoint',
        firstValues: ['/', 'C:'],
        query: ({ instance }) =>
          `max by (mountpoint) (1 - node_filesystem_avail_bytes{${instance},${REAL_FILESYSTEM}} / ` +
          `node_filesystem_size_bytes{${instance},${REAL_FILESYSTEM}})`,
      },
    ],
  },
];

function line(name: string, colour: Colour, query: Trace['query']): Trace {
  return { kind: 'line', name, colour, query };
}

function filled(name: string, colour: Colour, query: Trace['query']): Trace {
  return { kind: 'line', name, colour, query, isFilled: true };
}

function below(name: string, colour: Colour, query: Trace['query']): Trace {
  return { kind: 'line', name, colour, query, isFilled: true, isNegative: true };
}

function pressure(name: string, colour: Colour, metric: string): Trace {
  return line(name, colour, ({ instance, window }) => `max(rate(${metric}{${instance}}[${window}]))`);
}
