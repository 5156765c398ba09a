/** How much the store holds, and which names have the most of it, in the words of Prometheus' `/status/tsdb`. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Labels } from '../storage/labels.ts';
import type { StorageReader, StorageStats } from '../storage/storage.ts';
import type { Pacer } from './evaluate/evaluation.ts';

/** How many series there are, and from when to when; times are undefined when it is empty. */
export type StoreExtent = Pick<StorageStats, 'seriesCount' | 'oldestMs' | 'newestMs'>;

export interface StoreSizes {
  readonly headStats: {
    readonly numSeries: number;
    /** Of the series that were looked at. */
    readonly numLabelPairs: number;
    /** Always 0: what corresponds to chunks has another form here. */
    readonly chunkCount: number;
    /** UTC milliseconds, 0 when the store is empty. */
    readonly minTime: number;
    readonly maxTime: number;
  };
  readonly seriesCountByMetricName: readonly SizeOfName[];
  readonly labelValueCountByLabelName: readonly SizeOfName[];
  readonly memoryInBytesByLabelName: readonly SizeOfName[];
  readonly seriesCountByLabelValuePair: readonly SizeOfName[];
}

interface SizeOfName {
  readonly name: string;
  readonly value: number;
}

export interface SizesContext {
  readonly storage: Pick<StorageReader, 'series'>;
  extent(this: void): Promise<StoreExtent>;
  readonly signal: AbortSignal;
  readonly pacer: Pacer;
}

/** Series looked at for the tables of the largest; a larger store shows those of its first series. */
const SERIES_MAX = 100_000;
const EVERYTHING = {
  matcherSets: [],
  fromMs: Number.MIN_SAFE_INTEGER,
  toMs: Number.MAX_SAFE_INTEGER,
  limit: SERIES_MAX,
};

/** Of a store that has more series than it lists. */
const NOT_LISTED = 'there are too many series to list: only their number and their times are known';

/**
 * Sizes of the store, and the `top` largest of each kind of name, the largest first. Lists up to 100,000 series. Of a store
 * that refuses to list its series with QUERY_LIMIT the tables are empty, and a warning says why.
 * @param top positive
 * @throws AppError QUERY_CANCELED, and those of the store
 */
export async function storeSizes(
  top: number,
  { storage, extent, signal, pacer }: SizesContext,
): Promise<{ readonly sizes: StoreSizes; readonly warnings: readonly string[] }> {
  const { seriesCount, oldestMs, newestMs } = await extent();
  const series = await listed(storage, signal);
  const counts = await countLabels(series ?? [], pacer);
  const sizes = {
    headStats: {
      numSeries: seriesCount,
      numLabelPairs: counts.pairs.size,
      chunkCount: 0,
      minTime: oldestMs ?? 0,
      maxTime: newestMs ?? 0,
    },
    seriesCountByMetricName: await largest(counts.names, top, pacer),
    labelValueCountByLabelName: await largest(counts.values, top, pacer),
    memoryInBytesByLabelName: await largest(counts.bytes, top, pacer),
    seriesCountByLabelValuePair: await largest(counts.pairs, top, pacer),
  };
  return { sizes, warnings: series === undefined ? [NOT_LISTED] : [] };
}

/** The first series; undefined when there are more than the store goes through. */
async function listed(
  storage: SizesContext['storage'],
  signal: AbortSignal,
): Promise<readonly Labels[] | undefined> {
  try {
    return await storage.series(EVERYTHING, signal);
  } catch (error) {
    if (error instanceof AppError && error.code === 'QUERY_LIMIT') return undefined;
    throw error;
  }
}

type Counts = Map<string, number>;

async function countLabels(series: readonly Labels[], pacer: Pacer) {
  const counts = { names: new Map(), values: new Map(), bytes: new Map(), pairs: new Map() } satisfies Record<
    string,
    Counts
  >;
  for (const labels of series) {
    increase(counts.names, labels.metricName);
    for (const [name, value] of labels.entries()) {
      const pair = `${name}=${value}`;
      if (!counts.pairs.has(pair)) increase(counts.values, name);
      increase(counts.pairs, pair);
      increase(counts.bytes, name, value.length);
      if (pacer.spend(WORK_PER_LABEL)) await pacer.pause();
    }
  }
  return counts;
}

/** A label goes into three tables, whose keys are hashed. */
const WORK_PER_LABEL = 8;

function increase(counts: Counts, key: string, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

/** Entries that are sorted at a time, besides twice of what is wanted: there may be a million of them. */
const SORTED_MIN = 1_000;

/** Of equal ones those that were counted first. */
async function largest(counts: Counts, top: number, pacer: Pacer): Promise<readonly SizeOfName[]> {
  let candidates: (readonly [name: string, value: number])[] = [];
  const cut = (): void => {
    candidates = candidates.sort(([, left], [, right]) => right - left).slice(0, top);
  };
  for (const entry of counts) {
    candidates.push(entry);
    if (candidates.length >= 2 * top + SORTED_MIN) cut();
    if (pacer.spend(1)) await pacer.pause();
  }
  cut();
  return candidates.map(([name, value]) => ({ name, value }));
}
