/**
 * The few readings that tell how the machine is now. They go around the spool when a backlog keeps the newest readings
 * waiting, so that a person sees at once whether a host that came back is in trouble. They are never stored as samples.
 */
import { canBeFullest, isBusyMode, usedRatioOf } from '@rollcall/shared/catalogue/vitals.ts';
import type { Vitals } from '@rollcall/shared/protocol/handshake.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { SchemaValues } from '../samplers/readings.ts';
import type { SamplerResult } from '../scheduler/sampler-run.ts';
import type { Tick } from '../scheduler/tick.ts';

/** Where the values stand in a block of one schema. */
interface Columns {
  readonly cpuBusy: readonly number[];
  readonly cpuAll: readonly number[];
  readonly load1: number | undefined;
  readonly memoryTotal: number | undefined;
  readonly memoryAvailable: number | undefined;
  readonly filesystems: readonly {
    readonly mountpoint: string;
    readonly size: number;
    readonly available: number | undefined;
    readonly free: number | undefined;
    readonly readonly: number | undefined;
  }[];
}

export class NewestVitals {
  readonly #columns = new WeakMap<HashedSchema, Columns>();
  #wallMs: number | undefined;
  /** The newest result of each sampler. */
  readonly #results = new Map<string, SamplerResult>();
  #cpuBefore: { readonly schema: HashedSchema; readonly busy: number; readonly all: number } | undefined;
  #cpuBusyRatio: number | undefined;

  /**
   * Takes note of a tick. All but the processors, of which the tick before is needed too, is read when somebody asks,
   * which is seldom. What the tick did not ask stays as it was.
   */
  note({ wallMs, results }: Pick<Tick, 'wallMs' | 'results'>): void {
    this.#wallMs = wallMs;
    for (const result of results) {
      this.#results.set(result.sampler, result);
      if (result.kind === 'failed') continue;
      for (const part of result.parts) {
        const columns = this.#columnsOf(part);
        if (columns.cpuAll.length > 0) this.#noteCpu(part, columns);
      }
    }
  }

  /** Share of the time between the last two ticks that the processors worked; undefined when it is not known. */
  get cpuBusyRatio(): number | undefined {
    return this.#cpuBusyRatio;
  }

  /**
   * `timeMs` and, as far as they could be read, `cpuBusyRatio`, `load1`, `memoryUsedRatio`, `fullestRatio` and
   * `fullestMountpoint`. Null before the first tick.
   */
  current(): Vitals | null {
    if (this.#wallMs === undefined) return null;
    let vitals: Vitals = { timeMs: this.#wallMs };
    for (const result of this.#results.values()) {
      if (result.kind === 'failed') continue;
      for (const part of result.parts) vitals = { ...vitals, ...this.#read(part) };
    }
    return vitals;
  }

  #columnsOf({ schema }: SchemaValues): Columns {
    let columns = this.#columns.get(schema);
    if (columns === undefined) {
      columns = columnsOf(schema);
      this.#columns.set(schema, columns);
    }
    return columns;
  }

  #read(part: SchemaValues): Vitals {
    const columns = this.#columnsOf(part);
    const vitals: Record<string, number | string> = {};
    const { load1, memoryTotal, memoryAvailable } = columns;
    if (columns.cpuAll.length > 0 && this.#cpuBusyRatio !== undefined)
      vitals['cpuBusyRatio'] = this.#cpuBusyRatio;
    const load = valueAt(part, load1);
    if (load !== undefined) vitals['load1'] = load;
    const totalBytes = valueAt(part, memoryTotal) ?? 0;
    const availableBytes = valueAt(part, memoryAvailable);
    if (totalBytes > 0 && availableBytes !== undefined)
      vitals['memoryUsedRatio'] = 1 - availableBytes / totalBytes;
    for (const { mountpoint, size, available, free, readonly } of columns.filesystems) {
      const ratio = usedRatioOf({
        sizeBytes: valueAt(part, size),
        availableBytes: valueAt(part, available),
        freeBytes: valueAt(part, free),
        readonly: valueAt(part, readonly),
      });
      if (ratio === undefined || ratio <= Number(vitals['fullestRatio'] ?? -1)) continue;
      vitals['fullestRatio'] = ratio;
      vitals['fullestMountpoint'] = mountpoint;
    }
    return vitals;
  }

  #noteCpu(part: SchemaValues, { cpuBusy, cpuAll }: Columns): void {
    const now = { schema: part.schema, busy: sumOf(part, cpuBusy), all: sumOf(part, cpuAll) };
    const before = this.#cpuBefore;
    this.#cpuBefore = now;
    // A sum that misses a part is NaN, and another schema has other parts.
    const isComparable = before?.schema === now.schema && now.all > before.all && now.busy >= before.busy;
    this.#cpuBusyRatio = isComparable
      ? Math.min(1, (now.busy - before.busy) / (now.all - before.all))
      : undefined;
  }
}

/** NaN when any of them is absent: a part would pass for the whole. */
function sumOf(part: SchemaValues, indexes: readonly number[]): number {
  let sum = 0;
  for (const index of indexes) sum += valueAt(part, index) ?? NaN;
  return sum;
}

function columnsOf(schema: HashedSchema): Columns {
  const indexes = new Map<string, number>();
  const labels = new Map<string, readonly (readonly string[])[]>();
  const labelNames = new Map<string, readonly string[]>();
  let next = 0;
  for (const metric of schema.metrics) {
    indexes.set(metric.name, next);
    labels.set(metric.name, metric.series);
    labelNames.set(metric.name, metric.labelNames);
    next += metric.series.length;
  }
  const seriesOf = (name: string): readonly (readonly string[])[] => labels.get(name) ?? [];
  const indexOf = (name: string, series = 0): number => (indexes.get(name) ?? 0) + series;
  const onlyOne = (name: string): number | undefined => indexes.get(name);
  const cpu = 'node_cpu_seconds_total';
  const modeAt = labelNames.get(cpu)?.indexOf('mode') ?? 0;
  const cpuSeries = seriesOf(cpu).map((values, index) => ({ mode: values[modeAt], at: indexOf(cpu, index) }));
  const size = 'node_filesystem_size_bytes';
  const mountAt = labelNames.get(size)?.indexOf('mountpoint') ?? 0;
  const typeAt = labelNames.get(size)?.indexOf('fstype') ?? 0;
  const byLabels = (name: string): ReadonlyMap<string, number> =>
    new Map(seriesOf(name).map((values, index) => [values.join('\0'), indexOf(name, index)]));
  const available = byLabels('node_filesystem_avail_bytes');
  const free = byLabels('node_filesystem_free_bytes');
  const readonly = byLabels('node_filesystem_readonly');
  return {
    cpuBusy: cpuSeries.flatMap(({ mode, at }) => (isBusyMode(mode) ? [at] : [])),
    cpuAll: cpuSeries.map(({ at }) => at),
    load1: onlyOne('node_load1'),
    memoryTotal: onlyOne('node_memory_MemTotal_bytes'),
    memoryAvailable: onlyOne('node_memory_MemAvailable_bytes'),
    filesystems: seriesOf(size).flatMap((values, index) => {
      const mountpoint = values[mountAt] ?? '';
      if (!canBeFullest({ fstype: values[typeAt], mountpoint })) return [];
      const key = values.join('\0');
      return {
        mountpoint,
        size: indexOf(size, index),
        available: available.get(key),
        free: free.get(key),
        readonly: readonly.get(key),
      };
    }),
  };
}

function valueAt({ values, present }: SchemaValues, index: number | undefined): number | undefined {
  if (index === undefined || present?.[index] === 0) return undefined;
  return values[index];
}
