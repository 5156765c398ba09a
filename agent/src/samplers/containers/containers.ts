/**
 * What control groups tell of containers: which folder is one, and the numbers in its files. Pure. Source:
 * Documentation/admin-guide/cgroup-v2.rst of Linux; the names of the folders are those of Docker, Podman, containerd and
 * CRI-O with either of their two drivers.
 */
import type { MetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { lines, ParseError, parseKeyed, parseNumber } from '../parse.ts';

/** `docker-<id>.scope`, `libpod-<id>`, `cri-containerd-<id>.scope`, `<id>` … */
const CONTAINER = /^(?:[a-z]+-)*([0-9a-f]{64})(?:\.scope)?$/;
/** What watches a container of Podman or CRI-O stands beside it under nearly the same name. */
const MONITOR = /conmon/;
/** Files of control groups and units of systemd have a point in their name; what may hold containers does not, or is one of these. */
const HOLDER = /^[^.]+$|\.slice$|^user@\d+\.service$/;

/** The container's id when a folder of this name is one. */
export function containerIdOf(folder: string): string | undefined {
  return MONITOR.test(folder) ? undefined : CONTAINER.exec(folder)?.[1];
}

/** Whether there may be containers below a folder of this name, which is none itself. */
export function mayHoldContainers(folder: string): boolean {
  return HOLDER.test(folder) && !MONITOR.test(folder);
}

/** A metric and its value in base units. */
export interface Value {
  readonly metric: MetricName;
  readonly value: number;
}

const US_PER_SECOND = 1_000_000;

const CPU_USAGE = new Map([['usage_usec', true]]);
const CPU_SECONDS = new Map<string, MetricName>([
  ['user_usec', 'container_cpu_user_seconds_total'],
  ['system_usec', 'container_cpu_system_seconds_total'],
]);
const THROTTLED = new Map<string, MetricName>([
  ['nr_periods', 'container_cpu_cfs_periods_total'],
  ['nr_throttled', 'container_cpu_cfs_throttled_periods_total'],
]);
const THROTTLED_SECONDS = new Map<string, MetricName>([
  ['throttled_usec', 'container_cpu_cfs_throttled_seconds_total'],
]);

/** Seconds in all, from `cpu.stat`. @throws ParseError */
export function parseCpuSeconds(text: string): number {
  const [usage] = parseKeyed(text, CPU_USAGE, 'cpu.stat');
  if (usage === undefined) throw new ParseError('parse cpu.stat: there is no usage_usec');
  return usage.value / US_PER_SECOND;
}

/**
 * What else `cpu.stat` tells.
 * @param isLimited whether the container has a limit: without one the counts of throttling mean nothing
 * @throws ParseError
 */
export function parseCpuDetails(text: string, isLimited: boolean): readonly Value[] {
  const seconds = (keys: ReadonlyMap<string, MetricName>): readonly Value[] =>
    parseKeyed(text, keys, 'cpu.stat').map(({ metric, value }) => ({ metric, value: value / US_PER_SECOND }));
  if (!isLimited) return seconds(CPU_SECONDS);
  return [...seconds(CPU_SECONDS), ...parseKeyed(text, THROTTLED, 'cpu.stat'), ...seconds(THROTTLED_SECONDS)];
}

const INACTIVE = new Map([['inactive_file', true]]);
const MEMORY = new Map<string, MetricName>([
  ['anon', 'container_memory_rss'],
  ['file', 'container_memory_cache'],
  ['file_mapped', 'container_memory_mapped_file'],
]);

/**
 * What `memory.stat` tells, the working set first: usage less the page cache that has not been used lately.
 * @param usageBytes from `memory.current`
 * @throws ParseError
 */
export function parseMemory(text: string, usageBytes: number): readonly Value[] {
  const [inactive] = parseKeyed(text, INACTIVE, 'memory.stat');
  if (inactive === undefined) throw new ParseError('parse memory.stat: there is no inactive_file');
  // The two files are read one after the other, so the part may have outgrown the whole.
  const workingSet = Math.max(0, usageBytes - inactive.value);
  return [
    { metric: 'container_memory_working_set_bytes', value: workingSet },
    ...parseKeyed(text, MEMORY, 'memory.stat'),
  ];
}

const OOM_KILLS = new Map([['oom_kill', true]]);

/** Processes that were killed, from `memory.events`; kernels before 4.19 do not count them. @throws ParseError */
export function parseOomKills(text: string): number | undefined {
  return parseKeyed(text, OOM_KILLS, 'memory.events')[0]?.value;
}

/** The number in a file of a limit, undefined for `max`, which is none. @throws ParseError naming `what` */
export function parseLimit(text: string, what: string): number | undefined {
  const word = text.trim();
  return word === 'max' ? undefined : parseNumber(word, what);
}

/** Microseconds of `cpu.max`, undefined without a limit. @throws ParseError */
export function parseCpuLimit(text: string): { readonly quota: number; readonly period: number } | undefined {
  const [quota, period] = text.trim().split(' ');
  if (quota === 'max') return undefined;
  return { quota: parseNumber(quota, 'cpu.max'), period: parseNumber(period, 'cpu.max') };
}

/** Keys of `io.stat` in the order in which they are told. */
const IO_KEYS = [
  ['rbytes', 'container_fs_reads_bytes_total'],
  ['wbytes', 'container_fs_writes_bytes_total'],
  ['rios', 'container_fs_reads_total'],
  ['wios', 'container_fs_writes_total'],
] as const;

export interface DeviceValues {
  /** Of the block device, `8:0`. */
  readonly number: string;
  readonly values: readonly Value[];
}

/** The devices of `io.stat` in its order; one that was not used yet has no numbers, and is left out. @throws ParseError */
export function parseIo(bytes: Buffer): readonly DeviceValues[] {
  return lines(bytes).flatMap((line) => {
    const [number = '', ...pairs] = line.trim().split(/\s+/);
    if (!/^\d+:\d+$/.test(number)) {
      throw new ParseError(`parse io.stat: ${JSON.stringify(line.slice(0, 80))}`);
    }
    const texts = new Map(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
    const values = IO_KEYS.flatMap(([key, metric]) => {
      const text = texts.get(key);
      return text === undefined ? [] : [{ metric, value: parseNumber(text, 'io.stat') }];
    });
    return values.length === 0 ? [] : [{ number, values }];
  });
}
