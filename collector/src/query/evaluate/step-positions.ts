/**
 * Where the steps of a query fall among the times of samples. The series of a sampler on a host share their array of times
 * (see Series), so this is found once for all of them.
 */

/** Per step: two positions, whether a value is present, and the right edge. */
const STEP_BYTES = 4 + 4 + 1 + 8;

/** The windows of all steps among the samples of some series. */
export class StepWindows {
  readonly #timestamps: Float64Array;
  readonly #endsMs: Float64Array;
  readonly #widthMs: number;
  /** Behind the last sample that is not later than the right edge, for each step. */
  readonly to: Int32Array;
  #from: Int32Array | undefined;
  #present: { readonly samplesMin: number; readonly steps: Uint8Array } | undefined;

  /** As for `StepPositions`, which makes it. */
  constructor(timestamps: Float64Array, endsMs: Float64Array, widthMs: number) {
    this.#timestamps = timestamps;
    this.#endsMs = endsMs;
    this.#widthMs = widthMs;
    this.to = firstsAfter(timestamps, endsMs, 0);
  }

  /** Memory that it takes when everything was asked for. */
  get bytesMax(): number {
    return STEP_BYTES * this.to.length;
  }

  /** Whether these are its windows. Steps are equally far apart, so the first and the last tell. */
  isFor(endsMs: Float64Array, widthMs: number): boolean {
    const own = this.#endsMs;
    return (
      widthMs === this.#widthMs &&
      endsMs.length === own.length &&
      endsMs[0] === own[0] &&
      endsMs.at(-1) === own.at(-1)
    );
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

/** Memory of half of what is remembered, times included. */
const HALF_BYTES = 8 * 1024 * 1024;
/** Fewer steps are found as quickly as they are remembered; there is one where a question is about one moment. */
const STEPS_MIN = 16;
/** Windows that are remembered for one array of times. */
const WINDOWS_MAX = 8;

/**
 * What was found lately: the charts of a dashboard have the same steps, and ask for series of the same samplers. In two
 * halves: what is not used while the newer one fills is forgotten.
 */
export class StepMemory {
  #newer = new Map<Float64Array, readonly StepWindows[]>();
  #older: ReadonlyMap<Float64Array, readonly StepWindows[]> = new Map();
  #newerBytes = 0;

  /** As the constructor of StepWindows, with steps that are equally far apart. */
  windows(timestamps: Float64Array, endsMs: Float64Array, widthMs: number): StepWindows {
    if (endsMs.length < STEPS_MIN) return new StepWindows(timestamps, endsMs, widthMs);
    const known = this.#newer.get(timestamps) ?? this.#older.get(timestamps) ?? [];
    let windows = known.find((one) => one.isFor(endsMs, widthMs));
    if (windows !== undefined && this.#newer.has(timestamps)) return windows;
    windows ??= new StepWindows(timestamps, endsMs, widthMs);
    this.#newer.set(timestamps, [windows, ...(this.#newer.get(timestamps) ?? [])].slice(0, WINDOWS_MAX));
    this.#newerBytes += timestamps.byteLength + windows.bytesMax;
    if (this.#newerBytes > HALF_BYTES) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#newerBytes = 0;
    }
    return windows;
  }
}

export class StepPositions {
  readonly #endsMs: Float64Array;
  readonly #widthMs: number;
  readonly #memory: StepMemory;
  #newest: { readonly timestamps: Float64Array; readonly windows: StepWindows } | undefined;

  /**
   * @param endsMs right edge of the window of each step, equally far apart and never falling; windows are open at their left
   * @param widthMs width of all windows
   * @param memory of the engine
   */
  constructor(endsMs: Float64Array, widthMs: number, memory: StepMemory) {
    this.#endsMs = endsMs;
    this.#widthMs = widthMs;
    this.#memory = memory;
  }

  /** @param timestamps of the samples, strictly rising; not to be changed afterwards */
  of(timestamps: Float64Array): StepWindows {
    if (this.#newest?.timestamps === timestamps) return this.#newest.windows;
    const windows = this.#memory.windows(timestamps, this.#endsMs, this.#widthMs);
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
