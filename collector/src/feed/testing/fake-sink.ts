/** A store that remembers what it was given, and answers as a test tells it to. */
import type { CountRequest, Sink, SinkResult, SinkSeries } from '../../storage/sink.ts';

export interface FakeSink extends Sink {
  /** Value of each sample by series and time; what comes again is there once. */
  readonly samples: ReadonlyMap<string, number>;
  /** Samples of each batch that came, in order. */
  readonly batchSizes: readonly number[];
  /** Stale markers, as series@time. */
  readonly markers: ReadonlySet<string>;
  /** Answers of the next writes, one after another; a `retry` or `blocked` stores nothing. */
  answerNext(...results: readonly SinkResult[]): void;
  /** Confirms everything and keeps nothing, from now on. */
  isLying: boolean;
  processStartedMs: number | null;
  /** Loses the newest samples, as a crash would, and starts anew. */
  crash(samples: number, startedMs: number): void;
}

export function fakeSink(): FakeSink {
  const samples = new Map<string, number>();
  const markers = new Set<string>();
  const batchSizes: number[] = [];
  const answers: SinkResult[] = [];
  const keep = (batch: readonly SinkSeries[]): void => {
    for (const { labels, timestamps, values, stale } of batch) {
      for (const [i, timeMs] of timestamps.entries()) {
        const key = `${labels.toString()}@${timeMs}`;
        if (stale?.[i] === 1) markers.add(key);
        else samples.set(key, values[i] ?? Number.NaN);
      }
    }
  };
  const sink: FakeSink = {
    kind: 'fake',
    samples,
    markers,
    batchSizes,
    isLying: false,
    processStartedMs: 1_000,
    answerNext: (...results) => void answers.push(...results),
    crash(count, startedMs) {
      for (const key of [...samples.keys()].slice(-count)) samples.delete(key);
      sink.processStartedMs = startedMs;
    },
    write(batch) {
      batchSizes.push(batch.reduce((sum, { timestamps }) => sum + timestamps.length, 0));
      const answer = answers.shift() ?? { kind: 'written', refused: [] };
      if (answer.kind === 'written' && !sink.isLying) keep(batch);
      return Promise.resolve(answer);
    },
    startedMs: () => Promise.resolve(sink.processStartedMs),
    countSamples({ instance, fromMs, toMs }: CountRequest) {
      const found = [...samples.keys()].filter((key) => {
        const timeMs = Number(key.slice(key.lastIndexOf('@') + 1));
        return key.includes(`instance="${instance}"`) && timeMs >= fromMs && timeMs < toMs;
      });
      return Promise.resolve(found.length);
    },
    close: () => Promise.resolve(),
  };
  return sink;
}
