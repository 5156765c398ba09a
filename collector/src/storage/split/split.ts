/**
 * Reads what is recent from the collector's own store and what is older from one that others keep. So rules and the
 * page's newest values need no network and know nothing of an outage, and what the feed has not written yet is there.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { Labels } from '../labels.ts';
import { throwIfCanceled, tooManySamples } from '../limits.ts';
import type { LabelsRequest, SelectRequest, Series, StorageReader, StorageStats } from '../storage.ts';
import { joinSeries } from './join.ts';

/** How far back the collector's own store answers alone. Its reading threads hold as much in memory. */
export const RECENT_MS = 7_200_000;
/** The two overlap by this, so that the end of a series at the seam is seen. */
const OVERLAP_MS = 600_000;
/** How long the age of the oldest own sample is taken for what it was. */
const COVERAGE_KEPT_MS = 60_000;

export interface SplitOptions {
  /** The collector's own store. */
  readonly own: StorageReader & { stats(): Promise<Pick<StorageStats, 'oldestMs'>> };
  /** The one that others keep, which is written from our own. */
  readonly store: StorageReader;
  readonly clock: Clock;
  readonly recentMs?: number;
}

/** Errors are those of the two; of the store's only when it is asked. */
export class SplitReader implements StorageReader {
  readonly #options: SplitOptions;
  readonly #recentMs: number;
  /** The oldest own sample, and when that was found out. */
  #coverage: { readonly oldestMs: number; readonly atMs: number } | undefined;

  constructor(options: SplitOptions) {
    this.#options = options;
    this.#recentMs = options.recentMs ?? RECENT_MS;
  }

  async select(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    const { own, store } = this.#options;
    const seamMs = await this.#seamMs();
    if (request.fromMs >= seamMs) return own.select(request, signal);
    if (request.toMs < seamMs) return store.select(request, signal);
    // Hints let a store leave samples out, which is only right when it has all.
    const { hints: _hints, ...every } = request;
    const recent = await own.select(
      { ...every, fromMs: Math.max(request.fromMs, seamMs - OVERLAP_MS) },
      signal,
    );
    const older = await store.select({ ...every, toMs: seamMs - 1 }, signal);
    throwIfCanceled(signal);
    const joined = joinSeries(older, recent);
    const count = joined.reduce((sum, { timestamps }) => sum + timestamps.length, 0);
    if (count > request.samplesMax) throw tooManySamples(request.samplesMax);
    return joined;
  }

  async series(request: LabelsRequest, signal: AbortSignal): Promise<readonly Labels[]> {
    const all = await this.#both(request, (reader, part) => reader.series(part, signal));
    const unique = new Map(all.map((labels) => [labels.key, labels]));
    return limited([...unique.values()].sort(Labels.compare), request.limit);
  }

  async labelNames(request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    const all = await this.#both(request, (reader, part) => reader.labelNames(part, signal));
    return limited([...new Set(all)].sort(compareUtf8), request.limit);
  }

  async labelValues(name: string, request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    const all = await this.#both(request, (reader, part) => reader.labelValues(name, part, signal));
    return limited([...new Set(all)].sort(compareUtf8), request.limit);
  }

  /** What both have of a list, in no order. */
  async #both<T>(
    request: LabelsRequest,
    list: (reader: StorageReader, part: LabelsRequest) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const { own, store } = this.#options;
    const seamMs = await this.#seamMs();
    if (request.fromMs >= seamMs) return list(own, request);
    if (request.toMs < seamMs) return list(store, request);
    const recent = await list(own, { ...request, fromMs: seamMs });
    return [...recent, ...(await list(store, { ...request, toMs: seamMs - 1 }))];
  }

  /** From here on our own store has everything. */
  async #seamMs(): Promise<number> {
    const { clock, own } = this.#options;
    const nowMs = clock.monoMs();
    if (this.#coverage === undefined || nowMs - this.#coverage.atMs > COVERAGE_KEPT_MS) {
      const { oldestMs = Infinity } = await own.stats();
      // Of an empty store it is asked again: the first sample may come at any time.
      this.#coverage = oldestMs === Infinity ? undefined : { oldestMs, atMs: nowMs };
    }
    return Math.max(clock.wallMs() - this.#recentMs, this.#coverage?.oldestMs ?? Infinity);
  }
}

function limited<T>(list: T[], limit: number): T[] {
  return limit > 0 ? list.slice(0, limit) : list;
}
