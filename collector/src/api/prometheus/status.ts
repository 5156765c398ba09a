/** `/status/buildinfo`, `/status/tsdb`, `/targets`. */
import type { SeriesCatalogue } from '../../query/series-selector.ts';
import { answer } from './answers.ts';
import type { Answer } from './answers.ts';
import { invalidParameter, TIME_MS_MAX, TIME_MS_MIN } from './parameters.ts';
import type { Parameters } from './parameters.ts';

/** Of the running program. There must be no further keys: with `features` Grafana takes us for Mimir. */
export interface BuildInfo {
  readonly version: string;
  readonly revision: string;
  readonly branch: string;
  readonly buildUser: string;
  readonly buildDate: string;
  /** Prometheus names its compiler here, we the version of Node.js. */
  readonly goVersion: string;
}

/** How much the store holds; times are undefined when it is empty. */
export interface StoreSize {
  readonly seriesCount: number;
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
}

/** A source of samples; for Rollcall an enrolled host. */
export interface Target {
  readonly job: string;
  readonly instance: string;
  readonly health: 'up' | 'down' | 'unknown';
  readonly lastError: string;
  /** When samples last arrived, undefined if never. */
  readonly lastSampleMs: number | undefined;
  readonly intervalMs: number;
}

/** `/status/buildinfo`. */
export function buildInfoAnswer(info: BuildInfo): Answer {
  const { version, revision, branch, buildUser, buildDate, goVersion } = info;
  return answer({ version, revision, branch, buildUser, buildDate, goVersion });
}

/** `/targets`: nothing is ever dropped, and `state=dropped` lists nothing. */
export function targetsAnswer(targets: readonly Target[], parameters: Parameters): Answer {
  const state = parameters.text('state').toLowerCase();
  const isWanted = state === '' || state === 'any' || state === 'active';
  return answer({
    activeTargets: isWanted ? targets.map(targetJson) : [],
    droppedTargets: [],
    droppedTargetCounts: {},
  });
}

function targetJson({ job, instance, health, lastError, lastSampleMs, intervalMs }: Target): unknown {
  return {
    discoveredLabels: {},
    labels: { instance, job },
    scrapePool: job,
    // Agents push; there is nothing to fetch from.
    scrapeUrl: '',
    globalUrl: '',
    lastError,
    lastScrape: lastSampleMs === undefined ? '0001-01-01T00:00:00Z' : new Date(lastSampleMs).toISOString(),
    lastScrapeDuration: 0,
    health,
    scrapeInterval: `${intervalMs / 1000}s`,
    scrapeTimeout: `${intervalMs / 1000}s`,
  };
}

const TOP_DEFAULT = 10;
const TOP_MAX = 10_000;

/** Series looked at for the tables of the largest; a larger store shows those of its first series. */
const SERIES_MAX = 100_000;

/**
 * `/status/tsdb`: sizes of the store and its largest names. Lists up to 100,000 series.
 * @throws AppError BAD_REQUEST
 */
export async function tsdbAnswer(
  { storage, stats }: { readonly storage: SeriesCatalogue; readonly stats: () => Promise<StoreSize> },
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  const top = parameters.limit('limit') || TOP_DEFAULT;
  if (top > TOP_MAX) throw invalidParameter('limit', `limit must not exceed ${TOP_MAX}`);
  const { seriesCount, oldestMs, newestMs } = await stats();
  const everything = { matcherSets: [], fromMs: TIME_MS_MIN, toMs: TIME_MS_MAX, limit: SERIES_MAX };
  const counts = countLabels(await storage.series(everything, signal));
  return answer({
    headStats: {
      numSeries: seriesCount,
      numLabelPairs: counts.pairs.size,
      chunkCount: 0,
      minTime: oldestMs ?? 0,
      maxTime: newestMs ?? 0,
    },
    seriesCountByMetricName: largest(counts.names, top),
    labelValueCountByLabelName: largest(counts.values, top),
    memoryInBytesByLabelName: largest(counts.bytes, top),
    seriesCountByLabelValuePair: largest(counts.pairs, top),
  });
}

type Counts = Map<string, number>;

function countLabels(series: Awaited<ReturnType<SeriesCatalogue['series']>>) {
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
    }
  }
  return counts;
}

function increase(counts: Counts, key: string, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

function largest(counts: Counts, top: number): readonly { readonly name: string; readonly value: number }[] {
  return [...counts]
    .sort(([, left], [, right]) => right - left)
    .slice(0, top)
    .map(([name, value]) => ({ name, value }));
}
