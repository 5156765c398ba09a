/** Puts series together from pieces that an external store sent, whatever their order. */
import { Labels } from './labels.ts';
import { tooManySamples } from './limits.ts';
import { fitsAll } from './matcher.ts';
import type { SelectRequest, Series } from './storage.ts';

interface Growing {
  readonly labels: Labels;
  readonly timestamps: number[];
  readonly values: number[];
  /** Places of stale markers in the two others. */
  readonly stale: Set<number>;
  isRising: boolean;
}

export interface FetchedSample {
  readonly timeMs: number;
  readonly value: number;
  readonly isStale?: boolean;
}

/**
 * The result of a read while its pieces arrive. What does not fit the request is left out, because stores understand
 * matchers and ranges each in their own way; of several samples of one time the last counts.
 */
export class FetchedSeries {
  readonly #request: SelectRequest;
  readonly #byKey = new Map<string, Growing | undefined>();
  #count = 0;

  constructor(request: SelectRequest) {
    this.#request = request;
  }

  /**
   * Adds samples of a series.
   * @throws AppError QUERY_LIMIT when there are more samples than the request allows
   */
  add(labels: Labels, samples: Iterable<FetchedSample>): void {
    const growing = this.#growing(labels);
    if (growing === undefined) return;
    const { fromMs, toMs, samplesMax } = this.#request;
    for (const { timeMs, value, isStale } of samples) {
      if (timeMs < fromMs || timeMs > toMs) continue;
      if (++this.#count > samplesMax) throw tooManySamples(samplesMax);
      if (timeMs <= (growing.timestamps.at(-1) ?? -Infinity)) growing.isRising = false;
      if (isStale === true) growing.stale.add(growing.timestamps.length);
      growing.timestamps.push(timeMs);
      growing.values.push(value);
    }
  }

  /** Series with samples, in label order. */
  finish(): readonly Series[] {
    const all: Series[] = [];
    for (const growing of this.#byKey.values()) {
      if (growing !== undefined && growing.timestamps.length > 0) all.push(toSeries(growing));
    }
    this.#byKey.clear();
    return all.sort((left, right) => Labels.compare(left.labels, right.labels));
  }

  /** Undefined when the series is not wanted. */
  #growing(labels: Labels): Growing | undefined {
    const { key } = labels;
    if (!this.#byKey.has(key)) {
      const isWanted = fitsAll(labels, this.#request.matchers);
      this.#byKey.set(
        key,
        isWanted ? { labels, timestamps: [], values: [], stale: new Set(), isRising: true } : undefined,
      );
    }
    return this.#byKey.get(key);
  }
}

function toSeries({ labels, timestamps, values, stale, isRising }: Growing): Series {
  const order = isRising ? undefined : risingOrder(timestamps);
  const marks =
    stale.size === 0 ? undefined : Uint8Array.from(timestamps, (_timeMs, at) => (stale.has(at) ? 1 : 0));
  if (order === undefined) {
    return {
      labels,
      timestamps: Float64Array.from(timestamps),
      values: Float64Array.from(values),
      stale: marks,
    };
  }
  return {
    labels,
    timestamps: Float64Array.from(order, (at) => timestamps[at] ?? 0),
    values: Float64Array.from(order, (at) => values[at] ?? Number.NaN),
    stale: marks === undefined ? undefined : Uint8Array.from(order, (at) => marks[at] ?? 0),
  };
}

/** Places in the order of time; of equal times the last one only. */
function risingOrder(timestamps: readonly number[]): readonly number[] {
  const lastOf = new Map<number, number>();
  for (const [at, timeMs] of timestamps.entries()) lastOf.set(timeMs, at);
  return [...lastOf].sort(([left], [right]) => left - right).map(([, at]) => at);
}
