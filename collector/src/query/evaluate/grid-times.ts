/**
 * The times of grids that were asked for lately. The charts of a dashboard have one grid, each of their selectors and results
 * needs its times, and an array that is made anew lies outside of the heap, where making and clearing away takes longer than
 * filling it.
 */
import { timeAt, type Grid } from './columns.ts';

/** Grids that are kept; offsets make others. */
const GRIDS_MAX = 8;
/** Fewer times are made as quickly as they are found; there is one where a question is about one moment. */
const TIMES_MIN = 16;
/** Steps of a range query at most; subqueries may have more, and are not kept. */
const TIMES_MAX = 12_000;

interface KeptGrid extends Grid {
  readonly timesMs: Float64Array;
}

/** Of an engine. It keeps less than a megabyte. */
export class GridTimes {
  /** Newest first. */
  readonly #kept: KeptGrid[] = [];

  /** The times of a grid in UTC milliseconds, all of them moved by `-offsetMs`; others have the array too, so not to be changed. */
  of(grid: Grid, offsetMs = 0): Float64Array {
    const { stepMs, count } = grid;
    const startMs = grid.startMs - offsetMs;
    if (count < TIMES_MIN || count > TIMES_MAX) return timesOf({ startMs, stepMs, count });
    const kept = this.#kept;
    for (const [at, one] of kept.entries()) {
      if (one.startMs !== startMs || one.stepMs !== stepMs || one.count !== count) continue;
      if (at > 0) kept.unshift(...kept.splice(at, 1));
      return one.timesMs;
    }
    const timesMs = timesOf({ startMs, stepMs, count });
    kept.unshift({ startMs, stepMs, count, timesMs });
    if (kept.length > GRIDS_MAX) kept.pop();
    return timesMs;
  }
}

function timesOf(grid: Grid): Float64Array {
  const timesMs = new Float64Array(grid.count);
  for (let i = 0; i < timesMs.length; i++) timesMs[i] = timeAt(grid, i);
  return timesMs;
}
