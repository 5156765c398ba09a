/** Reads samples out of the store, series after series, however many there are. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { METRIC_NAME } from '../storage/labels.ts';
import { createMatcher, type Matcher } from '../storage/matcher.ts';
import type { Series, StorageReader } from '../storage/storage.ts';

export interface ExportRequest {
  /** A series is exported when all matchers of any one set fit; at least one set. */
  readonly matcherSets: readonly (readonly Matcher[])[];
  /** UTC milliseconds, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Samples that are read at a time; 24 bytes of memory each. */
  readonly samplesMax: number;
}

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Metrics that are read together at most; their names make one regular expression. */
const NAMES_MAX = 256;

/**
 * Yields the series of a metric together, each with its samples in order of time; a long series comes in several pieces,
 * one after another.
 * @throws AppError as `StorageReader.select`
 */
export async function* exportSeries(
  storage: StorageReader,
  request: ExportRequest,
  signal: AbortSignal,
): AsyncGenerator<Series> {
  const { matcherSets, fromMs, toMs } = request;
  const names = await storage.labelValues(METRIC_NAME, { matcherSets, fromMs, toMs, limit: 0 }, signal);
  // A read costs about the same for one metric as for many, so as many as fit in memory are read together.
  const batches: (readonly string[])[] = [];
  for (let at = 0; at < names.length; at += NAMES_MAX) batches.push(names.slice(at, at + NAMES_MAX));
  batches.reverse();
  for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
    const [name = ''] = batch;
    const all = await readTogether(storage, batch, request, signal);
    if (all !== undefined) yield* all;
    else if (batch.length === 1) yield* readMetric(storage, name, request, signal);
    else batches.push(batch.slice(batch.length / 2), batch.slice(0, batch.length / 2));
  }
}

/** All series of some metrics, metric after metric; undefined when they have too many samples. */
async function readTogether(
  storage: StorageReader,
  names: readonly string[],
  { matcherSets, fromMs, toMs, samplesMax }: ExportRequest,
  signal: AbortSignal,
): Promise<readonly Series[] | undefined> {
  const found = new Map<string, Series>();
  const ofNames = createMatcher(METRIC_NAME, '=~', names.join('|'));
  let left = samplesMax;
  for (const matchers of matcherSets) {
    const some = await select(
      storage,
      { matchers: [...matchers, ofNames], fromMs, toMs, samplesMax: left },
      signal,
    );
    if (some === undefined) return undefined;
    for (const series of some) {
      found.set(series.labels.key, series);
      left -= series.values.length;
    }
    if (left <= 0) return undefined;
  }
  const byMetric = Map.groupBy(found.values(), ({ labels }) => labels.metricName);
  return names.flatMap((name) => byMetric.get(name) ?? []);
}

/** The series of a metric that has very many. */
async function* readMetric(
  storage: StorageReader,
  name: string,
  request: ExportRequest,
  signal: AbortSignal,
): AsyncGenerator<Series> {
  const ofName = createMatcher(METRIC_NAME, '=', name);
  const seen = new Set<string>();
  for (const matchers of request.matcherSets) {
    const ofThisSet = new Set<string>();
    for await (const series of readAll(storage, [...matchers, ofName], request, signal)) {
      if (seen.has(series.labels.key)) continue;
      ofThisSet.add(series.labels.key);
      yield series;
    }
    for (const key of ofThisSet) seen.add(key);
  }
}

/** Everything that fits, at once if it is little enough, else series by series. */
async function* readAll(
  storage: StorageReader,
  matchers: readonly Matcher[],
  request: ExportRequest,
  signal: AbortSignal,
): AsyncGenerator<Series> {
  const { fromMs, toMs, samplesMax } = request;
  const all = await select(storage, { matchers, fromMs, toMs, samplesMax }, signal);
  if (all !== undefined) {
    yield* all;
    return;
  }
  const list = await storage.series({ matcherSets: [matchers], fromMs, toMs, limit: 0 }, signal);
  const names = new Set(list.flatMap((labels) => [...labels.entries()].map(([name]) => name)));
  for (const labels of list) {
    // A label that it does not have is empty; without saying so, series that have more labels would fit as well.
    const exact = [...names].map((name) => createMatcher(name, '=', labels.get(name)));
    yield* readSeries(storage, exact, request, signal);
  }
}

/** The one series that fits, in halves of the range where it has too many samples. */
async function* readSeries(
  storage: StorageReader,
  matchers: readonly Matcher[],
  request: ExportRequest,
  signal: AbortSignal,
): AsyncGenerator<Series> {
  const { fromMs, toMs, samplesMax } = request;
  const ranges: Range[] = [{ fromMs, toMs }];
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const found = await select(storage, { matchers, ...range, samplesMax }, signal);
    if (found !== undefined) {
      yield* found;
      continue;
    }
    const middleMs = Math.floor((range.fromMs + range.toMs) / 2);
    ranges.push({ fromMs: middleMs + 1, toMs: range.toMs }, { fromMs: range.fromMs, toMs: middleMs });
  }
}

/** Undefined when there are too many samples; a range of a millisecond never has. */
async function select(
  storage: StorageReader,
  request: Range & { readonly matchers: readonly Matcher[]; readonly samplesMax: number },
  signal: AbortSignal,
): Promise<readonly Series[] | undefined> {
  try {
    return await storage.select(request, signal);
  } catch (error) {
    const isTooMany = error instanceof AppError && error.code === 'QUERY_LIMIT';
    if (isTooMany && (request.fromMs < request.toMs || request.samplesMax < 1)) return undefined;
    throw error;
  }
}
