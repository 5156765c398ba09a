/** The `*_over_time` functions: statistics of the values in a window. */
import { CompensatedSum, quantile, StableMean } from '../numeric.ts';
import { overWindow } from './window.ts';
import type { RangeFunction, Window } from './window.ts';

/** By name. */
export const overTimeFunctions: Readonly<Record<string, RangeFunction>> = {
  sum_over_time: {
    samplesMin: 1,
    keepsName: false,
    start() {
      const sum = new CompensatedSum();
      return ({ values, from, to }) => {
        sum.reset();
        for (let i = from; i < to; i++) sum.add(values[i] ?? NaN);
        return sum.total;
      };
    },
  },
  avg_over_time: {
    samplesMin: 1,
    keepsName: false,
    start() {
      const mean = new StableMean();
      return ({ values, from, to }) => {
        mean.reset();
        for (let i = from; i < to; i++) mean.add(values[i] ?? NaN);
        return mean.mean;
      };
    },
  },
  min_over_time: overWindow(({ values, from, to }) => {
    let best = NaN;
    for (let i = from; i < to; i++) {
      const value = values[i] ?? NaN;
      if (value < best || Number.isNaN(best)) best = value;
    }
    return best;
  }),
  max_over_time: overWindow(({ values, from, to }) => {
    let best = NaN;
    for (let i = from; i < to; i++) {
      const value = values[i] ?? NaN;
      if (value > best || Number.isNaN(best)) best = value;
    }
    return best;
  }),
  count_over_time: overWindow(({ from, to }) => to - from),
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
      const copyOf = copier();
      return (window) => quantile(window.params[0] ?? NaN, copyOf(window));
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

/** Population variance after Welford, both running sums compensated. */
function variance({ values, from, to }: Window): number {
  const mean = new CompensatedSum();
  const squares = new CompensatedSum();
  for (let i = from; i < to; i++) {
    const value = values[i] ?? NaN;
    const delta = value - mean.total;
    mean.add(delta / (i - from + 1));
    squares.add(delta * (value - mean.total));
  }
  return squares.total / (to - from);
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
