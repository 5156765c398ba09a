/** Straight lines and smoothing through the samples of a window. */
import { executionError } from '../../errors.ts';
import { formatSixDecimals } from '../../encode/format.ts';
import { nextCorrection } from '../numeric.ts';
import { overWindow } from './window.ts';
import type { RangeFunction, Window } from './window.ts';

const smoothing: RangeFunction = {
  ...overWindow(doubleExponentialSmoothing, 2),
  refuse(params) {
    refuseFactor('smoothing', params[0] ?? NaN, 'sf');
    refuseFactor('trend', params[1] ?? NaN, 'tf');
  },
};

/** By name. */
export const trendFunctions: Readonly<Record<string, RangeFunction>> = {
  deriv: overWindow((window) => fittedLine(window, window.timestamps[window.from] ?? NaN).slope, 2),
  predict_linear: overWindow((window) => {
    const { slope, intercept } = fittedLine(window, window.timeMs);
    return slope * (window.params[0] ?? NaN) + intercept;
  }, 2),
  double_exponential_smoothing: smoothing,
  holt_winters: smoothing,
};

/** Least squares with compensated sums; seconds are counted from `originMs`. A constant series has slope exactly 0. */
function fittedLine(
  { timestamps, values, from, to }: Window,
  originMs: number,
): { readonly slope: number; readonly intercept: number } {
  let sumX = 0;
  let sumY = 0;
  let sumXY = 0;
  let sumXX = 0;
  let lostX = 0;
  let lostY = 0;
  let lostXY = 0;
  let lostXX = 0;
  const first = values[from] ?? NaN;
  let isConstant = true;
  for (let i = from; i < to; i++) {
    const x = ((timestamps[i] ?? NaN) - originMs) / 1000;
    const y = values[i] ?? NaN;
    if (y !== first && i > from) isConstant = false;
    lostX = nextCorrection(sumX, x, sumX + x, lostX);
    sumX += x;
    lostY = nextCorrection(sumY, y, sumY + y, lostY);
    sumY += y;
    lostXY = nextCorrection(sumXY, x * y, sumXY + x * y, lostXY);
    sumXY += x * y;
    lostXX = nextCorrection(sumXX, x * x, sumXX + x * x, lostXX);
    sumXX += x * x;
  }
  if (isConstant) {
    return Math.abs(first) === Infinity ? { slope: NaN, intercept: NaN } : { slope: 0, intercept: first };
  }
  const count = to - from;
  const [totalX, totalY] = [sumX + lostX, sumY + lostY];
  const covariance = sumXY + lostXY - (totalX * totalY) / count;
  const variance = sumXX + lostXX - (totalX * totalX) / count;
  const slope = covariance / variance;
  return { slope, intercept: totalY / count - (slope * totalX) / count };
}

/** Holt's linear method; `params` are the factors for smoothing and trend. */
function doubleExponentialSmoothing({ values, from, to, params }: Window): number {
  const [smoothingFactor = NaN, trendFactor = NaN] = params;
  let previous = 0;
  let level = values[from] ?? NaN;
  let trend = (values[from + 1] ?? NaN) - level;
  for (let i = from + 1; i < to; i++) {
    // The first two samples give the first trend.
    if (i > from + 1) trend = trendFactor * (level - previous) + (1 - trendFactor) * trend;
    const scaled = smoothingFactor * (values[i] ?? NaN);
    previous = level;
    level = scaled + (1 - smoothingFactor) * (level + trend);
  }
  return level;
}

/** NaN is no error: the result is NaN as well. */
function refuseFactor(what: string, value: number, short: string): void {
  if (!(value <= 0 || value >= 1)) return;
  throw executionError(
    `invalid ${what} factor. Expected: 0 < ${short} < 1, got: ${formatSixDecimals(value)}`,
  );
}
