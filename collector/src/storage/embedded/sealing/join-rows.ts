/** Puts the rows of several groups of one host and schema together, in order of time. */
import { STATE } from '../block.ts';
import type { Column } from '../format/group.ts';
import { increaseBetween, ROLLUP } from './rollup.ts';

/** Rows of one group. `column` reads one of its columns. */
export interface RowSource {
  readonly timesMs: Float64Array;
  readonly column: (index: number) => Column;
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
  const ordered = sources.toSorted((left, right) => (left.timesMs[0] ?? 0) - (right.timesMs[0] ?? 0));
  const [only] = ordered;
  if (only !== undefined && ordered.length === 1) return only;
  const areApart = ordered.every((source, at) => {
    const before = ordered[at - 1]?.timesMs.at(-1);
    return before === undefined || before < (source.timesMs[0] ?? 0);
  });
  return areApart ? chained(ordered, isRollup) : interleaved(sources);
}

/** Sources that follow one another. */
function chained(sources: readonly RowSource[], isRollup: boolean): JoinedRows {
  const length = sources.reduce((sum, { timesMs }) => sum + timesMs.length, 0);
  const timesMs = new Float64Array(length);
  let at = 0;
  for (const source of sources) {
    timesMs.set(source.timesMs, at);
    at += source.timesMs.length;
  }
  return {
    timesMs,
    column: (index) => {
      const parts = sources.map(({ column }) => column(index));
      const chain = chainColumns(
        parts,
        length,
        sources.map((source) => source.timesMs.length),
      );
      if (isRollup)
        completeIncreases(
          chain,
          sources.map((source) => source.timesMs.length),
        );
      return chain;
    },
  };
}

function chainColumns(parts: readonly Column[], length: number, lengths: readonly number[]): Column {
  const isComplete = parts.every(({ states }) => states === undefined);
  const states = isComplete ? undefined : new Uint8Array(length);
  const streamCount = parts[0]?.streams.length ?? 0;
  const streams = Array.from({ length: streamCount }, (_, stream) =>
    parts.some((part) => part.streams[stream] !== undefined) ? new Float64Array(length) : undefined,
  );
  let at = 0;
  for (const [i, part] of parts.entries()) {
    const count = lengths[i] ?? 0;
    if (states !== undefined) {
      if (part.states === undefined) states.fill(STATE.PRESENT, at, at + count);
      else states.set(part.states, at);
    }
    for (const [stream, values] of part.streams.entries())
      if (values !== undefined) streams[stream]?.set(values, at);
    at += count;
  }
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
