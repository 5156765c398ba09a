/** Brings what there is of one host into series: from columns in memory, block files, the journal, and rollups. */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import type { SelectHints, SelectRequest } from '../../storage.ts';
import { STATE, type Block } from '../blocks/block.ts';
import type { BlockFile } from '../blocks/block-file.ts';
import type { CatalogueHost, TimeRange } from '../catalogue.ts';
import { SamplerTimeline, type Column, type SeriesCollector } from './collect.ts';
import type { HostBlocks, ReadGrid } from '../blocks/host-blocks.ts';
import { addInAnyOrder, addInOrder, addJoined } from '../blocks/host-groups.ts';
import { addRollups } from '../rollups/host-rollups.ts';
import type { JoinedRead } from '../recent/joined-memory.ts';
import type { Pace } from './pace.ts';
import type { HostColumns } from '../recent/recent-columns.ts';
import { blocksOf } from '../recent/readings.ts';
import { rollupUse, type Segment } from '../rollups/resolution.ts';
import type { RollupRun } from '../rollups/rollup-run.ts';
import { ROLLUP_MS } from '../sealing/rollup.ts';
import type { HostGroup } from '../blocks/stored-groups.ts';

/** Of shorter steps nearly all readings would be looked for one by one. */
export const GRID_STEP_MS_MIN = 60_000;

/** A part of a read's range with the block files that serve it. */
export interface ReadPart extends Segment {
  readonly files: readonly BlockFile[];
  /** The same, as they are read. */
  readonly sources: readonly (BlockFile | RollupRun)[];
  /** The range in which readings of the files count; rollups serve times that are somewhat later than they are. */
  readonly read: TimeRange;
}

/** What is being read of one host. */
export interface HostReading {
  readonly host: CatalogueHost;
  readonly samplers: ReadonlySet<string>;
  readonly columnsOf: (schema: Schema) => readonly Column[];
  /** What is in memory of the host for a read from a time on, if anything is. Not to be kept beyond the turn. */
  readonly columns: ((fromMs: number) => HostColumns | undefined) | undefined;
  readonly request: SelectRequest;
  readonly collector: SeriesCollector;
  readonly readings: HostBlocks;
  readonly pace: Pace;
  /** For rows of several files; undefined where nothing is kept. */
  readonly joined: JoinedRead | undefined;
}

interface SamplesSource {
  readonly range: TimeRange;
  readonly groups: readonly HostGroup[];
  readonly timelineOf: (sampler: string) => SamplerTimeline;
}

/**
 * Adds the samples of a host in a range: of columns in memory, and what is before them from where it stands.
 * @returns undefined when that was done at once: a promise for each host of a large fleet is a lot of garbage
 */
export function addSamples(reading: HostReading, source: SamplesSource): Promise<void> | undefined {
  // A block of the collector's own holds only some series of its schema, so its newest one is not enough.
  if (reading.host.agentId !== COLLECTOR_AGENT_ID && isInstant(reading.request.hints))
    return addNewest(reading, source);
  return addAll(reading, source);
}

async function addAll(reading: HostReading, source: SamplesSource): Promise<void> {
  const { toMs } = source.range;
  for (let { fromMs } = source.range; fromMs <= toMs;) {
    const columns = reading.columns?.(fromMs);
    if (columns !== undefined && columns.fromMs <= fromMs) {
      addColumns(columns, { fromMs, toMs }, reading, source);
      return;
    }
    // While the older part is read, the columns may be cut; what they lose is read the same way.
    const older = { fromMs, toMs: Math.min(toMs, (columns?.fromMs ?? Infinity) - 1) };
    await addStored(reading, { ...source, range: older });
    fromMs = older.toMs + 1;
  }
}

/** Adds what columns have in a range. Without a pause, because the columns of a host may be given up with the next turn. */
function addColumns(
  columns: HostColumns,
  range: TimeRange,
  { samplers }: HostReading,
  { timelineOf }: SamplesSource,
): void {
  for (const sampler of samplers) {
    for (const { run, low, high, timesMs } of columns.parts(sampler, range)) {
      const timeline = timelineOf(sampler);
      for (const { index, series } of timeline.startRows(run.schema, timesMs))
        timeline.addColumn(series, run.rows(index, low, high));
    }
  }
}

/** Adds the newest sample of each series, where the newest reading of its sampler has one. @returns as `addSamples` */
function addNewest(reading: HostReading, source: SamplesSource): Promise<void> | undefined {
  const { host, samplers, columns, columnsOf, collector, readings } = reading;
  const { range } = source;
  let missing = samplers;
  const recent = columns?.(range.fromMs);
  if (recent !== undefined) {
    const left = new Set(samplers);
    missing = left;
    for (const sampler of samplers) {
      const newest = recent.parts(sampler, range).at(-1);
      if (newest === undefined) continue;
      left.delete(sampler);
      const timesMs = newest.timesMs.slice(-1);
      for (const { index, series } of columnsOf(newest.run.schema)) {
        const value = newest.run.valueAt(index, newest.high - 1);
        if (value === undefined) continue;
        collector.count();
        series.pushOne(timesMs, value);
      }
    }
  }
  const older = { fromMs: range.fromMs, toMs: Math.min(range.toMs, (recent?.fromMs ?? Infinity) - 1) };
  if (missing.size === 0 || older.toMs < older.fromMs) return undefined;
  const blocks = readings.newestAtOnce({ host, samplers: missing, range: older });
  if (blocks === undefined) return addOlderNewest(reading, { ...source, range: older }, missing);
  for (const block of blocks) takePresent(block, columnsOf(block.schema), collector);
  return undefined;
}

