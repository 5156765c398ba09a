/**
 * Where the steps of a query fall among the times of samples. The series of a sampler on a host share their array of times
 * (see Series), so this is found once for all of them.
 */

/** The windows of all steps among the samples of some series. */
export class StepWindows {
  readonly #timestamps: Float64Array;
  readonly #endsMs: Float64Array;
  readonly #widthMs: number;
  /** Behind the last sample that is not later than the right edge, for each step. */
  readonly to: Int32Array;
  #from: Int32Array | undefined;
  #present: { readonly samplesMin: number; readonly steps: Uint8Array } | undefined;

  /** As the method `of` of StepPositions, which makes it. */
  constructor(timestamps: Float64Array, endsMs: Float64Array, widthMs: number) {
    this.#timestamps = timestamps;
    this.#endsMs = endsMs;
    this.#widthMs = widthMs;
    this.to = firstsAfter(timestamps, endsMs, 0);
  }

  /** The first sample that is later than the left edge, for each step. */
  get from(): Int32Array {
    this.#from ??= firstsAfter(this.#timestamps, this.#endsMs, this.#widthMs);
    return this.#from;
  }

  /** 1 for each step with at least so many samples; one array for all columns that ask, so not to be changed. */
  present(samplesMin: number): Uint8Array {
    if (this.#present?.samplesMin === samplesMin) return this.#present.steps;
    const steps = new Uint8Array(this.to.length);
    const timestamps = this.#timestamps;
    for (let i = 0; i < steps.length; i++) {
      // So many samples are in the window when the one that is so many before its end is.
      const first = (this.to[i] ?? 0) - samplesMin;
      if (first >= 0 && (timestamps[first] ?? 0) > (this.#endsMs[i] ?? 0) - this.#widthMs) steps[i] = 1;
    }
    this.#present = { samplesMin, steps };
    return steps;
  }
}

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
    const windows = new StepWindows(timestamps, this.#endsMs, this.#widthMs);
    this.#newest = { timestamps, windows };
    return windows;
  }
}

/** For each of `edgesMs`, moved back by `backMs`, the position of the first time that is later. */
function firstsAfter(timestamps: Float64Array, edgesMs: Float64Array, backMs: number): Int32Array {
  const firsts = new Int32Array(edgesMs.length);
  const { length } = timestamps;
  let next = 0;
  for (let i = 0; i < firsts.length; i++) {
    const edgeMs = (edgesMs[i] ?? 0) - backMs;
    while (next < length && (timestamps[next] ?? 0) <= edgeMs) next++;
    firsts[i] = next;
  }
  return firsts;
}
