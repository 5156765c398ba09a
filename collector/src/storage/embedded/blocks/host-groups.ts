/** What the block files have of one host in a range, on its way into series. */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { STATE, type Block } from './block.ts';
import type { BlockFile } from './block-file.ts';
import type { BlockView } from './block-set.ts';
import type { TimeRange } from '../catalogue.ts';
import type { Column, SamplerTimeline } from '../reads/collect.ts';
import type { JoinedRead } from '../recent/joined-memory.ts';
import type { Pace } from '../reads/pace.ts';
import type { Segment } from '../rollups/resolution.ts';
import type { HostGroup } from './stored-groups.ts';

/** Files of a resolution that have readings in the range. */
export function filesIn(
  view: BlockView,
  { resolution, range: { fromMs, toMs } }: Pick<Segment, 'resolution' | 'range'>,
): BlockFile[] {
  return view.blocks.filter(
    ({ row }) => row.resolution === resolution && row.firstMs <= toMs && row.lastMs >= fromMs,
  );
}

/** Rows of a group within a range. */
interface Piece extends HostGroup {
  /** Rows from `low` on and before `high`. */
  readonly low: number;
  readonly high: number;
  readonly timesMs: Float64Array;
}

/** What there is of one sampler of a host. */
export interface SamplerParts {
  /** In order of their files. */
  readonly groups: readonly HostGroup[];
  /** The part of the read in which groups count. */
  readonly range: TimeRange;
  /** What does not stand in a block file, in order of time. */
  readonly readings: readonly Block[];
}

/** Readings between two looks at the clock. */
const READINGS_PER_LOOK = 16;

/**
 * Brings the groups and the readings of one sampler into its timeline, in order of time. Only rows that overlap others
 * in time are put together one by one.
 */
export async function addInOrder(timeline: SamplerTimeline, source: SamplerParts, pace: Pace): Promise<void> {
  const pieces = source.groups
    .flatMap((group) => toPiece(group, source.range))
    .sort((left, right) => startOf(left) - startOf(right));
  const { readings } = source;
  let next = 0;
  for (let at = 0; at < pieces.length;) {
    const cluster = clusterAt(pieces, at);
    at += cluster.length;
    const firstMs = Math.min(...cluster.map(startOf));
    const lastMs = Math.max(...cluster.map(endOf));
    const before = next;
    while ((readings[next]?.timeMs ?? Infinity) < firstMs) next++;
    await addReadings(timeline, readings.slice(before, next), pace);
    const begin = next;
    while ((readings[next]?.timeMs ?? Infinity) <= lastMs) next++;
    const [piece] = cluster;
    if (cluster.length === 1 && begin === next && piece !== undefined) await addPiece(timeline, piece, pace);
    else await addMixed(timeline, cluster, { readings: readings.slice(begin, next), pace });
  }
  await addReadings(timeline, readings.slice(next), pace);
}

/**
 * Like `addInOrder`, with arrays that are kept from read to read. Only where the groups are of one schema, follow each other,
 * and have every wanted series in every row.
 * @returns false when nothing was added: they are to be read one by one
 */
export async function addJoined(
  timeline: SamplerTimeline,
  { groups, readings, range }: SamplerParts,
  { joined, pace }: { readonly joined: JoinedRead | undefined; readonly pace: Pace },
): Promise<boolean> {
  const [first] = groups;
  if (joined === undefined || first === undefined || readings.length > 0) return false;
  const columns = timeline.columnsOf(first.schema);
  const rows = joined.rows(groups, columns.length);
  if (rows === undefined) return false;
  const low = firstAtLeast(rows.timesMs, range.fromMs);
  const high = firstAtLeast(rows.timesMs, range.toMs + 1);
  // A few rows of a long file are not worth reading all of it.
  if (2 * (high - low) < rows.timesMs.length) return false;
  const found: Float64Array[] = [];
  for (const { index } of columns) {
    const values = joined.columnOf(rows, index);
    if (values === undefined) return false;
    found.push(values);
    if (pace.isDue) await pace.rest();
  }
  for (const [at, { series }] of timeline.startRows(first.schema, rows.times(low, high)).entries()) {
    const values = found[at]?.subarray(low, high);
    if (values !== undefined) timeline.addColumn(series, { values, states: undefined });
  }
  return true;
}

/** Like `addInOrder` for series that bring their own ends: then the order does not matter. */
export async function addInAnyOrder(
  timeline: SamplerTimeline,
  source: SamplerParts,
  pace: Pace,
): Promise<void> {
  for (const group of source.groups) {
    for (const piece of toPiece(group, source.range)) await addPiece(timeline, piece, pace);
  }
  await addReadings(timeline, source.readings, pace);
}

