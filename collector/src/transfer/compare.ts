/**
 * Compares what two stores hold, series by series: how many samples, the first, the last, and the sum. Stale markers and
 * values that are not finite are left out, because not every store can hold them.
 */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { METRIC_NAME, type Labels } from '../storage/labels.ts';
import { createMatcher } from '../storage/matcher.ts';
import type { StorageReader } from '../storage/storage.ts';
import { exportSeries } from './export.ts';

export interface CompareRequest {
  /** UTC milliseconds, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Samples that are read at a time; 24 bytes of memory each. */
  readonly samplesMax: number;
}

/** What is compared of a series. */
export interface Summary {
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly sum: number;
}

/** A series that differs; undefined where a store has no samples of it. */
export interface Difference {
  readonly labels: Labels;
  readonly own: Summary | undefined;
  readonly other: Summary | undefined;
}

export interface ComparedMetric {
  readonly name: string;
  /** Series and samples of our own store that were compared. */
  readonly series: number;
  readonly samples: number;
  readonly differences: readonly Difference[];
}

/** Stores keep floats in forms of their own; sums also depend on the order. */
const SUM_TOLERANCE_RATIO = 1e-9;

/**
 * Yields metric after metric, in order of their names. Memory is bounded by the series of one metric.
 * @throws AppError as `StorageReader.select` and `labelValues` of the two
 */
export async function* compareStores(
  stores: { readonly own: StorageReader; readonly other: StorageReader },
  request: CompareRequest,
  signal: AbortSignal,
): AsyncGenerator<ComparedMetric> {
  const { fromMs, toMs } = request;
  const all = { matcherSets: [], fromMs, toMs, limit: 0 };
  const names = new Set([
    ...(await stores.own.labelValues(METRIC_NAME, all, signal)),
    ...(await stores.other.labelValues(METRIC_NAME, all, signal)),
  ]);
  for (const name of [...names].sort(compareUtf8)) {
    const own = await summaries(stores.own, name, request, signal);
    const other = await summaries(stores.other, name, request, signal);
    yield compareMetric(name, own, other);
  }
}

type Summaries = ReadonlyMap<string, Summary & { readonly labels: Labels }>;

async function summaries(
  storage: StorageReader,
  name: string,
  request: CompareRequest,
  signal: AbortSignal,
): Promise<Summaries> {
  const found = new Map<string, Summary & { readonly labels: Labels }>();
  const matcherSets = [[createMatcher(METRIC_NAME, '=', name)]];
  for await (const { labels, timestamps, values, stale } of exportSeries(
    storage,
    { ...request, matcherSets },
    signal,
  )) {
    let { count, firstMs, lastMs, sum } = found.get(labels.key) ?? NOTHING;
    for (const [at, value] of values.entries()) {
      const timeMs = timestamps[at] ?? 0;
      if (!Number.isFinite(value) || stale?.[at] === 1) continue;
      count++;
      sum += value;
      firstMs = Math.min(firstMs, timeMs);
      lastMs = Math.max(lastMs, timeMs);
    }
    if (count > 0) found.set(labels.key, { labels, count, firstMs, lastMs, sum });
  }
  return found;
}

const NOTHING: Summary = { count: 0, firstMs: Infinity, lastMs: -Infinity, sum: 0 };

function compareMetric(name: string, own: Summaries, other: Summaries): ComparedMetric {
  const differences: Difference[] = [];
  let samples = 0;
  for (const [key, mine] of own) {
    samples += mine.count;
    const theirs = other.get(key);
    if (theirs === undefined || !isSame(mine, theirs)) {
      differences.push({ labels: mine.labels, own: mine, other: theirs });
    }
  }
  for (const [key, theirs] of other) {
    if (!own.has(key)) differences.push({ labels: theirs.labels, own: undefined, other: theirs });
  }
  return { name, series: own.size, samples, differences };
}

function isSame(left: Summary, right: Summary): boolean {
  if (left.count !== right.count || left.firstMs !== right.firstMs || left.lastMs !== right.lastMs)
    return false;
  const scale = Math.max(Math.abs(left.sum), Math.abs(right.sum));
  return left.sum === right.sum || Math.abs(left.sum - right.sum) <= scale * SUM_TOLERANCE_RATIO;
}
