/** What a range function sees: one series, through a window that moves from step to step. */
import type { RangeSeries } from '../selectors.ts';

/** The samples with index `from` up to but without `to` lie in the window. One object serves all steps of a series. */
export interface Window {
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  from: number;
  to: number;
  /** Right edge; the left edge, itself outside, is `rangeMs` before. */
  endMs: number;
  readonly rangeMs: number;
  /** Evaluation time, which differs from the right edge by offset and `@`. */
  timeMs: number;
  /** Values of the scalar parameters at this step, in the order of the call. */
  readonly params: Float64Array;
}

/** The result for one window; only called when the window has enough samples. */
export type WindowFunction = (window: Window) => number;

/** A function of the samples in a window. */
export interface RangeFunction {
  /** Windows with fewer samples give nothing. */
  readonly samplesMin: number;
  /** The metric name stays. */
  readonly keepsName: boolean;
  /** Throws for parameters that must not be; asked wherever a window has a sample at all. */
  readonly refuse?: (params: Float64Array) => void;
  /** Makes the function for one series, where it may prepare what all windows share. */
  start(this: void, series: RangeSeries): WindowFunction;
  /** The same for a single window of a series, without preparation; absent where there is none to be spared. */
  readonly once?: WindowFunction;
}

/** A range function without preparation that drops the name. */
export function overWindow(apply: WindowFunction, samplesMin = 1): RangeFunction {
  return { samplesMin, keepsName: false, start: () => apply };
}
