/** One container: what is read of it, and the labels under which it is told. */
import { basename } from 'node:path';
import type { MetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { HostError, isAbsent, type Host } from '../../host/host.ts';
import { sampleErrorCode } from '../failure.ts';
import { addSetting, attempt, readSetting, type Setting } from '../files.ts';
import { NETWORK_COUNTERS, parseNetworkDevices } from '../network/network.ts';
import { parseInteger } from '../parse.ts';
import type { Readings } from '../readings.ts';
import {
  parseCpuDetails,
  parseCpuLimit,
  parseCpuSeconds,
  parseIo,
  parseLimit,
  parseMemory,
  parseOomKills,
} from './containers.ts';
import { CGROUP_PATH, type FirstProcess } from './find.linux.ts';
import type { ContainerNames } from './names.ts';

/** Files of its control group that each reading of a container with all values looks at. */
export const FILES_EACH = 8;
/** Block devices and network devices of a container that are told; more are counted as left out. */
export const DEVICES_MAX = 4;
/** cAdvisor leaves them out too. */
const INTERFACE_EXCLUDED = /^(lo|veth|docker|nerdctl)/;
const WITHOUT_LIMIT = 0;
/** Labels with a device that are kept ready; a container may give its network devices ever new names. */
const DEVICE_LABELS_MAX = 32;

const CPU_DETAILS = [
  'container_cpu_user_seconds_total',
  'container_cpu_system_seconds_total',
] as const satisfies readonly MetricName[];
const CPU_THROTTLED = [
  'container_cpu_cfs_periods_total',
  'container_cpu_cfs_throttled_periods_total',
  'container_cpu_cfs_throttled_seconds_total',
] as const satisfies readonly MetricName[];
const MEMORY = [
  'container_memory_working_set_bytes',
  'container_memory_rss',
  'container_memory_cache',
  'container_memory_mapped_file',
] as const satisfies readonly MetricName[];
const DISK = [
  'container_fs_reads_bytes_total',
  'container_fs_writes_bytes_total',
  'container_fs_reads_total',
  'container_fs_writes_total',
] as const satisfies readonly MetricName[];
/** And which of NETWORK_COUNTERS each one is. */
const NETWORK = [
  ['container_network_receive_bytes_total', 'node_network_receive_bytes_total'],
  ['container_network_receive_packets_total', 'node_network_receive_packets_total'],
  ['container_network_receive_errors_total', 'node_network_receive_errs_total'],
  ['container_network_receive_packets_dropped_total', 'node_network_receive_drop_total'],
  ['container_network_transmit_bytes_total', 'node_network_transmit_bytes_total'],
  ['container_network_transmit_packets_total', 'node_network_transmit_packets_total'],
  ['container_network_transmit_errors_total', 'node_network_transmit_errs_total'],
  ['container_network_transmit_packets_dropped_total', 'node_network_transmit_drop_total'],
] as const satisfies readonly (readonly [MetricName, (typeof NETWORK_COUNTERS)[number]])[];
/** Files with one number each. */
const NUMBERS = [
  ['container_memory_swap', 'memory.swap.current'],
  ['container_memory_max_usage_bytes', 'memory.peak'],
  ['container_threads', 'pids.current'],
] as const satisfies readonly (readonly [MetricName, string])[];
/** Files of limits, which are looked at with each look. */
const LIMITS = [
  ['container_spec_memory_limit_bytes', 'memory.max'],
  ['container_threads_max', 'pids.max'],
] as const satisfies readonly (readonly [MetricName, string])[];

export const CONTAINER_METRIC_NAMES: readonly MetricName[] = [
  'container_cpu_usage_seconds_total',
  ...CPU_DETAILS,
  ...CPU_THROTTLED,
  'container_spec_cpu_period',
  'container_spec_cpu_quota',
  'container_memory_usage_bytes',
  ...MEMORY,
  'container_oom_events_total',
  ...DISK,
  ...NETWORK.map(([metric]) => metric),
  ...NUMBERS.map(([metric]) => metric),
  ...LIMITS.map(([metric]) => metric),
  'container_start_time_seconds',
];

export interface ContainerOptions {
  /** Below CGROUP_PATH. */
  readonly path: string;
  readonly first: FirstProcess;
  readonly names: ContainerNames;
  /** When the machine was booted, seconds since 1970. */
  readonly bootSeconds: number;
}

export class Container {
  readonly path: string;
  readonly pid: string;
  /** After the boot; 0 when it is not known. */
  readonly startSeconds: number;
  /** Label values in the order of the catalogue. */
  readonly labels: readonly string[];
  readonly #startedSeconds: number | undefined;
  readonly #names: ContainerNames;
  readonly #deviceLabels = new Map<string, readonly string[]>();
  readonly #deviceNames = new Map<string, string>();
  #settings: readonly Setting[] = [];
  #isCpuLimited = false;
  #isDetailed = false;
  #isKeptOpen = false;
  #networkPath: string | undefined;

  constructor({ path, first, names, bootSeconds }: ContainerOptions) {
    this.path = path;
    this.pid = first.pid;
    this.startSeconds = first.startSeconds ?? 0;
    this.#startedSeconds = first.startSeconds === undefined ? undefined : bootSeconds + first.startSeconds;
    this.#names = names;
    const { container, image, name, namespace, pod } = names;
    this.labels = [container, path, image, name, namespace, pod];
  }

  /** Whether it is this one: neither started anew nor renamed. */
  isSame(first: FirstProcess, names: ContainerNames): boolean {
    return first.pid === this.pid && names.name === this.#names.name && names.image === this.#names.image;
  }

  /**
   * Reads what hardly changes, and decides how much is told until the next time.
   * @param options.networkPath file with the counters of its network, undefined for none
   * @param options.isKeptOpen whether the files of its control group, up to FILES_EACH, stay open between readings
   */
  prepare(
    host: Host,
    options: {
      readonly isDetailed: boolean;
      readonly isKeptOpen: boolean;
      readonly networkPath: string | undefined;
    },
  ): void {
    this.#isDetailed = options.isDetailed;
    this.#isKeptOpen = options.isKeptOpen;
    this.#deviceNames.clear();
    this.#networkPath = options.networkPath;
    const limits = LIMITS.flatMap(([metric, file]) => {
      if (!options.isDetailed && metric !== 'container_spec_memory_limit_bytes') return [];
      const parse = (bytes: Buffer): number => parseLimit(bytes.toString('latin1'), file) ?? WITHOUT_LIMIT;
      return readSetting(host, this.#file(file), { metric, parse }) ?? [];
    });
    this.#settings = options.isDetailed ? [...limits, ...this.#cpuLimit(host)] : limits;
  }

  /** Adds all values, nothing when the container is gone; whether it is there. */
  add(host: Host, readings: Readings): boolean {
    let cpu: string;
    try {
      const bytes = this.#read(host, 'cpu.stat');
      if (bytes === undefined) return false;
      cpu = bytes.toString('latin1');
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      cpu = '';
    }
    const { labels } = this;
    attempt(readings, ['container_cpu_usage_seconds_total'], this.#labelsWith(1, 'total'), () => {
      const seconds = parseCpuSeconds(cpu);
      readings.addLabelled('container_cpu_usage_seconds_total', this.#labelsWith(1, 'total'), seconds);
    });
    attempt(readings, ['container_memory_usage_bytes'], labels, () => this.#addMemory(host, readings));
    if (this.#isDetailed) this.#addDetails(host, readings, cpu);
    for (const setting of this.#settings) addSetting(readings, setting, labels);
    return true;
  }

  #addMemory(host: Host, readings: Readings): void {
    const usage = this.#read(host, 'memory.current');
    if (usage === undefined) return;
    const usageBytes = parseInteger(usage, 'memory.current');
    readings.addLabelled('container_memory_usage_bytes', this.labels, usageBytes);
    if (!this.#isDetailed) return;
    attempt(readings, MEMORY, this.labels, () => {
      const text = this.#read(host, 'memory.stat')?.toString('latin1');
      if (text === undefined) return;
      for (const { metric, value } of parseMemory(text, usageBytes)) {
        readings.addLabelled(metric, this.labels, value);
      }
    });
  }

  #addDetails(host: Host, readings: Readings, cpu: string): void {
    const { labels } = this;
    attempt(readings, this.#isCpuLimited ? [...CPU_DETAILS, ...CPU_THROTTLED] : CPU_DETAILS, labels, () => {
      for (const { metric, value } of parseCpuDetails(cpu, this.#isCpuLimited)) {
        readings.addLabelled(metric, labels, value);
      }
    });
    attempt(readings, ['container_oom_events_total'], labels, () => {
      const kills = parseOomKills(this.#read(host, 'memory.events')?.toString('latin1') ?? '');
      if (kills !== undefined) readings.addLabelled('container_oom_events_total', labels, kills);
    });
    for (const [metric, file] of NUMBERS) {
      attempt(readings, [metric], labels, () => {
        const bytes = this.#read(host, file);
        if (bytes !== undefined) readings.addLabelled(metric, labels, parseInteger(bytes, file));
      });
    }
    attempt(readings, DISK, this.#labelsWith(1, ''), () => this.#addDisks(host, readings));
    if (this.#networkPath !== undefined) {
      const path = this.#networkPath;
      const failing = NETWORK.map(([metric]) => metric);
      attempt(readings, failing, this.#labelsWith(3, ''), () => this.#addNetwork(host, readings, path));
    }
    if (this.#startedSeconds !== undefined) {
      readings.addLabelled('container_start_time_seconds', labels, this.#startedSeconds);
    }
  }

  #addDisks(host: Host, readings: Readings): void {
    const bytes = this.#read(host, 'io.stat');
    const devices = bytes === undefined ? [] : parseIo(bytes);
    for (const { number, values } of devices.slice(0, DEVICES_MAX)) {
      const labels = this.#labelsWith(1, this.#deviceName(host, number));
      for (const { metric, value } of values) readings.addLabelled(metric, labels, value);
    }
    readings.dropOverLimit(Math.max(0, devices.length - DEVICES_MAX) * DISK.length);
  }

  #addNetwork(host: Host, readings: Readings, path: string): void {
    // Never kept open: an open file of /proc/<pid>/net keeps the namespace, with its devices, when the container is gone.
    const bytes = readOrGone(() => host.readOnce(path));
    if (bytes === undefined) return;
    const all = parseNetworkDevices(bytes.toString());
    const devices = all.filter(({ device }) => !INTERFACE_EXCLUDED.test(device));
    for (const { device, counters } of devices.slice(0, DEVICES_MAX)) {
      const labels = this.#labelsWith(3, device);
      for (const [metric, counter] of NETWORK) {
        readings.addLabelled(metric, labels, counters[NETWORK_COUNTERS.indexOf(counter)] ?? Number.NaN);
      }
    }
    readings.dropOverLimit(Math.max(0, devices.length - DEVICES_MAX) * NETWORK.length);
  }

  /** Sets whether there is a limit as well, because without one the counts of throttling say nothing. */
  #cpuLimit(host: Host): readonly Setting[] {
    this.#isCpuLimited = false;
    try {
      const limit = parseCpuLimit(
        readOrGone(() => host.readOnce(this.#file('cpu.max')))?.toString('latin1') ?? 'max',
      );
      if (limit === undefined) return [];
      this.#isCpuLimited = true;
      return [
        { metric: 'container_spec_cpu_period', value: limit.period },
        { metric: 'container_spec_cpu_quota', value: limit.quota },
      ];
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return [{ metric: 'container_spec_cpu_quota', code: sampleErrorCode(error) }];
    }
  }

  #file(name: string): string {
    return `${CGROUP_PATH}${this.path}/${name}`;
  }

  /** Undefined when the kernel does not have it, or the container has just gone. */
  #read(host: Host, name: string): Buffer | undefined {
    const path = this.#file(name);
    return readOrGone(() => (this.#isKeptOpen ? host.read(path) : host.readOnce(path)));
  }

  /** The labels with one more at `place`. */
  #labelsWith(place: number, value: string): readonly string[] {
    const key = `${place} ${value}`;
    let labels = this.#deviceLabels.get(key);
    if (labels === undefined) {
      if (this.#deviceLabels.size >= DEVICE_LABELS_MAX) this.#deviceLabels.clear();
      labels = this.labels.toSpliced(place, 0, value);
      this.#deviceLabels.set(key, labels);
    }
    return labels;
  }

  /** `/dev/sda` for `8:0`; the number itself when the kernel does not tell. */
  #deviceName(host: Host, number: string): string {
    const known = this.#deviceNames.get(number);
    if (known !== undefined) return known;
    const name = linkedName(host, `/sys/dev/block/${number}`);
    const shown = name === undefined ? number : `/dev/${name}`;
    if (this.#deviceNames.size < DEVICE_LABELS_MAX) this.#deviceNames.set(number, shown);
    return shown;
  }
}

function linkedName(host: Host, path: string): string | undefined {
  try {
    return basename(host.readLink(path));
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}

function readOrGone(read: () => Buffer): Buffer | undefined {
  try {
    return read();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
