/** Collects samples in order of arrival and hands them out series by series, in portions. */
import type { Labels } from '../../labels.ts';
import type { SinkSeries } from '../../sink.ts';

export interface SliceSample {
  readonly timeMs: number;
  readonly value: number;
  readonly isStale: boolean;
}

interface Portion {
  readonly bySeries: Map<Labels, SliceSample[]>;
  samples: number;
}

export class SliceBuilder {
  readonly #samplesMax: number;
  readonly #portions: Portion[] = [];
  samples = 0;

  /** @param samplesMax of one batch */
  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
  }

  /** Labels that are the same object become one series of a batch. */
  add(labels: Labels, sample: SliceSample): void {
    let portion = this.#portions.at(-1);
    if (portion === undefined || portion.samples === this.#samplesMax) {
      portion = { bySeries: new Map(), samples: 0 };
      this.#portions.push(portion);
    }
    const samples = portion.bySeries.get(labels);
    if (samples === undefined) portion.bySeries.set(labels, [sample]);
    else samples.push(sample);
    portion.samples++;
    this.samples++;
  }

  batches(): readonly (readonly SinkSeries[])[] {
    return this.#portions.map(toBatch);
  }
}

/** The series of a portion; their arrays are pieces of common ones, because small arrays cost more than what is in them. */
function toBatch({ bySeries, samples: count }: Portion): readonly SinkSeries[] {
  const timestamps = new Float64Array(count);
  const values = new Float64Array(count);
  const batch: SinkSeries[] = [];
  let at = 0;
  for (const [labels, unordered] of bySeries) {
    const samples = rising(unordered);
    const end = at + samples.length;
    let hasStale = false;
    for (const [i, { timeMs, value, isStale }] of samples.entries()) {
      timestamps[at + i] = timeMs;
      values[at + i] = value;
      hasStale ||= isStale;
    }
    const series = { labels, timestamps: timestamps.subarray(at, end), values: values.subarray(at, end) };
    batch.push(hasStale ? { ...series, stale: staleOf(samples) } : series);
    at = end;
  }
  return batch;
}

function staleOf(samples: readonly SliceSample[]): Uint8Array {
  return Uint8Array.from(samples, ({ isStale }) => (isStale ? 1 : 0));
}

/** In order of time, each time once: a value beats a stale marker, and of values the first counts. */
function rising(samples: readonly SliceSample[]): readonly SliceSample[] {
  if (samples.every(({ timeMs }, i) => i === 0 || timeMs > (samples[i - 1]?.timeMs ?? 0))) return samples;
  const byTime = new Map<number, SliceSample>();
  for (const sample of samples) {
    const known = byTime.get(sample.timeMs);
    if (known === undefined || (known.isStale && !sample.isStale)) byTime.set(sample.timeMs, sample);
  }
  return [...byTime.values()].sort((left, right) => left.timeMs - right.timeMs);
}
