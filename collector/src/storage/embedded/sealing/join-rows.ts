/** Puts the rows of several groups of one host and schema together, in order of time. */
import { STATE } from '../blocks/block.ts';
import type { Column, PackedColumn, PackedGroup } from '../format/group.ts';
import { increaseBetween, ROLLUP } from './rollup.ts';

/** Rows of one written group; the format allows a few more. */
export const GROUP_ROWS_MAX = 100_000;
/** Mean rows of segments below which a column is encoded anew: each segment costs some bytes and its own decoding. */
const SEGMENT_ROWS_MEAN_MIN = 100;

/** Rows of one group. `column` reads one of its columns, `packed` all of them without decoding their values. */
export interface RowSource {
  readonly timesMs: Float64Array;
  readonly column: (index: number) => Column;
  readonly segmentRows: readonly number[];
  readonly packed: () => readonly PackedColumn[];
}

/** All rows of the sources: their times, and how to get a column of them. */
export interface JoinedRows {
  readonly timesMs: Float64Array;
  readonly column: (index: number) => Column;
}

/**
 * Of rows of one time a value beats a stale marker, and of several values the one of the earlier source counts.
 * @param sources in the order in which their samples count
 * @param isRollup the sources hold rollups: then a counter's first increase in each source is completed
 */
export function joinRows(sources: readonly RowSource[], isRollup: boolean): JoinedRows {
  const ordered = inOrder(sources);
  const [only] = ordered;
  if (only !== undefined && ordered.length === 1) return only;
  return areApart(ordered) ? chained(ordered, isRollup) : interleaved(sources);
}

/** Rows whose values go from one file to another as they are. */
export type PackedRows = Pick<PackedGroup, 'timesMs' | 'segmentRows' | 'columns'>;

/**
 * The rows of the sources with their values as they are encoded, cut into pieces that fit into a group each. Undefined when
 * sources overlap, or when their segments are so short that encoding them together is worth it.
 */
export function packRows(sources: readonly RowSource[]): readonly PackedRows[] | undefined {
  const rowCount = sources.reduce((sum, { timesMs }) => sum + timesMs.length, 0);
  const segmentCount = sources.reduce((sum, { segmentRows }) => sum + segmentRows.length, 0);
  const ordered = inOrder(sources);
  if (rowCount < segmentCount * SEGMENT_ROWS_MEAN_MIN || !areApart(ordered)) return undefined;
  const pieces: RowSource[][] = [];
  let rowsLeft = 0;
  for (const source of ordered) {
    rowsLeft -= source.timesMs.length;
    const last = pieces.at(-1);
    if (last === undefined || rowsLeft < 0) {
      pieces.push([source]);
      rowsLeft = GROUP_ROWS_MAX - source.timesMs.length;
    } else last.push(source);
  }
  return pieces.map(packPiece);
}

function packPiece(sources: readonly RowSource[]): PackedRows {
  const lengths = sources.map(({ timesMs }) => timesMs.length);
  const all = sources.map((source) => source.packed());
  const columns = (all[0] ?? []).map((_, index): PackedColumn => {
    const parts = all.map((columnsOf) => columnsOf[index]);
    return {
      states: chainStates(
        parts.map((part) => part?.states),
        lengths,
      ),
      segments: parts.flatMap((part) => part?.segments ?? []),
    };
  });
  return {
    timesMs: chainTimes(sources),
    segmentRows: sources.flatMap(({ segmentRows }) => segmentRows),
    columns,
  };
}

function inOrder(sources: readonly RowSource[]): readonly RowSource[] {
  return sources.toSorted((left, right) => (left.timesMs[0] ?? 0) - (right.timesMs[0] ?? 0));
}

/** Whether each source ends before the next one begins. */
function areApart(ordered: readonly RowSource[]): boolean {
  return ordered.every((source, at) => {
    const before = ordered[at - 1]?.timesMs.at(-1);
    return before === undefined || before < (source.timesMs[0] ?? 0);
  });
}

/** Sources that follow one another. */
function chained(sources: readonly RowSource[], isRollup: boolean): JoinedRows {
  const timesMs = chainTimes(sources);
  const lengths = sources.map((source) => source.timesMs.length);
  return {
    timesMs,
    column: (index) => {
      const parts = sources.map(({ column }) => column(index));
      const chain = chainColumns(parts, timesMs.length, lengths);
      if (isRollup) completeIncreases(chain, lengths);
      return chain;
    },
  };
}

