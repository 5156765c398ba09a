/**
 * An invented machine: it has the series that a small Linux server has, under their real names, and values that move
 * like real ones. Deterministic from its number and its ticks, so that a value proves where it came from.
 */
import { createSchema, type HashedSchema, type SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import type { ValuesBlock } from '@rollcall/shared/protocol/samples.ts';

const GIB = 1024 ** 3;
const CPU_MODES = ['idle', 'iowait', 'irq', 'nice', 'softirq', 'steal', 'system', 'user'] as const;

/** What is wrong with an invented machine; `none` for most. */
export type Fault = 'none' | 'disk_full' | 'cpu_busy' | 'memory_leak' | 'dies' | 'flaps' | 'reboots';

export interface HostShape {
  /** Number in the fleet, from 0. */
  readonly index: number;
  readonly fault: Fault;
  readonly cpuCount: number;
  readonly intervalMs: number;
}

/** A metric with one function for all its series. */
interface MetricPlan {
  readonly metric: SchemaMetric;
  /** Value of series `labels` at `seconds` since boot; counters rise. */
  readonly valueAt: (labels: readonly string[], seconds: number, shape: HostShape) => number;
}

export interface SimulatedSampler {
  readonly schema: HashedSchema;
  block(schemaNumber: number, seconds: number, shape: HostShape): ValuesBlock;
}

/**
 * The samplers of a machine of this shape. Machines with equal shapes share schemas, as real fleets do.
 * @param cpuCount 1 to 64
 */
export function simulatedSamplers(cpuCount: number, intervalMs: number): readonly SimulatedSampler[] {
  return Object.entries(plansOf(cpuCount)).map(([sampler, plans]) => samplerOf(sampler, intervalMs, plans));
}

/** How many series one machine has. */
export function seriesCountOf(samplers: readonly SimulatedSampler[]): number {
  return samplers.reduce((sum, { schema }) => sum + schema.seriesCount, 0);
}

function samplerOf(sampler: string, intervalMs: number, plans: readonly MetricPlan[]): SimulatedSampler {
  const schema = createSchema({ sampler, intervalMs, metrics: plans.map(({ metric }) => metric) });
  const byName = new Map(plans.map((plan) => [plan.metric.name, plan]));
  return {
    schema,
    block(schemaNumber, seconds, shape) {
      const values = new Float64Array(schema.seriesCount);
      let index = 0;
      for (const metric of schema.metrics) {
        const power = 10 ** metric.scale;
        const valueAt = byName.get(metric.name)?.valueAt;
        for (const labels of metric.series) {
          const value = valueAt?.(labels, seconds, shape) ?? 0;
          // Rounded to the metric's decimals, as a kernel that counts in ticks and bytes does.
          values[index++] = Math.round(value * power) / power;
        }
      }
      return { kind: 'values', schemaNumber, schema, offsetMs: 0, values, present: undefined, errors: [] };
    },
  };
}

function gauge(
  name: string,
  scale: number,
  valueAt: MetricPlan['valueAt'],
  labelNames: readonly string[] = [],
  series: readonly (readonly string[])[] = [[]],
): MetricPlan {
  return {
    metric: { name, unit: '', type: 'gauge', encoding: 'integer', scale, labelNames, series },
    valueAt,
  };
}

function counter(
  name: string,
  scale: number,
  valueAt: MetricPlan['valueAt'],
  labelNames: readonly string[] = [],
  series: readonly (readonly string[])[] = [[]],
): MetricPlan {
  return {
    metric: { name, unit: '', type: 'counter', encoding: 'integer', scale, labelNames, series },
    valueAt,
  };
}

function plansOf(cpuCount: number): Readonly<Record<string, readonly MetricPlan[]>> {
  const cpus = Array.from({ length: cpuCount }, (_, cpu) => String(cpu));
  const disks = [['sda'], ['sdb']];
  const nics = [['eth0'], ['lo']];
  const mounts = [
    ['/dev/sda1', 'ext4', '/'],
    ['/dev/sdb1', 'xfs', '/data'],
  ];
  return {
    cpu: [
      counter(
        'node_cpu_seconds_total',
        2,
        cpuSeconds,
        ['cpu', 'mode'],
        cpus.flatMap((cpu) => CPU_MODES.map((mode) => [cpu, mode])),
      ),
    ],
    load: [
      gauge('node_load1', 2, (_labels, seconds, shape) => busyRatio(shape, seconds) * shape.cpuCount),
      gauge('node_load5', 2, (_labels, seconds, shape) => busyRatio(shape, seconds - 150) * shape.cpuCount),
      gauge('node_load15', 2, (_labels, seconds, shape) => busyRatio(shape, seconds - 450) * shape.cpuCount),
    ],
    memory: memoryPlans(),
    filesystem: [
      gauge(
        'node_filesystem_size_bytes',
        0,
        (labels) => sizeBytes(labels),
        ['device', 'fstype', 'mountpoint'],
        mounts,
      ),
      gauge(
        'node_filesystem_avail_bytes',
        0,
        (labels, seconds, shape) => availableBytes(labels, seconds, shape),
        ['device', 'fstype', 'mountpoint'],
        mounts,
      ),
      gauge(
        'node_filesystem_free_bytes',
        0,
        (labels, seconds, shape) => availableBytes(labels, seconds, shape) * 1.05,
        ['device', 'fstype', 'mountpoint'],
        mounts,
      ),
      gauge('node_filesystem_files', 0, () => 6_553_600, ['device', 'fstype', 'mountpoint'], mounts),
      gauge(
        'node_filesystem_files_free',
        0,
        (_labels, seconds) => 6_000_000 - Math.floor(seconds / 60),
        ['device', 'fstype', 'mountpoint'],
        mounts,
      ),
      gauge('node_filesystem_readonly', 0, () => 0, ['device', 'fstype', 'mountpoint'], mounts),
      gauge('node_filesystem_device_error', 0, () => 0, ['device', 'fstype', 'mountpoint'], mounts),
    ],
    disk: [
      ...['reads_completed', 'writes_completed', 'reads_merged', 'writes_merged'].map((what, position) =>
        counter(
          `node_disk_${what}_total`,
          0,
          (labels, seconds, shape) => rate(shape, labels, 40 + position, seconds),
          ['device'],
          disks,
        ),
      ),
      ...['read_bytes', 'written_bytes'].map((what, position) =>
        counter(
          `node_disk_${what}_total`,
          0,
          (labels, seconds, shape) => Math.round(rate(shape, labels, 2_000 + position, seconds)) * 4096,
          ['device'],
          disks,
        ),
      ),
      ...['io_time', 'read_time', 'write_time', 'io_time_weighted'].map((what, position) =>
        counter(
          `node_disk_${what}_seconds_total`,
          3,
          (labels, seconds, shape) => rate(shape, labels, 0.05 + position / 100, seconds),
          ['device'],
          disks,
        ),
      ),
      gauge('node_disk_io_now', 0, (_labels, seconds) => Math.floor(seconds / 10) % 3, ['device'], disks),
    ],
    network: ['receive', 'transmit'].flatMap((direction, side) => [
      counter(
        `node_network_${direction}_bytes_total`,
        0,
        (labels, seconds, shape) => rate(shape, labels, 90_000 * (side + 1), seconds),
        ['device'],
        nics,
      ),
      counter(
        `node_network_${direction}_packets_total`,
        0,
        (labels, seconds, shape) => rate(shape, labels, 120 * (side + 1), seconds),
        ['device'],
        nics,
      ),
      counter(`node_network_${direction}_errs_total`, 0, () => 0, ['device'], nics),
      counter(
        `node_network_${direction}_drop_total`,
        0,
        (_labels, seconds) => Math.floor(seconds / 3_600),
        ['device'],
        nics,
      ),
    ]),
    stat: [
      gauge('node_boot_time_seconds', 0, (_labels, _seconds, shape) => 1_790_000_000 - shape.index * 977),
      counter('node_context_switches_total', 0, (labels, seconds, shape) =>
        rate(shape, labels, 2_400, seconds),
      ),
      counter('node_intr_total', 0, (labels, seconds, shape) => rate(shape, labels, 1_100, seconds)),
      counter('node_forks_total', 0, (labels, seconds, shape) => rate(shape, labels, 3, seconds)),
      gauge('node_procs_running', 0, (_labels, seconds) => 1 + (Math.floor(seconds / 10) % 4)),
      gauge('node_procs_blocked', 0, () => 0),
    ],
    uname: [
      gauge(
        'node_uname_info',
        0,
        () => 1,
        ['domainname', 'machine', 'nodename', 'release', 'sysname', 'version'],
        [['(none)', 'x86_64', 'simulated', '6.12.0', 'Linux', '#1 SMP']],
      ),
    ],
    self: [
      gauge(
        'node_scrape_collector_success',
        0,
        () => 1,
        ['collector'],
        [['cpu'], ['filesystem'], ['memory']],
      ),
    ],
    vmstat: ['pgpgin', 'pgpgout', 'pgfault', 'pgmajfault', 'pswpin', 'pswpout', 'oom_kill'].map(
      (field, position) =>
        counter(`node_vmstat_${field}`, 0, (labels, seconds, shape) =>
          position > 3 ? 0 : rate(shape, labels, 300 / (position + 1), seconds),
        ),
    ),
    netstat: Array.from({ length: 80 }, (_, position) =>
      counter(`node_netstat_Simulated${position}`, 0, (labels, seconds, shape) =>
        rate(shape, labels, position % 7, seconds),
      ),
    ),
  };
}

function memoryPlans(): MetricPlan[] {
  const total = 16 * GIB;
  const used = (seconds: number, shape: HostShape): number =>
    shape.fault === 'memory_leak'
      ? Math.min(0.97, 0.5 + (seconds % 7_200) / 14_000)
      : 0.35 + 0.1 * wave(shape.index, seconds, 900);
  const whole = (value: number): number => Math.floor(value / 4096) * 4096;
  return [
    gauge('node_memory_MemTotal_bytes', 0, () => total),
    gauge('node_memory_MemAvailable_bytes', 0, (_labels, seconds, shape) =>
      whole(total * (1 - used(seconds, shape))),
    ),
    gauge('node_memory_MemFree_bytes', 0, (_labels, seconds, shape) =>
      whole(total * (0.8 - used(seconds, shape) * 0.8)),
    ),
    gauge('node_memory_Buffers_bytes', 0, (_labels, seconds) => whole(GIB * (0.2 + (seconds % 600) / 6_000))),
    gauge('node_memory_Cached_bytes', 0, (_labels, seconds, shape) =>
      whole(3 * GIB * (0.8 + 0.2 * wave(shape.index, seconds, 1_700))),
    ),
    gauge('node_memory_SwapTotal_bytes', 0, () => 2 * GIB),
    gauge('node_memory_SwapFree_bytes', 0, () => 2 * GIB),
    ...[
      'Active',
      'Inactive',
      'Slab',
      'SReclaimable',
      'SUnreclaim',
      'PageTables',
      'KernelStack',
      'Dirty',
      'Writeback',
      'AnonPages',
      'Mapped',
      'Shmem',
    ].map((key, position) =>
      gauge(`node_memory_${key}_bytes`, 0, (_labels, seconds, shape) =>
        whole((GIB / (position + 1)) * (0.9 + 0.1 * wave(shape.index + position, seconds, 400))),
      ),
    ),
  ];
}

/** Between 0 and 1, slow, different per host. */
function wave(index: number, seconds: number, periodSeconds: number): number {
  return (Math.sin((seconds / periodSeconds + index * 0.37) * 2 * Math.PI) + 1) / 2;
}

function busyRatio(shape: HostShape, seconds: number): number {
  if (shape.fault === 'cpu_busy') return 0.96;
  return 0.05 + 0.3 * wave(shape.index, seconds, 1_200) + 0.1 * wave(shape.index * 3 + 1, seconds, 170);
}

/** Integral of `busyRatio`, so that the counter's rate is the ratio. */
function busySeconds(shape: HostShape, seconds: number): number {
  if (shape.fault === 'cpu_busy') return 0.96 * seconds;
  const integral = (index: number, periodSeconds: number): number => {
    const phase = (at: number): number => Math.cos((at / periodSeconds + index * 0.37) * 2 * Math.PI);
    return seconds / 2 + ((phase(0) - phase(seconds)) * periodSeconds) / (4 * Math.PI);
  };
  return 0.05 * seconds + 0.3 * integral(shape.index, 1_200) + 0.1 * integral(shape.index * 3 + 1, 170);
}

const MODE_SHARE: Readonly<Record<string, number>> = {
  user: 0.7,
  system: 0.22,
  softirq: 0.03,
  irq: 0.01,
  nice: 0.04,
};

function cpuSeconds([, mode = '']: readonly string[], seconds: number, shape: HostShape): number {
  const busy = busySeconds(shape, seconds);
  if (mode === 'idle') return 0.98 * (seconds - busy);
  if (mode === 'iowait') return 0.02 * (seconds - busy);
  return busy * (MODE_SHARE[mode] ?? 0);
}

function sizeBytes([, , mountpoint = '']: readonly string[]): number {
  return mountpoint === '/' ? 40 * GIB : 500 * GIB;
}

function availableBytes(labels: readonly string[], seconds: number, shape: HostShape): number {
  const size = sizeBytes(labels);
  const usedRatio =
    shape.fault === 'disk_full' && labels[2] === '/'
      ? 0.96
      : 0.3 + (shape.index % 5) * 0.08 + (seconds % 86_400) / 2_000_000;
  return Math.floor((size * (1 - usedRatio)) / 4096) * 4096;
}

/** A counter that rises by about `perSecond`, never falls, and is not quite even. */
function rate(shape: HostShape, labels: readonly string[], perSecond: number, seconds: number): number {
  const factor = 1 + (shape.index % 7) * 0.1 + (labels[0]?.length ?? 0) * 0.01;
  return perSecond * factor * (seconds + 20 * Math.sin(seconds / 60));
}
