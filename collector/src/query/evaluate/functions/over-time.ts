/** The `*_over_time` functions: statistics of the values in a window. */
import { nextCorrection, quantile, quantileOfSorted, StableMean } from '../numeric.ts';
import { extremeOf, movingExtreme, SortedWindow } from './moving.ts';
import { overWindow } from './window.ts';
import type { RangeFunction, Window, WindowFunction } from './window.ts';

/** By name. */
export const overTimeFunctions: Readonly<Record<string, RangeFunction>> = {
  sum_over_time: overWindow(sum),
  avg_over_time: {
    samplesMin: 1,
    keepsName: false,
    start: ({ counts }) => (counts === undefined ? mean : (window) => weightedMean(window, counts)),
  },
  min_over_time: extreme((a, b) => a < b),
  max_over_time: extreme((a, b) => a > b),
  count_over_time: {
    samplesMin: 1,
    keepsName: false,
    start: ({ counts }) =>
      counts === undefined ? ({ from, to }) => to - from : (window) => sumOf(counts, window),
  },
  present_over_time: overWindow(() => 1),
  first_over_time: {
    samplesMin: 1,
    keepsName: true,
    start: () => (window) => window.values[window.from] ?? NaN,
  },
  last_over_time: {
    samplesMin: 1,
    keepsName: true,
    start: () => (window) => window.values[window.to - 1] ?? NaN,
  },
  stddev_over_time: overWindow((window) => Math.sqrt(variance(window))),
  stdvar_over_time: overWindow(variance),
  quantile_over_time: {
    samplesMin: 1,
    keepsName: false,
    start() {
      const sorted = new SortedWindow();
      return (window) => quantileOfSorted(window.params[0] ?? NaN, sorted.move(window));
    },
  },
  mad_over_time: {
    samplesMin: 1,
    keepsName: false,
    start() {
      const copyOf = copier();
      return (window) => {
        const median = quantile(0.5, copyOf(window));
        const distances = copyOf(window);
        for (let i = 0; i < distances.length; i++) distances[i] = Math.abs((distances[i] ?? NaN) - median);
        return quantile(0.5, distances);
      };
    },
  },
};

function extreme(isBetter: (value: number, other: number) => boolean): RangeFunction {
  const start = (): WindowFunction => movingExtreme(isBetter);
  return { samplesMin: 1, keepsName: false, start, once: extremeOf(isBetter) };
}

/** Neumaier's sum; see CompensatedSum, of which this is the inner loop written out. */
function sum(window: Window): number {
  return sumOf(window.values, window);
}

function sumOf(values: Float64Array, { from, to }: Window): number {
  let total = 0;
  let correction = 0;
  for (let i = from; i < to; i++) {
    const value = values[i] ?? NaN;
    const next = total + value;
    correction = nextCorrection(total, value, next, correction);
    total = next;
  }
  return total + correction;
}

/** The sum divided at the end, unless it overflows. */
function mean(window: Window): number {
  const { values, from, to } = window;
  let total = values[from] ?? NaN;
  let correction = 0;
  for (let i = from + 1; i < to; i++) {
    const value = values[i] ?? NaN;
    const next = total + value;
    if (next === Infinity || next === -Infinity) return stableMean(window);
    correction = nextCorrection(total, value, next, correction);
    total = next;
  }
  return total / (to - from) + correction / (to - from);
}

/**
 * The mean of points that are means of several samples each. Each share is divided first, so that nothing overflows
 * which the mean itself does not.
 */
function weightedMean(window: Window, counts: Float64Array): number {
  const { values, from, to } = window;
  const samples = sumOf(counts, window);
  let total = 0;
  let correction = 0;
  for (let i = from; i < to; i++) {
    const share = (values[i] ?? NaN) * ((counts[i] ?? NaN) / samples);
    const next = total + share;
    correction = nextCorrection(total, share, next, correction);
    total = next;
  }
  return total + correction;
}

function stableMean({ values, from, to }: Window): number {
  const mean = new StableMean();
  for (let i = from; i < to; i++) mean.add(values[i] ?? NaN);
  return mean.mean;
}

/** Population variance after Welford, both running sums compensated. */
function variance({ values, from, to }: Window): number {
  let mean = 0;
  let meanCorrection = 0;
  let squares = 0;
  let squaresCorrection = 0;
  for (let i = from; i < to; i++) {
    const value = values[i] ?? NaN;
    const delta = value - (mean + meanCorrection);
    const step = delta / (i - from + 1);
    const nextMean = mean + step;
    meanCorrection = nextCorrection(mean, step, nextMean, meanCorrection);
    mean = nextMean;
    const square = delta * (value - (mean + meanCorrection));
    const nextSquares = squares + square;
    squaresCorrection = nextCorrection(squares, square, nextSquares, squaresCorrection);
    squares = nextSquares;
  }
  return (squares + squaresCorrection) / (to - from);
}

/** A function that copies the values of a window into one buffer, used again from window to window. */
function copier(): (window: Window) => Float64Array {
  let buffer = new Float64Array(0);
  return ({ values, from, to }) => {
    const size = to - from;
    if (buffer.length < size) buffer = new Float64Array(2 * size);
    buffer.set(values.subarray(from, to));
    return buffer.subarray(0, size);
  };
}
