/**
 * Counters of Windows as PowerShell prints them, turned into metrics by tables: windows_exporter's names, and those of
 * node_exporter that dashboards and rules for all systems use. Raw and cumulative (Win32_PerfRawData_… classes of CIM).
 * Pure. Tested only by outputs written after the documentation of each program.
 */
import type { MetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { ParseError } from '../parse.ts';
import type { Readings } from '../readings.ts';

/** One instance of a class: values by name of property. */
type Instance = Readonly<Record<string, unknown>>;

/** One answer: instances by the key that the script gives their class. */
export type WindowsReading = ReadonlyMap<string, readonly Instance[]>;

/** A metric and the property that it comes from; missing properties are left out. */
interface Row {
  readonly metric: MetricName;
  readonly property: string;
  /** What the number is multiplied with and divided by. */
  readonly times?: number;
  readonly per?: number;
  /** Labels besides those of the family, in the order of the catalogue behind them. */
  readonly labels?: readonly string[];
}

/** The rows of one class. */
interface Family {
  readonly key: string;
  /** Labels of an instance; undefined for one that is left out, such as the sum of all. */
  readonly labels: (instance: Instance) => readonly string[] | undefined;
  readonly rows: readonly Row[];
}

const STEPS_PER_SECOND = 1e7;
const KIB = 1_024;
const MIB = KIB * KIB;
const TEXT_LENGTH_MAX = 256;

function nameLabels(instance: Instance): readonly string[] | undefined {
  const name = instance['Name'];
  if (typeof name !== 'string' || name === '_Total') return undefined;
  return [cleanText(name, TEXT_LENGTH_MAX)];
}

/** Drives and mount points; volumes without a letter are parts of the system itself. */
function volumeLabels(instance: Instance): readonly string[] | undefined {
  const labels = nameLabels(instance);
  return labels?.[0]?.startsWith('HarddiskVolume') === true ? undefined : labels;
}

function driveLabels(instance: Instance): readonly string[] | undefined {
  const [volume] = volumeLabels(instance) ?? [];
  return volume === undefined ? undefined : [volume, 'ntfs', volume];
}

function noLabels(): readonly string[] {
  return [];
}

function cpu(mode: string, property: string): Row {
  return { metric: 'windows_cpu_time_total', property, per: STEPS_PER_SECOND, labels: [mode] };
}

function nodeCpu(mode: string, property: string): Row {
  return { metric: 'node_cpu_seconds_total', property, per: STEPS_PER_SECOND, labels: [mode] };
}

const FAMILIES: Readonly<Record<string, readonly Family[]>> = {
  cpu: [
    {
      key: 'cpu',
      labels: nameLabels,
      rows: [
        cpu('idle', 'PercentIdleTime'),
        cpu('user', 'PercentUserTime'),
        cpu('privileged', 'PercentPrivilegedTime'),
        cpu('interrupt', 'PercentInterruptTime'),
        cpu('dpc', 'PercentDPCTime'),
        { metric: 'windows_cpu_interrupts_total', property: 'InterruptsPersec' },
        { metric: 'windows_cpu_dpcs_total', property: 'DPCsQueuedPersec' },
        nodeCpu('idle', 'PercentIdleTime'),
        nodeCpu('user', 'PercentUserTime'),
        // Made by the script of windows.win32.ts: privileged time without the two below, which it includes.
        nodeCpu('system', 'SystemTime'),
        nodeCpu('irq', 'PercentInterruptTime'),
        nodeCpu('softirq', 'PercentDPCTime'),
      ],
    },
    {
      key: 'os',
      labels: noLabels,
      rows: [{ metric: 'windows_cpu_logical_processor', property: 'LogicalProcessors' }],
    },
  ],
  memory: [
    {
      key: 'memory',
      labels: noLabels,
      rows: [
        { metric: 'windows_memory_available_bytes', property: 'AvailableBytes' },
        { metric: 'windows_memory_committed_bytes', property: 'CommittedBytes' },
        { metric: 'windows_memory_commit_limit', property: 'CommitLimit' },
        { metric: 'windows_memory_cache_bytes', property: 'CacheBytes' },
        { metric: 'windows_memory_pool_paged_bytes', property: 'PoolPagedBytes' },
        { metric: 'windows_memory_pool_nonpaged_bytes', property: 'PoolNonpagedBytes' },
        { metric: 'windows_memory_page_faults_total', property: 'PageFaultsPersec' },
        { metric: 'windows_memory_swap_page_reads_total', property: 'PageReadsPersec' },
        { metric: 'windows_memory_swap_page_writes_total', property: 'PageWritesPersec' },
        { metric: 'node_memory_MemAvailable_bytes', property: 'AvailableBytes' },
      ],
    },
    {
      key: 'os',
      labels: noLabels,
      rows: [
        { metric: 'windows_memory_physical_total_bytes', property: 'TotalVisibleMemorySize', times: KIB },
        { metric: 'windows_memory_physical_free_bytes', property: 'FreePhysicalMemory', times: KIB },
        { metric: 'windows_pagefile_limit_bytes', property: 'SizeStoredInPagingFiles', times: KIB },
        { metric: 'windows_pagefile_free_bytes', property: 'FreeSpaceInPagingFiles', times: KIB },
        { metric: 'node_memory_MemTotal_bytes', property: 'TotalVisibleMemorySize', times: KIB },
        { metric: 'node_memory_MemFree_bytes', property: 'FreePhysicalMemory', times: KIB },
        { metric: 'node_memory_SwapTotal_bytes', property: 'SizeStoredInPagingFiles', times: KIB },
        { metric: 'node_memory_SwapFree_bytes', property: 'FreeSpaceInPagingFiles', times: KIB },
      ],
    },
  ],
  disk: [
    {
      key: 'volumes',
      labels: volumeLabels,
      rows: [
        { metric: 'windows_logical_disk_size_bytes', property: 'PercentFreeSpace_Base', times: MIB },
        { metric: 'windows_logical_disk_free_bytes', property: 'FreeMegabytes', times: MIB },
        { metric: 'windows_logical_disk_requests_queued', property: 'CurrentDiskQueueLength' },
        { metric: 'windows_logical_disk_read_bytes_total', property: 'DiskReadBytesPersec' },
        { metric: 'windows_logical_disk_write_bytes_total', property: 'DiskWriteBytesPersec' },
        { metric: 'windows_logical_disk_reads_total', property: 'DiskReadsPersec' },
        { metric: 'windows_logical_disk_writes_total', property: 'DiskWritesPersec' },
        {
          metric: 'windows_logical_disk_read_seconds_total',
          property: 'PercentDiskReadTime',
          per: STEPS_PER_SECOND,
        },
        {
          metric: 'windows_logical_disk_write_seconds_total',
          property: 'PercentDiskWriteTime',
          per: STEPS_PER_SECOND,
        },
        {
          metric: 'windows_logical_disk_idle_seconds_total',
          property: 'PercentIdleTime',
          per: STEPS_PER_SECOND,
        },
      ],
    },
    {
      key: 'volumes',
      labels: driveLabels,
      rows: [
        { metric: 'node_filesystem_size_bytes', property: 'PercentFreeSpace_Base', times: MIB },
        { metric: 'node_filesystem_free_bytes', property: 'FreeMegabytes', times: MIB },
        { metric: 'node_filesystem_avail_bytes', property: 'FreeMegabytes', times: MIB },
      ],
    },
    {
      key: 'disks',
      labels: nameLabels,
      rows: [
        { metric: 'windows_physical_disk_requests_queued', property: 'CurrentDiskQueueLength' },
        { metric: 'windows_physical_disk_read_bytes_total', property: 'DiskReadBytesPersec' },
        { metric: 'windows_physical_disk_write_bytes_total', property: 'DiskWriteBytesPersec' },
        { metric: 'windows_physical_disk_reads_total', property: 'DiskReadsPersec' },
        { metric: 'windows_physical_disk_writes_total', property: 'DiskWritesPersec' },
        {
          metric: 'windows_physical_disk_read_seconds_total',
          property: 'PercentDiskReadTime',
          per: STEPS_PER_SECOND,
        },
        {
          metric: 'windows_physical_disk_write_seconds_total',
          property: 'PercentDiskWriteTime',
          per: STEPS_PER_SECOND,
        },
        {
          metric: 'windows_physical_disk_idle_seconds_total',
          property: 'PercentIdleTime',
          per: STEPS_PER_SECOND,
        },
        { metric: 'node_disk_read_bytes_total', property: 'DiskReadBytesPersec' },
        { metric: 'node_disk_written_bytes_total', property: 'DiskWriteBytesPersec' },
        { metric: 'node_disk_reads_completed_total', property: 'DiskReadsPersec' },
        { metric: 'node_disk_writes_completed_total', property: 'DiskWritesPersec' },
        {
          metric: 'node_disk_read_time_seconds_total',
          property: 'PercentDiskReadTime',
          per: STEPS_PER_SECOND,
        },
        {
          metric: 'node_disk_write_time_seconds_total',
          property: 'PercentDiskWriteTime',
          per: STEPS_PER_SECOND,
        },
      ],
    },
  ],
  network: [
    {
      key: 'nics',
      labels: nameLabels,
      rows: [
        { metric: 'windows_net_bytes_received_total', property: 'BytesReceivedPersec' },
        { metric: 'windows_net_bytes_sent_total', property: 'BytesSentPersec' },
        { metric: 'windows_net_packets_received_total', property: 'PacketsReceivedPersec' },
        { metric: 'windows_net_packets_sent_total', property: 'PacketsSentPersec' },
        { metric: 'windows_net_packets_received_errors_total', property: 'PacketsReceivedErrors' },
        { metric: 'windows_net_packets_outbound_errors_total', property: 'PacketsOutboundErrors' },
        { metric: 'windows_net_packets_received_discarded_total', property: 'PacketsReceivedDiscarded' },
        { metric: 'windows_net_packets_outbound_discarded_total', property: 'PacketsOutboundDiscarded' },
        { metric: 'windows_net_current_bandwidth_bytes', property: 'CurrentBandwidth', per: 8 },
        { metric: 'node_network_receive_bytes_total', property: 'BytesReceivedPersec' },
        { metric: 'node_network_transmit_bytes_total', property: 'BytesSentPersec' },
        { metric: 'node_network_receive_packets_total', property: 'PacketsReceivedPersec' },
        { metric: 'node_network_transmit_packets_total', property: 'PacketsSentPersec' },
        { metric: 'node_network_receive_errs_total', property: 'PacketsReceivedErrors' },
        { metric: 'node_network_transmit_errs_total', property: 'PacketsOutboundErrors' },
        { metric: 'node_network_receive_drop_total', property: 'PacketsReceivedDiscarded' },
        { metric: 'node_network_transmit_drop_total', property: 'PacketsOutboundDiscarded' },
        { metric: 'node_network_speed_bytes', property: 'CurrentBandwidth', per: 8 },
      ],
    },
  ],
  system: [
    {
      key: 'system',
      labels: noLabels,
      rows: [
        { metric: 'windows_system_processes', property: 'Processes' },
        { metric: 'windows_system_threads', property: 'Threads' },
        { metric: 'windows_system_processor_queue_length', property: 'ProcessorQueueLength' },
        { metric: 'windows_system_context_switches_total', property: 'ContextSwitchesPersec' },
        { metric: 'windows_system_system_calls_total', property: 'SystemCallsPersec' },
        { metric: 'node_context_switches_total', property: 'ContextSwitchesPersec' },
      ],
    },
    {
      key: 'os',
      labels: noLabels,
      rows: [
        { metric: 'windows_system_boot_time_timestamp', property: 'BootMs', per: 1_000 },
        { metric: 'node_boot_time_seconds', property: 'BootMs', per: 1_000 },
      ],
    },
  ],
};

/** Names of the samplers; each adds its own families. */
export const WINDOWS_SAMPLERS: readonly string[] = Object.keys(FAMILIES);

/** The metrics that a sampler may emit. */
export function windowsMetrics(sampler: string): MetricName[] {
  const names = (FAMILIES[sampler] ?? []).flatMap(({ rows }) => rows.map(({ metric }) => metric));
  return [...new Set(names)];
}

/** @throws ParseError when the answer is no JSON object of instances */
export function parseWindowsReading(answer: string): WindowsReading {
  let root: unknown;
  try {
    root = JSON.parse(answer);
  } catch (error) {
    throw new ParseError(`parse counters of Windows: ${String(error)}`);
  }
  if (!isInstance(root)) throw new ParseError('parse counters of Windows: not an object');
  return new Map(
    Object.entries(root).map(([key, value]) => [
      key,
      (Array.isArray(value) ? value : [value]).filter(isInstance),
    ]),
  );
}

/** Adds the values of one sampler. What the machine does not have is left out; nothing is made up. */
export function addWindowsReading(sampler: string, reading: WindowsReading, readings: Readings): void {
  for (const { key, labels: labelsOf, rows } of FAMILIES[sampler] ?? []) {
    for (const instance of reading.get(key) ?? []) {
      const labels = labelsOf(instance);
      if (labels === undefined) continue;
      for (const { metric, property, times = 1, per = 1, labels: more = [] } of rows) {
        const value = instance[property];
        if (typeof value !== 'number' || !Number.isFinite(value)) continue;
        readings.addLabelled(metric, [...labels, ...more], (value * times) / per);
      }
    }
  }
}

function isInstance(value: unknown): value is Instance {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