function chainTimes(sources: readonly RowSource[]): Float64Array {
  const timesMs = new Float64Array(sources.reduce((sum, source) => sum + source.timesMs.length, 0));
  let at = 0;
  for (const source of sources) {
    timesMs.set(source.timesMs, at);
    at += source.timesMs.length;
  }
  return timesMs;
}

/** States of all rows, undefined when all are present. */
function chainStates(
  parts: readonly (Uint8Array | undefined)[],
  lengths: readonly number[],
): Uint8Array | undefined {
  if (parts.every((states) => states === undefined)) return undefined;
  const all = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0)).fill(STATE.PRESENT);
  let at = 0;
  for (const [i, states] of parts.entries()) {
    if (states !== undefined) all.set(states, at);
    at += lengths[i] ?? 0;
  }
  return all;
}

function chainColumns(parts: readonly Column[], length: number, lengths: readonly number[]): Column {
  const streamCount = parts[0]?.streams.length ?? 0;
  const streams = Array.from({ length: streamCount }, (_, stream) =>
    parts.some((part) => part.streams[stream] !== undefined) ? new Float64Array(length) : undefined,
  );
  let at = 0;
  for (const [i, part] of parts.entries()) {
    for (const [stream, values] of part.streams.entries())
      if (values !== undefined) streams[stream]?.set(values, at);
    at += lengths[i] ?? 0;
  }
  const states = chainStates(
    parts.map((part) => part.states),
    lengths,
  );
  return { states, streams };
}

/** Adds to the first increase of each source what the counter rose by since the source before. */
function completeIncreases({ states, streams }: Column, lengths: readonly number[]): void {
  const increases = streams[ROLLUP.INCREASE];
  const lasts = streams[ROLLUP.LAST];
  if (increases === undefined || lasts === undefined) return;
  let before = Number.NaN;
  let row = 0;
  for (const length of lengths) {
    const end = row + length;
    let isFirst = true;
    for (; row < end; row++) {
      if (states !== undefined && states[row] !== STATE.PRESENT) continue;
      const last = lasts[row] ?? Number.NaN;
      const increase = increases[row] ?? 0;
      if (isFirst && !Number.isNaN(before))
        increases[row] = increase + increaseBetween(before, { last, increase });
      isFirst = false;
      before = last;
    }
  }
}

/** Sources that overlap in time. */
function interleaved(sources: readonly RowSource[]): JoinedRows {
  const all: { readonly timeMs: number; readonly source: number; readonly row: number }[] = [];
  for (const [source, { timesMs }] of sources.entries())
    for (const [row, timeMs] of timesMs.entries()) all.push({ timeMs, source, row });
  all.sort((left, right) => left.timeMs - right.timeMs || left.source - right.source);
  const begins = all.flatMap(({ timeMs }, at) => (timeMs === all[at - 1]?.timeMs ? [] : [at]));
  const timesMs = Float64Array.from(begins, (at) => all[at]?.timeMs ?? 0);
  return {
    timesMs,
    column: (index) => {
      const parts = sources.map(({ column }) => column(index));
      const states = new Uint8Array(begins.length);
      const streams = Array.from({ length: parts[0]?.streams.length ?? 0 }, (_, stream) =>
        parts.some((part) => part.streams[stream] !== undefined)
          ? new Float64Array(begins.length)
          : undefined,
      );
      for (const [to, begin] of begins.entries()) {
        const end = begins[to + 1] ?? all.length;
        for (let at = begin; at < end; at++) {
          const from = all[at];
          const part = parts[from?.source ?? 0];
          if (from === undefined || part === undefined) continue;
          const state = part.states === undefined ? STATE.PRESENT : (part.states[from.row] ?? STATE.ABSENT);
          if (states[to] === STATE.PRESENT || state === STATE.ABSENT) continue;
          states[to] = state;
          for (const [stream, values] of streams.entries())
            if (values !== undefined) values[to] = part.streams[stream]?.[from.row] ?? 0;
        }
      }
      const isComplete = states.every((state) => state === STATE.PRESENT);
      return { states: isComplete ? undefined : states, streams };
    },
  };
}