async function addReadings(timeline: SamplerTimeline, readings: readonly Block[], pace: Pace): Promise<void> {
  for (const [at, reading] of readings.entries()) {
    timeline.add(reading);
    if (at % READINGS_PER_LOOK === 0 && pace.isDue) await pace.rest();
  }
}

/** The newest row of each sampler in the range, of those that have none newer in `found`; put into `found`. */
export function newestRows(
  groups: readonly HostGroup[],
  source: {
    readonly columnsOf: (schema: Schema) => readonly Column[];
    readonly rangeOf: (sampler: string) => TimeRange;
  },
  found: Map<string, Block>,
): void {
  for (const group of groups.toReversed()) {
    const { sampler } = group.schema;
    const knownMs = found.get(sampler)?.timeMs ?? Number.NEGATIVE_INFINITY;
    if (group.group.lastMs <= knownMs) continue;
    const [piece] = toPiece(group, source.rangeOf(sampler));
    if (piece === undefined || endOf(piece) <= knownMs) continue;
    const [row] = toBlocks({ ...piece, low: piece.high - 1 }, source.columnsOf(group.schema));
    if (row !== undefined) found.set(sampler, row);
  }
}

function startOf({ timesMs, low }: Piece): number {
  return timesMs[low] ?? Number.NaN;
}

function endOf({ timesMs, high }: Piece): number {
  return timesMs[high - 1] ?? Number.NaN;
}

function toPiece(group: HostGroup, { fromMs, toMs }: TimeRange): Piece[] {
  const timesMs = group.file.times(group.group);
  if (timesMs === undefined) return [];
  const low = firstAtLeast(timesMs, fromMs);
  const high = firstAtLeast(timesMs, toMs + 1);
  return low < high ? [{ ...group, timesMs, low, high }] : [];
}

/** Position of the first time at or after `timeMs`. */
export function firstAtLeast(timesMs: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timesMs[middle] ?? Infinity) < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The pieces from `at` on that overlap each other, directly or through others. */
function clusterAt(pieces: readonly Piece[], at: number): readonly Piece[] {
  let end = at;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (let piece = pieces[end]; piece !== undefined; piece = pieces[end]) {
    if (end > at && startOf(piece) > lastMs) break;
    lastMs = Math.max(lastMs, endOf(piece));
    end++;
  }
  return pieces.slice(at, end);
}

async function addPiece(timeline: SamplerTimeline, piece: Piece, pace: Pace): Promise<void> {
  const { file, group, low, high } = piece;
  const timesMs = rowsOf(piece.timesMs, low, high);
  for (const { index, series } of timeline.startRows(piece.schema, timesMs)) {
    const column = file.column(group, index, 0, { fromRow: low, toRow: high });
    if (column !== undefined) {
      const values = rowsOf(column.values, low, high);
      timeline.addColumn(series, { values, states: column.states?.subarray(low, high) });
    }
    if (pace.isDue) await pace.rest();
  }
}

/** Rows of a column: a view, unless a few rows would hold the memory of many until the read is over. */
function rowsOf(values: Float64Array, low: number, high: number): Float64Array {
  const isMost = 2 * (high - low) >= values.length;
  return isMost ? values.subarray(low, high) : values.slice(low, high);
}

/** Rows that overlap, one by one in order of time; of one time those of the older file come first. */
async function addMixed(
  timeline: SamplerTimeline,
  cluster: readonly Piece[],
  { readings, pace }: { readonly readings: readonly Block[]; readonly pace: Pace },
): Promise<void> {
  const all: Block[] = [...readings];
  for (const piece of cluster) {
    all.push(...toBlocks(piece, timeline.columnsOf(piece.schema)));
    if (pace.isDue) await pace.rest();
  }
  all.sort((left, right) => left.timeMs - right.timeMs || left.pos - right.pos);
  await addReadings(timeline, all, pace);
}

/** Rows as blocks of readings; only the wanted columns have values. */
function toBlocks({ file, group, schema, timesMs, low, high }: Piece, columns: readonly Column[]): Block[] {
  const blocks: Block[] = [];
  for (let row = low; row < high; row++) {
    blocks.push({
      schema,
      timeMs: timesMs[row] ?? 0,
      pos: file.lastPos,
      values: new Float64Array(schema.seriesCount),
      states: new Uint8Array(schema.seriesCount),
    });
  }
  for (const { index } of columns) {
    const column = file.column(group, index, 0, { fromRow: low, toRow: high });
    for (const [at, { values, states }] of blocks.entries()) {
      if (column === undefined || states === undefined) continue;
      values[index] = column.values[low + at] ?? Number.NaN;
      states[index] = column.states === undefined ? STATE.PRESENT : (column.states[low + at] ?? STATE.ABSENT);
    }
  }
  return blocks;
}
