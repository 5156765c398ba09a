/**
 * The reference store: everything in memory, nothing clever. The other adapters are compared with it, and tests of the
 * query engine and of alert rules run on it.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { Labels, METRIC_NAME } from '../labels.ts';
import { fitsAll } from '../matcher.ts';
import type { SeriesBatch } from '../moment-batch.ts';
import { throwIfCanceled, tooManySamples } from '../limits.ts';
import type {
  AppendResult,
  AppendSample,
  LabelsRequest,
  RejectReason,
  SelectRequest,
  Series,
  Storage,
  StorageStats,
} from '../storage.ts';

interface StoredSeries {
  readonly labels: Labels;
  readonly samples: AppendSample[];
}

export class MemoryStorage implements Storage {
  readonly capabilities = { isDurable: false, hasStaleMarkers: true };
  readonly #series = new Map<string, StoredSeries>();

  // oxlint-disable-next-line typescript/require-await -- the seam is asynchronous
  async append(batch: SeriesBatch): Promise<AppendResult> {
    let accepted = 0;
    const rejected: { labels: Labels; timeMs: number; reason: RejectReason }[] = [];
    for (const { labels, samples } of batch.slice()) {
      for (const sample of samples) {
        const reason = this.#store(labels, sample);
        if (reason === undefined) accepted++;
        else rejected.push({ labels, timeMs: sample.timeMs, reason });
      }
    }
    return { accepted, rejected };
  }

  // oxlint-disable-next-line typescript/require-await -- the seam is asynchronous
  async select(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    if (request.matchers.length === 0) throw new AppError('BAD_REQUEST', 'select needs at least one matcher');
    throwIfCanceled(signal);
    const result: Series[] = [];
    let sampleCount = 0;
    for (const { labels, samples } of this.#series.values()) {
      if (!fitsAll(labels, request.matchers)) continue;
      const inRange = samples.filter(({ timeMs }) => timeMs >= request.fromMs && timeMs <= request.toMs);
      if (inRange.length === 0) continue;
      sampleCount += inRange.length;
      if (sampleCount > request.samplesMax) throw tooManySamples(request.samplesMax);
      result.push(toSeries(labels, inRange));
    }
    return result.sort((left, right) => Labels.compare(left.labels, right.labels));
  }

  // oxlint-disable-next-line typescript/require-await -- the seam is asynchronous
  async series(request: LabelsRequest, signal: AbortSignal): Promise<readonly Labels[]> {
    throwIfCanceled(signal);
    return limited([...this.#found(request)].sort(Labels.compare), request.limit);
  }

  // oxlint-disable-next-line typescript/require-await -- the seam is asynchronous
  async labelNames(request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    throwIfCanceled(signal);
    const names = new Set<string>();
    for (const labels of this.#found(request)) for (const [name] of labels.entries()) names.add(name);
    return limited([...names].sort(compareUtf8), request.limit);
  }

  // oxlint-disable-next-line typescript/require-await -- the seam is asynchronous
  async labelValues(name: string, request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    throwIfCanceled(signal);
    const values = new Set<string>();
    for (const labels of this.#found(request)) values.add(labels.get(name));
    values.delete('');
    return limited([...values].sort(compareUtf8), request.limit);
  }

  async flush(): Promise<void> {}

  // oxlint-disable-next-line typescript/require-await -- the seam is asynchronous
  async prune(olderThanMs: number, signal: AbortSignal): Promise<void> {
    throwIfCanceled(signal);
    for (const [key, { labels, samples }] of this.#series) {
      const kept = samples.filter(({ timeMs }) => timeMs >= olderThanMs);
      if (kept.length > 0) this.#series.set(key, { labels, samples: kept });
      else this.#series.delete(key);
    }
  }

  async close(): Promise<void> {}

  // oxlint-disable-next-line typescript/require-await -- the seam is asynchronous
  async stats(): Promise<StorageStats> {
    const all = [...this.#series.values()].flatMap(({ samples }) => samples.map(({ timeMs }) => timeMs));
    return {
      seriesCount: this.#series.size,
      sampleCount: all.length,
      diskBytes: 0,
      oldestMs: all.reduce<number | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined),
      newestMs: all.reduce<number | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined),
    };
  }

  #store(labels: Labels, sample: AppendSample): RejectReason | undefined {
    if (labels.get(METRIC_NAME) === '') return 'invalid_labels';
    let stored = this.#series.get(labels.key);
    if (stored === undefined) {
      stored = { labels, samples: [] };
      this.#series.set(labels.key, stored);
    }
    const last = stored.samples.at(-1);
    if (last === undefined || sample.timeMs > last.timeMs) {
      stored.samples.push(sample);
      return undefined;
    }
    if (sample.timeMs < last.timeMs) return 'out_of_order';
    return isSame(last, sample) ? undefined : 'duplicate_timestamp';
  }

  *#found(request: LabelsRequest): Generator<Labels> {
    for (const { labels, samples } of this.#series.values()) {
      const sets = request.matcherSets;
      if (sets.length > 0 && !sets.some((matchers) => fitsAll(labels, matchers))) continue;
      if (samples.some(({ timeMs }) => timeMs >= request.fromMs && timeMs <= request.toMs)) yield labels;
    }
  }
}

function isSame(left: AppendSample, right: AppendSample): boolean {
  if ((left.isStale ?? false) !== (right.isStale ?? false)) return false;
  return left.isStale === true || Object.is(left.value, right.value);
}

function toSeries(labels: Labels, samples: readonly AppendSample[]): Series {
  const timestamps = Float64Array.from(samples, ({ timeMs }) => timeMs);
  const values = Float64Array.from(samples, ({ value }) => value);
  const hasStale = samples.some(({ isStale }) => isStale);
  return {
    labels,
    timestamps,
    values,
    stale: hasStale ? Uint8Array.from(samples, ({ isStale }) => (isStale ? 1 : 0)) : undefined,
  };
}

function limited<T>(list: T[], limit: number): T[] {
  return limit > 0 ? list.slice(0, limit) : list;
}
