/** Rates and differences. Source of the extrapolation: Prometheus, `promql/functions.go`, extrapolatedRate. */
import type { RangeSeries } from '../selectors.ts';
import { overWindow } from './window.ts';
import type { RangeFunction, Window } from './window.ts';

/** By name; those of counters add back what a reset took away. */
export const counterFunctions: Readonly<Record<string, RangeFunction>> = {
  rate: {
    samplesMin: 2,
    keepsName: false,
    start: (series) => counterIncrease(series, { isRate: true }),
    once: (window) => increaseOf(window, counted(window), { isRate: true }),
  },
  increase: {
    samplesMin: 2,
    keepsName: false,
    start: (series) => counterIncrease(series, { isRate: false }),
    once: (window) => increaseOf(window, counted(window), { isRate: false }),
  },
  delta: overWindow((window) => {
    const { values, from, to } = window;
    const difference = (values[to - 1] ?? NaN) - (values[from] ?? NaN);
    return difference * extrapolation(window, { isCounter: false, difference });
  }, 2),
  irate: overWindow(({ timestamps, values, to }) => {
    const [last, before] = [values[to - 1] ?? NaN, values[to - 2] ?? NaN];
    const seconds = ((timestamps[to - 1] ?? NaN) - (timestamps[to - 2] ?? NaN)) / 1000;
    // After a reset the counter has counted from 0.
    return (last < before ? last : last - before) / seconds;
  }, 2),
  idelta: overWindow(({ values, to }) => (values[to - 1] ?? NaN) - (values[to - 2] ?? NaN), 2),
  resets: overWindow(({ values, from, to }) => {
    let count = 0;
    for (let i = from + 1; i < to; i++) if ((values[i] ?? NaN) < (values[i - 1] ?? NaN)) count++;
    return count;
  }),
  changes: overWindow(({ values, from, to }) => {
    let count = 0;
    for (let i = from + 1; i < to; i++) {
      const [value, before] = [values[i] ?? NaN, values[i - 1] ?? NaN];
      if (value !== before && !(Number.isNaN(value) && Number.isNaN(before))) count++;
    }
    return count;
  }),
};

function counterIncrease(
  { values: all }: RangeSeries,
  { isRate }: { readonly isRate: boolean },
): (window: Window) => number {
  const resets = resetsOf(all);
  // Windows only move forward, and so does the first reset that lies in them.
  let firstReset = 0;
  return (window) => {
    const { values, from, to } = window;
    let difference = (values[to - 1] ?? NaN) - (values[from] ?? NaN);
    while ((resets[firstReset] ?? Infinity) <= from) firstReset++;
    for (let r = firstReset; (resets[r] ?? Infinity) < to; r++) {
      difference += values[(resets[r] ?? 0) - 1] ?? NaN;
    }
    return increaseOf(window, difference, { isRate });
  };
}

/** What a counter has counted from the first sample of a window to the last, resets added in order of time as above. */
function counted({ values, from, to }: Window): number {
  let difference = (values[to - 1] ?? NaN) - (values[from] ?? NaN);
  for (let i = from + 1; i < to; i++) {
    const before = values[i - 1] ?? NaN;
    if ((values[i] ?? NaN) < before) difference += before;
  }
  return difference;
}

/** What it counted, extrapolated to the whole window, and per second for a rate. */
function increaseOf(window: Window, difference: number, { isRate }: { readonly isRate: boolean }): number {
  // Zero (or minus zero) to whatever it is extrapolated: most counters stand still most of the time.
  if (difference === 0) return difference;
  // Operations in the order of Prometheus, so that results are equal to the last digit.
  const factor = extrapolation(window, { isCounter: true, difference });
  return difference * (isRate ? factor / (window.rangeMs / 1000) : factor);
}

/** Indices of the samples that are lower than the one before. */
function resetsOf(values: Float64Array): readonly number[] {
  const resets: number[] = [];
  for (let i = 1; i < values.length; i++) if ((values[i] ?? NaN) < (values[i - 1] ?? NaN)) resets.push(i);
  return resets;
}

/**
 * The factor from the time that the samples cover to the time that the window stands for. A gap at an edge counts in
 * full below 1.1 times the mean distance of samples, else as half that distance; a counter is not extended to before
 * it would have been 0.
 */
function extrapolation(
  { timestamps, values, from, to, endMs, rangeMs }: Window,
  { isCounter, difference }: { readonly isCounter: boolean; readonly difference: number },
): number {
  const [firstMs, lastMs] = [timestamps[from] ?? NaN, timestamps[to - 1] ?? NaN];
  const covered = (lastMs - firstMs) / 1000;
  const mean = covered / (to - from - 1);
  const threshold = mean * 1.1;
  let startGap = (firstMs - (endMs - rangeMs)) / 1000;
  let endGap = (endMs - lastMs) / 1000;
  if (startGap >= threshold) startGap = mean / 2;
  if (endGap >= threshold) endGap = mean / 2;
  const first = values[from] ?? NaN;
  if (isCounter && difference > 0 && first >= 0) {
    startGap = Math.min(startGap, covered * (first / difference));
  }
  return (covered + startGap + endGap) / covered;
}
