/**
 * Rows about containers. Names, labels, units and types are cAdvisor's (docs/storage/prometheus.md there), so that public
 * rules and boards work; `container`, `namespace` and `pod` are those that Kubernetes adds, and empty elsewhere.
 */
import { counter, gauge, US_SCALE } from './definition.ts';

/** Who the container is; the order is that of UTF-8, as everywhere. */
const WHO = ['container', 'id', 'image', 'name', 'namespace', 'pod'] as const;
const WHO_AND_CPU = ['container', 'cpu', 'id', 'image', 'name', 'namespace', 'pod'] as const;
const WHO_AND_DEVICE = ['container', 'device', 'id', 'image', 'name', 'namespace', 'pod'] as const;
const WHO_AND_INTERFACE = ['container', 'id', 'image', 'interface', 'name', 'namespace', 'pod'] as const;

function bytes(help: string) {
  return gauge({ unit: 'bytes', labels: WHO, scale: 0, help });
}

function level(help: string) {
  return gauge({ unit: 'count', labels: WHO, scale: 0, help });
}

function seconds(help: string) {
  return counter({ unit: 'seconds', labels: WHO, scale: US_SCALE, help });
}

function count(help: string) {
  return counter({ unit: 'count', labels: WHO, scale: 0, help });
}

function disk(unit: 'bytes' | 'count', help: string) {
  return counter({ unit, labels: WHO_AND_DEVICE, scale: 0, help });
}

function network(unit: 'bytes' | 'count', help: string) {
  return counter({ unit, labels: WHO_AND_INTERFACE, scale: 0, help });
}

export const CONTAINER_METRICS = {
  container_cpu_usage_seconds_total: counter({
    unit: 'seconds',
    labels: WHO_AND_CPU,
    scale: US_SCALE,
    help: 'Processor time that the container used; cpu is always total.',
  }),
  container_cpu_user_seconds_total: seconds('Processor time outside of the kernel.'),
  container_cpu_system_seconds_total: seconds('Processor time inside of the kernel.'),
  container_cpu_cfs_periods_total: count('Periods in which its share of the processor was limited.'),
  container_cpu_cfs_throttled_periods_total: count(
    'Periods in which the container had to wait for the next.',
  ),
  container_cpu_cfs_throttled_seconds_total: seconds(
    'How long the container had to wait because of its limit.',
  ),
  container_spec_cpu_period: level('Length of a period of the processor limit in microseconds.'),
  container_spec_cpu_quota: level('Processor time per period in microseconds; absent without a limit.'),

  container_memory_usage_bytes: bytes('Memory of the container, the page cache included.'),
  container_memory_working_set_bytes: bytes('Memory without the page cache that has not been used lately.'),
  container_memory_rss: bytes('Anonymous memory.'),
  container_memory_cache: bytes('Page cache.'),
  container_memory_mapped_file: bytes('Files that are mapped into memory.'),
  container_memory_swap: bytes('Swap space that the container takes.'),
  container_memory_max_usage_bytes: bytes('Most memory that the container ever had.'),
  container_spec_memory_limit_bytes: bytes('Memory that the container may have; 0 without a limit.'),
  container_oom_events_total: count('Processes of the container that were killed because memory ran out.'),

  container_fs_reads_bytes_total: disk('bytes', 'Bytes read from a block device.'),
  container_fs_writes_bytes_total: disk('bytes', 'Bytes written to a block device.'),
  container_fs_reads_total: disk('count', 'Reads from a block device.'),
  container_fs_writes_total: disk('count', 'Writes to a block device.'),

  container_network_receive_bytes_total: network('bytes', 'Bytes received.'),
  container_network_receive_packets_total: network('count', 'Packets received.'),
  container_network_receive_errors_total: network('count', 'Packets that were received damaged.'),
  container_network_receive_packets_dropped_total: network('count', 'Packets dropped on receiving.'),
  container_network_transmit_bytes_total: network('bytes', 'Bytes sent.'),
  container_network_transmit_packets_total: network('count', 'Packets sent.'),
  container_network_transmit_errors_total: network('count', 'Packets that could not be sent.'),
  container_network_transmit_packets_dropped_total: network('count', 'Packets dropped on sending.'),

  container_threads: level('Threads in the container.'),
  container_threads_max: level('Threads that the container may have; 0 without a limit.'),
  container_start_time_seconds: gauge({
    unit: 'seconds',
    labels: WHO,
    scale: 2,
    help: 'When the first process of the container started, in seconds since 1970.',
  }),
  container_last_seen: gauge({
    unit: 'seconds',
    labels: WHO,
    scale: 0,
    help: 'When the container was last seen, in seconds since 1970.',
  }),

  rollcall_agent_containers: gauge({
    unit: 'count',
    labels: [],
    scale: 0,
    help: 'Containers that the agent reads.',
  }),
  rollcall_agent_containers_skipped_total: counter({
    unit: 'count',
    labels: ['reason'],
    scale: 0,
    help: 'Containers that were found and left out: young (started less than 10 s before) or limit (more than 500).',
  }),
} as const;
