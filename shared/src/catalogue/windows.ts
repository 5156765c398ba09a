/** Rows that only Windows has, under the names of windows_exporter 0.31. */
import { counter, facts, gauge } from './definition.ts';

/** Windows counts processor and disk time in steps of 100 ns. */
const STEPS_SCALE = 7;

function volumeGauge(unit: string, help: string) {
  return gauge({ unit, labels: ['volume'], scale: 0, help });
}

function volumeCount(unit: string, help: string) {
  return counter({ unit, labels: ['volume'], scale: 0, help });
}

function volumeSeconds(help: string) {
  return counter({ unit: 'seconds', labels: ['volume'], scale: STEPS_SCALE, help });
}

function diskCount(unit: string, help: string) {
  return counter({ unit, labels: ['disk'], scale: 0, help });
}

function diskSeconds(help: string) {
  return counter({ unit: 'seconds', labels: ['disk'], scale: STEPS_SCALE, help });
}

function nicCount(unit: string, help: string) {
  return counter({ unit, labels: ['nic'], scale: 0, help });
}

function memory(help: string) {
  return gauge({ unit: 'bytes', labels: [], scale: 0, help });
}

function count(help: string) {
  return counter({ unit: 'count', labels: [], scale: 0, help });
}

function level(help: string) {
  return gauge({ unit: 'count', labels: [], scale: 0, help });
}

export const WINDOWS_METRICS = {
  windows_cpu_time_total: counter({
    unit: 'seconds',
    labels: ['core', 'mode'],
    scale: STEPS_SCALE,
    help: 'Time that a processor spent in a mode.',
  }),
  windows_cpu_interrupts_total: counter({
    unit: 'count',
    labels: ['core'],
    scale: 0,
    help: 'Hardware interrupts served by a processor.',
  }),
  windows_cpu_dpcs_total: counter({
    unit: 'count',
    labels: ['core'],
    scale: 0,
    help: 'Deferred procedure calls served by a processor.',
  }),
  windows_cpu_logical_processor: level('Logical processors.'),

  windows_memory_physical_total_bytes: memory('Memory that the system can use.'),
  windows_memory_physical_free_bytes: memory('Memory that nothing uses.'),
  windows_memory_available_bytes: memory('Memory that programs could get at once.'),
  windows_memory_committed_bytes: memory('Memory promised to programs.'),
  windows_memory_commit_limit: memory('Memory that can be promised without a larger page file.'),
  windows_memory_cache_bytes: memory('Memory of the file system cache.'),
  windows_memory_pool_paged_bytes: memory('Kernel memory that can be paged out.'),
  windows_memory_pool_nonpaged_bytes: memory('Kernel memory that stays in place.'),
  windows_memory_page_faults_total: count('Page faults.'),
  windows_memory_swap_page_reads_total: count('Readings of pages from disk.'),
  windows_memory_swap_page_writes_total: count('Writings of pages to disk.'),
  windows_pagefile_limit_bytes: memory('Size of the page files.'),
  windows_pagefile_free_bytes: memory('Free space in the page files.'),

  windows_logical_disk_size_bytes: volumeGauge('bytes', 'Size of a volume.'),
  windows_logical_disk_free_bytes: volumeGauge('bytes', 'Free space of a volume.'),
  windows_logical_disk_requests_queued: volumeGauge('count', 'Requests that wait for a volume.'),
  windows_logical_disk_read_bytes_total: volumeCount('bytes', 'Bytes read from a volume.'),
  windows_logical_disk_write_bytes_total: volumeCount('bytes', 'Bytes written to a volume.'),
  windows_logical_disk_reads_total: volumeCount('count', 'Readings from a volume.'),
  windows_logical_disk_writes_total: volumeCount('count', 'Writings to a volume.'),
  windows_logical_disk_read_seconds_total: volumeSeconds('Time spent reading from a volume.'),
  windows_logical_disk_write_seconds_total: volumeSeconds('Time spent writing to a volume.'),
  windows_logical_disk_idle_seconds_total: volumeSeconds('Time without a request to a volume.'),

  windows_physical_disk_requests_queued: gauge({
    unit: 'count',
    labels: ['disk'],
    scale: 0,
    help: 'Requests that wait for a disk.',
  }),
  windows_physical_disk_read_bytes_total: diskCount('bytes', 'Bytes read from a disk.'),
  windows_physical_disk_write_bytes_total: diskCount('bytes', 'Bytes written to a disk.'),
  windows_physical_disk_reads_total: diskCount('count', 'Readings from a disk.'),
  windows_physical_disk_writes_total: diskCount('count', 'Writings to a disk.'),
  windows_physical_disk_read_seconds_total: diskSeconds('Time spent reading from a disk.'),
  windows_physical_disk_write_seconds_total: diskSeconds('Time spent writing to a disk.'),
  windows_physical_disk_idle_seconds_total: diskSeconds('Time without a request to a disk.'),

  windows_net_bytes_received_total: nicCount('bytes', 'Bytes received by an interface.'),
  windows_net_bytes_sent_total: nicCount('bytes', 'Bytes sent by an interface.'),
  windows_net_packets_received_total: nicCount('count', 'Packets received by an interface.'),
  windows_net_packets_sent_total: nicCount('count', 'Packets sent by an interface.'),
  windows_net_packets_received_errors_total: nicCount('count', 'Received packets that were faulty.'),
  windows_net_packets_outbound_errors_total: nicCount('count', 'Packets that could not be sent.'),
  windows_net_packets_received_discarded_total: nicCount('count', 'Received packets that were thrown away.'),
  windows_net_packets_outbound_discarded_total: nicCount('count', 'Packets to send that were thrown away.'),
  windows_net_current_bandwidth_bytes: gauge({
    unit: 'bytes',
    labels: ['nic'],
    scale: 3,
    help: 'Speed of the link of an interface, bytes per second.',
  }),

  windows_os_info: facts(
    ['build_number', 'major_version', 'minor_version', 'product', 'version'],
    'The system.',
  ),
  windows_system_boot_time_timestamp: gauge({
    unit: 'seconds',
    labels: [],
    scale: 3,
    help: 'When the system was started, seconds since 1970.',
  }),
  windows_system_processes: level('Processes.'),
  windows_system_threads: level('Threads.'),
  windows_system_processor_queue_length: level('Threads that wait for a processor.'),
  windows_system_context_switches_total: count('Switches between threads.'),
  windows_system_system_calls_total: count('Calls into the kernel.'),
} as const;
