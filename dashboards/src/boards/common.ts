/** What several boards share: the choices at their top, the marks on their charts, and the questions of every host. */
import type { Choice, Mark } from '../board.ts';
import { combine, gauge, rate, share, type Query, type Shape } from '../query.ts';

/** Matchers for all hosts, and for the chosen one. */
export const FLEET = 'job=~"$job"';
export const HOST = 'job=~"$job",instance="$host"';

/** Every agent and every node_exporter sends it. */
const EVERY_HOST = 'node_time_seconds';

export const JOB: Choice = {
  name: 'job',
  title: 'Job',
  help: 'Hosts of Rollcall have the job "node"; others may stand beside them.',
  label: 'job',
  metric: EVERY_HOST,
  where: '',
  isMultiple: true,
};

export const HOST_CHOICE: Choice = {
  name: 'host',
  title: 'Host',
  help: 'The name of the host; with node_exporter the address that Prometheus scrapes.',
  label: 'instance',
  metric: EVERY_HOST,
  where: FLEET,
  isMultiple: false,
};

/** File systems that a person can fill: neither in memory nor an image. */
export const FILLABLE =
  'fstype!~"tmpfs|devtmpfs|ramfs|overlay|squashfs|erofs|iso9660|udf|autofs|nsfs|fuse.*"';
/** Network devices that are not the host talking to itself. */
export const REAL_NETWORK = 'device!~"lo|veth.*|docker.*|br-.*|cni.*|virbr.*"';
/** Disks, not their partitions of memory or images. */
export const REAL_DISK = 'device!~"loop.*|ram.*|zram.*|sr.*|fd.*"';

/** Alerts that fire; of one host when `scope` says so. */
export function alertMarks(scope: string): Mark {
  const matchers = ['alertstate="firing"', scope].filter((one) => one !== '').join(',');
  const condition = scope === '' ? '' : ' AND "instance" =~ /^(?:${host:regex})$/';
  return {
    name: 'Alerts',
    colour: 'red',
    promql: `ALERTS{${matchers}}`,
    title: '{{alertname}} {{instance}}',
    labels: ['alertname', 'instance', 'severity'],
    influxql:
      'SELECT "value", "alertname" AS "text", "instance", "severity" FROM "ALERTS" ' +
      `WHERE "alertstate" = 'firing'${condition} AND $timeFilter`,
  };
}

/** Five minutes after a start. */
export function restartMarks(scope: string): Mark {
  return {
    name: 'Restarts',
    colour: 'blue',
    promql: `node_time_seconds{${scope}} - node_boot_time_seconds{${scope}} < 300`,
    title: '{{instance}} has started',
    labels: ['instance'],
    influxql: null,
  };
}

/** For an hour after the kernel of a host has changed. */
export function kernelMarks(scope: string): Mark {
  return {
    name: 'Kernel changes',
    colour: 'purple',
    promql: `count by (instance) (count by (instance, release) (last_over_time(node_uname_info{${scope}}[1h]))) > 1`,
    title: '{{instance}} runs another kernel',
    labels: ['instance'],
    influxql: null,
  };
}

/** For an hour after the agent of a host has changed. */
export function agentMarks(scope: string): Mark {
  return {
    name: 'Agent changes',
    colour: 'yellow',
    promql: `count by (instance) (count by (instance, version) (last_over_time(rollcall_agent_info{${scope}}[1h]))) > 1`,
    title: '{{instance}} runs another agent',
    labels: ['instance'],
    influxql: null,
  };
}

/** Share of its processors that a host uses, 0–1. */
export function cpuBusy(shape: Shape): Query {
  return rate('node_cpu_seconds_total', {
    ...shape,
    where: 'mode="idle"',
    over: 'avg',
    map: (idle) => `1 - ${idle}`,
  });
}

/** Share of the memory that programs could not have, 0–1. */
export function memoryUsed(shape: Shape): Query {
  return share('node_memory_MemAvailable_bytes', 'node_memory_MemTotal_bytes', {
    ...shape,
    over: 'max',
    each: (free) => `1 - ${free}`,
  });
}

/** Share of the fullest file system that is used, 0–1. */
export function fullestFilesystem(shape: Shape): Query {
  return share('node_filesystem_avail_bytes', 'node_filesystem_size_bytes', {
    ...shape,
    where: FILLABLE,
    over: 'max',
    each: (free) => `1 - ${free}`,
  });
}

/** Share of the time that the busiest disk had something to do, 0–1. */
export function diskBusy(shape: Shape): Query {
  return rate('node_disk_io_time_seconds_total', { ...shape, where: REAL_DISK, over: 'max' });
}

/** Bits per second in or out, all real devices together. */
export function networkBits(direction: 'receive' | 'transmit', shape: Shape): Query {
  return rate(`node_network_${direction}_bytes_total`, {
    ...shape,
    where: REAL_NETWORK,
    over: 'sum',
    map: (bytes) => `${bytes} * 8`,
  });
}

/** Units of systemd that have failed. */
export function failedUnits(shape: Shape): Query {
  return gauge('node_systemd_units', { ...shape, where: 'state="failed"', over: 'sum' });
}

/** Seconds since the start. */
export function uptime(shape: Shape): Query {
  return combine(
    { left: 'node_time_seconds', operator: '-', right: 'node_boot_time_seconds' },
    { ...shape, over: 'max' },
  );
}
