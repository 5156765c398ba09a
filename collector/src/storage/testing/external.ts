/** Stores that others keep, as the conformance suite wants them. */
import type { ExternalUnderTest } from '../conformance.ts';
import { createMatcher } from '../matcher.ts';
import type { Sink, SinkSeries } from '../sink.ts';
import type { AppendSeries, LabelsRequest, StorageReader } from '../storage.ts';

type Store = ExternalUnderTest['storage'];

/** What `sink` writes, `reader` reads. `flush` makes the store show what it took. */
export function writtenThrough(
  { sink, reader }: { readonly sink: Sink; readonly reader: StorageReader },
  flush: () => Promise<void> = () => Promise.resolve(),
): Store {
  return {
    ...methodsOf(reader),
    flush,
    async append(batch) {
      const result = await sink.write(batch.slice().map(toSinkSeries), new AbortController().signal);
      if (result.kind !== 'written') throw new Error(`${result.kind}: ${result.error}`);
      const rejected = result.refused.flatMap(({ labels, count }) =>
        Array.from({ length: count }, () => ({ labels, timeMs: 0, reason: 'invalid_labels' as const })),
      );
      const all = batch.slice().reduce((sum, { samples }) => sum + samples.length, 0);
      return { accepted: all - rejected.length, rejected };
    },
  };
}

function toSinkSeries({ labels, samples }: AppendSeries): SinkSeries {
  const series = {
    labels,
    timestamps: Float64Array.from(samples, ({ timeMs }) => timeMs),
    values: Float64Array.from(samples, ({ value }) => value),
  };
  const hasStale = samples.some(({ isStale }) => isStale === true);
  return hasStale
    ? { ...series, stale: Uint8Array.from(samples, ({ isStale }) => (isStale ? 1 : 0)) }
    : series;
}

const RUN_LABEL = 'zz_run';

/** A view of a store that is empty at first: its series have one more label, which nobody sees. */
export function isolated(store: Store, run: string): Store {
  const ofRun = createMatcher(RUN_LABEL, '=', run);
  const within = (request: LabelsRequest): LabelsRequest => ({
    ...request,
    matcherSets: (request.matcherSets.length === 0 ? [[]] : request.matcherSets).map((set) => [
      ...set,
      ofRun,
    ]),
    limit: request.limit === 0 ? 0 : request.limit + 1,
  });
  const upTo = <T>(list: readonly T[], limit: number): T[] =>
    limit === 0 ? [...list] : list.slice(0, limit);
  return {
    flush: () => store.flush(),
    append: (batch) =>
      store.append(batch.slice().map((one) => ({ ...one, labels: one.labels.with(RUN_LABEL, run) }))),
    async select({ matchers, ...rest }, signal) {
      const wanted = matchers.length === 0 ? [] : [...matchers, ofRun];
      const found = await store.select({ ...rest, matchers: wanted }, signal);
      return found.map((series) => ({ ...series, labels: series.labels.with(RUN_LABEL, '') }));
    },
    async series(request, signal) {
      const found = await store.series(within(request), signal);
      return upTo(found, request.limit).map((labels) => labels.with(RUN_LABEL, ''));
    },
    async labelNames(request, signal) {
      const found = await store.labelNames(within(request), signal);
      return upTo(
        found.filter((name) => name !== RUN_LABEL),
        request.limit,
      );
    },
    async labelValues(name, request, signal) {
      return upTo(await store.labelValues(name, within(request), signal), request.limit);
    },
  };
}

function methodsOf(reader: StorageReader): StorageReader {
  return {
    select: (request, signal) => reader.select(request, signal),
    series: (request, signal) => reader.series(request, signal),
    labelNames: (request, signal) => reader.labelNames(request, signal),
    labelValues: (name, request, signal) => reader.labelValues(name, request, signal),
  };
}
