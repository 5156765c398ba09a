/**
 * Where the steps of a query fall among the times of samples. The series of a sampler on a host share their array of times
 * (see Series), so this is found once for all of them.
 */

/** The window of each step, as positions of samples. */
export interface StepWindows {
  /** Of the first sample that is later than the left edge. */
  readonly from: Int32Array;
  /** Behind the last sample that is not later than the right edge. */
  readonly to: Int32Array;
}

/** Windows of one width that end at given times. */
export class StepPositions {
  readonly #endsMs: Float64Array;
  readonly #widthMs: number;
  #newest: { readonly timestamps: Float64Array; readonly windows: StepWindows } | undefined;

  /**
   * @param endsMs right edge of the window of each step, never falling; windows are open at their left
   * @param widthMs width of all windows
   */
  constructor(endsMs: Float64Array, widthMs: number) {
    this.#endsMs = endsMs;
    this.#widthMs = widthMs;
  }

  /** @param timestamps of the samples, strictly rising */
  of(timestamps: Float64Array): StepWindows {
    if (this.#newest?.timestamps === timestamps) return this.#newest.windows;
    const windows = windowsIn(timestamps, this.#endsMs, this.#widthMs);
    this.#newest = { timestamps, windows };
    return windows;
  }
}

function windowsIn(timestamps: Float64Array, endsMs: Float64Array, widthMs: number): StepWindows {
  const count = endsMs.length;
  const from = new Int32Array(count);
  const to = new Int32Array(count);
  let first = 0;
  let next = 0;
  for (let i = 0; i < count; i++) {
    const endMs = endsMs[i] ?? Number.NaN;
    while (next < timestamps.length && (timestamps[next] ?? Number.NaN) <= endMs) next++;
    while (first < next && (timestamps[first] ?? Number.NaN) <= endMs - widthMs) first++;
    from[i] = first;
    to[i] = next;
  }
  return { from, to };
}
