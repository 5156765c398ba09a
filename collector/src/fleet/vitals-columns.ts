/** Which columns of a schema carry the vital readings. Found once per schema; schemas are shared by all ticks. */
import { canBeFullest, isBusyMode } from '@rollcall/shared/catalogue/vitals.ts';
import type { ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import type { Schema, SchemaMetric } from '@rollcall/shared/protocol/schema.ts';

const DEVICE_LEFT_OUT = /^(lo|veth.*)$/;

export interface FilesystemColumns {
  readonly mountpoint: string;
  readonly size: number;
  readonly available: number;
  readonly free: number;
  /** -1 when the schema has none, as for each column below. */
  readonly readonly: number;
}

/** Indices into the values of a block; -1 or an empty list for what the schema does not have. */
export interface VitalColumns {
  readonly cpuBusy: readonly number[];
  readonly cpuAll: readonly number[];
  readonly cpuCount: number;
  readonly memoryTotal: number;
  readonly memoryAvailable: number;
  readonly load1: number;
  readonly bootTime: number;
  readonly received: readonly number[];
  readonly transmitted: readonly number[];
  readonly filesystems: readonly FilesystemColumns[];
}

const byCache = new WeakMap<Schema, VitalColumns>();

/** The columns of `schema`; a look-up after the first call. */
export function vitalColumns(schema: Schema): VitalColumns {
  let columns = byCache.get(schema);
  if (columns === undefined) {
    columns = findColumns(schema);
    byCache.set(schema, columns);
  }
  return columns;
}

/** The value in a column, undefined when it is absent from this block. */
export function valueAt(block: ValuesBlock, column: number): number | undefined {
  if (column < 0 || (block.present !== undefined && block.present[column] !== 1)) return undefined;
  return block.values[column];
}

/** The sum over columns, undefined when there are none or any is absent: a part would pass for the whole. */
export function sumAt(block: ValuesBlock, columns: readonly number[]): number | undefined {
  if (columns.length === 0) return undefined;
  const { present, values } = block;
  let sum = 0;
  for (const column of columns) {
    if (present !== undefined && present[column] !== 1) return undefined;
    sum += values[column] ?? 0;
  }
  return sum;
}

function findColumns(schema: Schema): VitalColumns {
  const cpu = columnsOf(schema, 'node_cpu_seconds_total');
  const isOwnTraffic = (column: Column): boolean => !DEVICE_LEFT_OUT.test(column.labels.get('device') ?? '');
  return {
    cpuBusy: cpu.filter(({ labels }) => isBusyMode(labels.get('mode'))).map(({ index }) => index),
    cpuAll: cpu.map(({ index }) => index),
    cpuCount: new Set(cpu.map(({ labels }) => labels.get('cpu'))).size,
    memoryTotal: singleColumn(schema, 'node_memory_MemTotal_bytes'),
    memoryAvailable: singleColumn(schema, 'node_memory_MemAvailable_bytes'),
    load1: singleColumn(schema, 'node_load1'),
    bootTime: singleColumn(schema, 'node_boot_time_seconds'),
    received: columnsOf(schema, 'node_network_receive_bytes_total')
      .filter(isOwnTraffic)
      .map(({ index }) => index),
    transmitted: columnsOf(schema, 'node_network_transmit_bytes_total')
      .filter(isOwnTraffic)
      .map(({ index }) => index),
    filesystems: findFilesystems(schema),
  };
}

function findFilesystems(schema: Schema): FilesystemColumns[] {
  const byKey = (name: string) =>
    new Map(columnsOf(schema, name).map((column) => [column.key, column.index]));
  const available = byKey('node_filesystem_avail_bytes');
  const free = byKey('node_filesystem_free_bytes');
  const readonly = byKey('node_filesystem_readonly');
  return columnsOf(schema, 'node_filesystem_size_bytes').flatMap(({ index, key, labels }) => {
    const mountpoint = labels.get('mountpoint') ?? '';
    if (!canBeFullest({ fstype: labels.get('fstype'), mountpoint })) return [];
    return {
      mountpoint,
      size: index,
      available: available.get(key) ?? -1,
      free: free.get(key) ?? -1,
      readonly: readonly.get(key) ?? -1,
    };
  });
}

interface Column {
  readonly index: number;
  /** Equal for series of different metrics with the same labels. */
  readonly key: string;
  readonly labels: ReadonlyMap<string, string>;
}

function columnsOf(schema: Schema, name: string): Column[] {
  let start = 0;
  for (const metric of schema.metrics) {
    if (metric.name === name) return columnsOfMetric(metric, start);
    start += metric.series.length;
  }
  return [];
}

function columnsOfMetric(metric: SchemaMetric, start: number): Column[] {
  return metric.series.map((values, at) => {
    const labels = metric.labelNames.map((label, i) => [label, values[i] ?? ''] as const);
    return { index: start + at, key: JSON.stringify(labels), labels: new Map(labels) };
  });
}

function singleColumn(schema: Schema, name: string): number {
  return columnsOf(schema, name)[0]?.index ?? -1;
}
