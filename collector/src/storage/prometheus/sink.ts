/**
 * Writes samples to anything that takes Prometheus remote write 1.0. A request that the store refuses as such is halved
 * until the samples that it does not want stand alone; everything else is stored.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { writeBisecting, type Attempt } from '../bisect.ts';
import { Labels } from '../labels.ts';
import { createMatcher } from '../matcher.ts';
import { WriteRequestEncoder } from '../remote-protocol/client.ts';
import { packSnappy } from '../remote-protocol/snappy.ts';
import type { CountRequest, RefusedSamples, Sink, SinkResult, SinkSeries } from '../sink.ts';
import type { StorageReader } from '../storage.ts';
import { errorText, wholeBody, type StoreHttp } from '../store-http.ts';
import { retryAfterMs } from './retry-after.ts';

const PROMETHEUS_WRITE_LIMITS = {
  /** Samples of one request; Prometheus itself sends 2,000, vmagent 10,000. */
  samplesPerRequest: 5_000,
  /** Bytes of one request before it is packed; receivers begin to refuse at a few MiB. */
  bytesPerRequest: 4 * 1024 * 1024,
  /** Samples of one host that are read to be counted. */
  countedSamplesMax: 1_000_000,
  /** A page of the store's own metrics. */
  metricsBytesMax: 4 * 1024 * 1024,
} as const;

export type PrometheusWriteLimits = { readonly [Name in keyof typeof PROMETHEUS_WRITE_LIMITS]: number };

export interface PrometheusSinkOptions {
  /** Address of the write side. */
  readonly http: StoreHttp;
  /** From the address on; `''` when the address is the whole path of remote write. */
  readonly writePath?: string;
  /** The address of the query API, which may be another server. */
  readonly queryHttp: StoreHttp;
  readonly reader: Pick<StorageReader, 'select'>;
  readonly clock: Clock;
  readonly limits?: Partial<PrometheusWriteLimits>;
}

const WRITE_HEADERS = {
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'x-prometheus-remote-write-version': '0.1.0',
} as const;

/** Refusals of what the request holds, not of who sends it. */
const POISON = new Set([400, 413, 422]);

export class PrometheusSink implements Sink {
  readonly kind = 'prometheus';
  readonly #options: PrometheusSinkOptions;
  readonly #limits: PrometheusWriteLimits;
  readonly #encoder = new WriteRequestEncoder();

  constructor(options: PrometheusSinkOptions) {
    this.#options = options;
    this.#limits = { ...PROMETHEUS_WRITE_LIMITS, ...options.limits };
  }