async function addOlderNewest(
  { host, columnsOf, collector, readings }: HostReading,
  { range, groups }: SamplesSource,
  samplers: ReadonlySet<string>,
): Promise<void> {
  const found = await readings.newest({ host, samplers, range }, { list: groups, columnsOf });
  for (const block of found) takePresent(block, columnsOf(block.schema), collector);
}

/** Adds the samples of raw blocks, of the journal, and of the window in memory; of that only the newest where that is asked for. */
async function addStored(
  { host, samplers, readings, pace, request, joined }: HostReading,
  { range, groups, timelineOf }: SamplesSource,
): Promise<void> {
  const isOwn = host.agentId === COLLECTOR_AGENT_ID;
  const read = { host, samplers, range, grid: isOwn ? undefined : gridOf(request) };
  if (groups.length === 0) {
    // What agents sent is asked for otherwise then.
    const isNewest = isOwn && isInstant(request.hints);
    await readings.read(read, {
      block: (sampler, block) => timelineOf(sampler).add(block),
      runs(sampler, runs) {
        if (isNewest) timelineOf(sampler).addNewest(runs);
        else timelineOf(sampler).addRuns(runs);
      },
    });
    return;
  }
  const recent = new Map<string, Block[]>();
  const keep = (sampler: string, ...blocks: readonly Block[]): void => {
    const list = recent.get(sampler);
    if (list === undefined) recent.set(sampler, [...blocks]);
    else list.push(...blocks);
  };
  const ranges = await readings.read(read, {
    block: keep,
    runs: (sampler, runs) => keep(sampler, ...runs.flatMap(blocksOf)),
  });
  for (const [sampler, blockRange] of ranges) {
    const ofSampler = groups.filter(({ schema }) => schema.sampler === sampler);
    const parts = { groups: ofSampler, readings: recent.get(sampler) ?? [], range: blockRange };
    if (isOwn) await addInAnyOrder(timelineOf(sampler), parts, pace);
    else if (!(await addJoined(timelineOf(sampler), parts, { joined, pace })))
      await addInOrder(timelineOf(sampler), parts, pace);
  }
}

/** Adds what rollups have of a host in a part of the range. */
export async function addRollupPart(
  { columnsOf, request, collector, pace }: HostReading,
  { part, groups }: { readonly part: ReadPart; readonly groups: readonly HostGroup[] },
): Promise<void> {
  if (part.resolution === 'raw') return;
  const use = rollupUse(request.hints);
  await addRollups(groups, {
    collector,
    columnsOf,
    use,
    range: use === 'newest' ? part.read : part.range,
    spanMs: ROLLUP_MS[part.resolution],
    grid: { lastMs: request.toMs, stepMs: request.hints?.stepMs ?? 0, range: part.range },
    pace,
  });
}

/** Gives the timeline of a sampler, which is made with its first use. */
export function timelines(
  collector: SeriesCollector,
  options: { readonly columnsOf: (schema: Schema) => readonly Column[]; readonly hasDerivedEnds: boolean },
): (sampler: string) => SamplerTimeline {
  const bySampler = new Map<string, SamplerTimeline>();
  return (sampler) => {
    let timeline = bySampler.get(sampler);
    if (timeline === undefined) {
      timeline = new SamplerTimeline({ collector, ...options });
      bySampler.set(sampler, timeline);
    }
    return timeline;
  };
}

/** Only the newest sample of each series matters; see SelectHints. */
export function isInstant(hints: SelectHints | undefined): boolean {
  return hints !== undefined && (hints.stepMs ?? 0) === 0 && hints.rangeMs === undefined;
}

/** The times at which alone samples matter, where they are so far apart that reading all between them would be much more. */
function gridOf({ hints, toMs }: SelectRequest): ReadGrid | undefined {
  const { stepMs = 0, rangeMs } = hints ?? {};
  return rangeMs === undefined && stepMs >= GRID_STEP_MS_MIN ? { lastMs: toMs, stepMs } : undefined;
}

function takePresent(block: Block, columns: readonly Column[], collector: SeriesCollector): void {
  const timesMs = new Float64Array(1);
  timesMs[0] = block.timeMs;
  for (const { index, series } of columns) {
    if (block.states !== undefined && block.states[index] !== STATE.PRESENT) continue;
    collector.count();
    series.pushOne(timesMs, block.values[index] ?? Number.NaN);
  }
}