  async write(batch: readonly SinkSeries[], signal: AbortSignal): Promise<SinkResult> {
    const isGood = ({ labels }: SinkSeries): boolean => this.#encoder.labelBytes(labels).length > 0;
    const refused = batch.filter((series) => !isGood(series)).map(unstorable);
    for (const request of requestsOf(batch.filter(isGood), this.#encoder, this.#limits)) {
      const outcome = await this.#send(request, signal);
      if (outcome.kind === 'written') continue;
      if (outcome.kind !== 'poison') return outcome;
      const found = await writeBisecting(pointsOf(request), (points) => this.#send(points, signal));
      if (found.kind !== 'written') return found;
      for (const { item, text, count } of found.refused) {
        refused.push({ labels: item?.labels ?? Labels.empty, reason: 'refused', text, count });
      }
    }
    return { kind: 'written', refused };
  }

  /** From the metrics that Prometheus and VictoriaMetrics serve about themselves; others do not tell. */
  async startedMs(signal: AbortSignal): Promise<number | null> {
    try {
      const answer = await this.#options.queryHttp.request({ method: 'GET', path: '/metrics' }, signal);
      const text = (await wholeBody(answer, this.#limits.metricsBytesMax)).toString('utf8');
      const seconds = Number(/^process_start_time_seconds ([\d.e+]+)$/m.exec(text)?.[1]);
      return answer.status === 200 && Number.isFinite(seconds) ? Math.round(seconds * 1000) : null;
    } catch {
      // The next write meets the same trouble and reports it.
      return null;
    }
  }

  /** Stale markers are not counted. */
  async countSamples({ instance, fromMs, toMs }: CountRequest, signal: AbortSignal): Promise<number | null> {
    try {
      const found = await this.#options.reader.select(
        {
          matchers: [createMatcher('instance', '=', instance)],
          fromMs,
          toMs: toMs - 1,
          samplesMax: this.#limits.countedSamplesMax,
        },
        signal,
      );
      return found.reduce((sum, { timestamps, stale = NO_MARKS }) => {
        return sum + timestamps.length - stale.reduce((count, mark) => count + mark, 0);
      }, 0);
    } catch {
      // As above: what keeps the store from reading is seen by whoever reads.
      return null;
    }
  }

  // oxlint-disable-next-line typescript/require-await -- the seam is asynchronous
  async close(): Promise<void> {
    this.#options.http.close();
    this.#options.queryHttp.close();
  }

  async #send(part: readonly SinkSeries[], signal: AbortSignal): Promise<Attempt> {
    const { http, clock, writePath = '/api/v1/write' } = this.#options;
    const body = packSnappy(this.#encoder.encode(part));
    try {
      const request = { method: 'POST', path: writePath, headers: WRITE_HEADERS, body } as const;
      const answer = await http.request(request, signal);
      const said = `status ${answer.status} ${await errorText(answer)}`.trim();
      if (answer.status >= 200 && answer.status < 300) return { kind: 'written' };
      if (POISON.has(answer.status)) return { kind: 'poison', text: said };
      const error = `write to ${http.shownUrl}: ${said}`;
      if (answer.status === 429 || answer.status >= 500) {
        return { kind: 'retry', error, retryAfterMs: retryAfterMs(answer.retryAfter, clock.wallMs()) };
      }
      return { kind: 'blocked', error };
    } catch (error) {
      return { kind: 'retry', error: describeError(error), retryAfterMs: null };
    }
  }
}

const NO_MARKS = new Uint8Array(0);

function unstorable({ labels, timestamps }: SinkSeries): RefusedSamples {
  const text = 'labels without a metric name, or that are not Unicode text';
  return { labels, reason: 'unstorable', text, count: timestamps.length };
}

/** Bytes that a sample takes in a request, about. */
const SAMPLE_BYTES = 20;

/** The batch in requests of bounded size; the order within a series stays. */
function requestsOf(
  batch: readonly SinkSeries[],
  encoder: WriteRequestEncoder,
  { samplesPerRequest, bytesPerRequest }: PrometheusWriteLimits,
): readonly (readonly SinkSeries[])[] {
  const requests: SinkSeries[][] = [];
  let [samplesLeft, bytesLeft] = [0, 0];
  for (const series of batch) {
    const labelBytes = encoder.labelBytes(series.labels).length;
    for (let start = 0; start < series.timestamps.length; start += samplesPerRequest) {
      const piece = slice(series, start, Math.min(start + samplesPerRequest, series.timestamps.length));
      const samples = piece.timestamps.length;
      const bytes = labelBytes + samples * SAMPLE_BYTES;
      if (samples > samplesLeft || bytes > bytesLeft) {
        requests.push([]);
        [samplesLeft, bytesLeft] = [samplesPerRequest, bytesPerRequest];
      }
      requests.at(-1)?.push(piece);
      samplesLeft -= samples;
      bytesLeft -= bytes;
    }
  }
  return requests;
}

/** Every sample as a series of its own, so that each can be judged alone. */
function pointsOf(request: readonly SinkSeries[]): readonly SinkSeries[] {
  return request.flatMap((series) =>
    Array.from(series.timestamps, (_timeMs, at) => slice(series, at, at + 1)),
  );
}

function slice(series: SinkSeries, start: number, end: number): SinkSeries {
  if (start === 0 && end === series.timestamps.length) return series;
  const { labels, timestamps, values, stale } = series;
  const part = { labels, timestamps: timestamps.subarray(start, end), values: values.subarray(start, end) };
  return stale === undefined ? part : { ...part, stale: stale.subarray(start, end) };
}
