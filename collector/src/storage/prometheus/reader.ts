/**
 * Reads samples and labels of a store that has the HTTP API of Prometheus. Which way samples come is found out with the
 * first read: VictoriaMetrics exports them, Prometheus and Mimir have remote read, and everything else (Thanos) gives
 * them for a range selector, without stale markers.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { FetchedSeries } from '../fetched-series.ts';
import { Labels, METRIC_NAME } from '../labels.ts';
import { throwIfCanceled } from '../limits.ts';
import { linesOf } from '../lines.ts';
import { fitsAll } from '../matcher.ts';
import { decodeReadResponse, encodeReadRequest } from '../remote-protocol/client.ts';
import { packSnappy, unpackSnappy } from '../remote-protocol/snappy.ts';
import type { LabelsRequest, SelectRequest, Series, ExternalReader } from '../storage.ts';
import { errorText, storeFailure, wholeBody, type StoreAnswer, type StoreHttp } from '../store-http.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { numberOf, parseAnswer, queryAnswer, seriesAnswer, stringsAnswer, StoreRefusal } from './answers.ts';
import { parseExportLine } from './export-line.ts';
import { isPlainName, secondsText, selectorText } from './selector.ts';

/** Where samples come from. */
export type SampleSource = 'export' | 'remote-read' | 'query';

const PROMETHEUS_READ_LIMITS = {
  /** One answer, as it travels; a series of the export stands on one line. */
  answerBytesMax: 256 * 1024 * 1024,
  /** A remote read answer, unpacked. */
  unpackedBytesMax: 512 * 1024 * 1024,
} as const;

export type PrometheusReadLimits = { readonly [Name in keyof typeof PROMETHEUS_READ_LIMITS]: number };

export interface PrometheusReaderOptions {
  readonly http: StoreHttp;
  readonly limits?: Partial<PrometheusReadLimits>;
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' } as const;
const REMOTE_READ = {
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'accept-encoding': 'snappy',
  'x-prometheus-remote-read-version': '0.1.0',
} as const;

/**
 * The read side of a store. Errors besides those of the seam: STORE_FAILED when the store is away or refuses, QUERY_LIMIT
 * when an answer is too long.
 */
export class PrometheusReader implements ExternalReader {
  readonly #http: StoreHttp;
  readonly #limits: PrometheusReadLimits;
  #source: SampleSource | undefined;

  constructor({ http, limits = {} }: PrometheusReaderOptions) {
    this.#http = http;
    this.#limits = { ...PROMETHEUS_READ_LIMITS, ...limits };
  }

  async select(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    if (request.matchers.length === 0) throw new AppError('BAD_REQUEST', 'select needs at least one matcher');
    throwIfCanceled(signal);
    if (request.fromMs > request.toMs) return [];
    switch (await this.source(signal)) {
      case 'export':
        return this.#export(request, signal);
      case 'remote-read':
        return this.#remoteRead(request, signal);
      case 'query':
        return this.#rangeSelector(request, signal);
    }
  }

  async series(request: LabelsRequest, signal: AbortSignal): Promise<readonly Labels[]> {
    const sets = request.matcherSets.length === 0 ? [[]] : request.matcherSets;
    const { data } = await this.#form('/api/v1/series', listForm({ ...request, matcherSets: sets }), {
      schema: seriesAnswer,
      signal,
    });
    const found = new Map<string, Labels>();
    for (const object of data) {
      const labels = Labels.of(object);
      if (sets.some((matchers) => fitsAll(labels, matchers))) found.set(labels.key, labels);
    }
    return limited([...found.values()].sort(Labels.compare), request.limit);
  }

  async labelNames(request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    if (!isExact(request)) {
      const names = (await this.series({ ...request, limit: 0 }, signal)).flatMap((labels) =>
        Array.from(labels.entries(), ([name]) => name),
      );
      return sorted(names, request.limit);
    }
    const { data } = await this.#form('/api/v1/labels', listForm(request), { schema: stringsAnswer, signal });
    // VictoriaMetrics names this one also when there are no series.
    const [only] = data;
    if (data.length === 1 && only === METRIC_NAME) {
      if ((await this.series({ ...request, limit: 1 }, signal)).length === 0) return [];
    }
    return sorted(data, request.limit);
  }

  async labelValues(name: string, request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    if (!isPlainName(name) || !isExact(request)) {
      const values = (await this.series({ ...request, limit: 0 }, signal)).map((labels) => labels.get(name));
      return sorted(values, request.limit);
    }
    throwIfCanceled(signal);
    const path = `/api/v1/label/${name}/values?${listForm(request).toString()}`;
    const answer = await this.#http.request({ method: 'GET', path }, signal);
    const { data } = await this.#parsed(answer, stringsAnswer);
    return sorted(data, request.limit);
  }

  close(): void {
    this.#http.close();
  }

  /** How this store gives samples; it is asked once. @throws AppError STORE_FAILED, QUERY_CANCELED */
  async source(signal: AbortSignal): Promise<SampleSource> {
    if (this.#source !== undefined) return this.#source;
    const form = new URLSearchParams({ 'match[]': '{__name__="rollcall_no_such_series"}' });
    const probe = await this.#http.request(
      { method: 'GET', path: `/api/v1/export?${form.toString()}` },
      signal,
    );
    const exported = await wholeBody(probe, this.#limits.answerBytesMax);
    if (probe.status === 200 && exported.toString('utf8').trim() === '') return (this.#source = 'export');
    if (probe.status === 401 || probe.status === 403 || probe.status === 429 || probe.status >= 500) {
      throw new StoreRefusal(this.#http.shownUrl, probe.status, `status ${probe.status}`);
    }
    const read = await this.#postRead([], signal);
    const isRead = read.status === 200;
    await errorText(read);
    return (this.#source = isRead ? 'remote-read' : 'query');
  }

  async #export(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    const form = new URLSearchParams({
      'match[]': selectorText(request.matchers),
      start: secondsText(request.fromMs),
      end: secondsText(request.toMs),
    });
    const post = { method: 'POST', path: '/api/v1/export', headers: FORM, body: form.toString() } as const;
    const answer = await this.#http.request(post, signal);
    if (answer.status !== 200) await this.#refuse(answer);
    const found = new FetchedSeries(request);
    for await (const line of linesOf(answer.body, this.#limits.answerBytesMax)) {
      if (line === '') continue;
      const exported = parseExportLine(line);
      if (exported === undefined)
        throw storeFailure(this.#http.shownUrl, 'the answer is no export of samples');
      found.add(exported.labels, exported.samples);
    }
    return found.finish();
  }

  async #remoteRead(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    const { fromMs, toMs, matchers } = request;
    const range = { fromMs: Math.max(0, Math.ceil(fromMs)), toMs: Math.max(0, Math.floor(toMs)) };
    const answer = await this.#postRead([{ ...range, matchers }], signal);
    if (answer.status !== 200) await this.#refuse(answer);
    const packed = await wholeBody(answer, this.#limits.answerBytesMax);
    const found = new FetchedSeries(request);
    try {
      const bytes = unpackSnappy(packed, this.#limits.unpackedBytesMax);
      for (const series of decodeReadResponse(bytes)) {
        throwIfCanceled(signal);
        found.add(series.labels, samplesOf(series));
      }
    } catch (error) {
      throw this.#misread(error);
    }
    return found.finish();
  }

  /** Raw samples of a range selector. The window gets a millisecond more, because newer stores leave its start out. */
  async #rangeSelector(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    const fromMs = Math.max(0, Math.ceil(request.fromMs));
    const form = new URLSearchParams({
      query: `${selectorText(request.matchers)}[${Math.floor(request.toMs) - fromMs + 1}ms]`,
      time: secondsText(request.toMs),
    });
    const { data } = await this.#form('/api/v1/query', form, { schema: queryAnswer, signal });
    if (data.resultType !== 'matrix') {
      throw storeFailure(this.#http.shownUrl, `the answer to a range selector is a ${data.resultType}`);
    }
    const found = new FetchedSeries(request);
    for (const { metric, values } of data.result) {
      const samples = values.map(([seconds, text]) => ({
        timeMs: Math.round(seconds * 1000),
        value: numberOf(text),
      }));
      found.add(Labels.of(metric), samples);
    }
    return found.finish();
  }

  #postRead(queries: Parameters<typeof encodeReadRequest>[0], signal: AbortSignal): Promise<StoreAnswer> {
    const body = packSnappy(encodeReadRequest(queries));
    return this.#http.request({ method: 'POST', path: '/api/v1/read', headers: REMOTE_READ, body }, signal);
  }

  async #form<T>(
    path: string,
    form: URLSearchParams,
    {
      schema,
      signal,
    }: { readonly schema: Parameters<typeof parseAnswer<T>>[0]; readonly signal: AbortSignal },
  ): Promise<T> {
    throwIfCanceled(signal);
    const post = { method: 'POST', path, headers: FORM, body: form.toString() } as const;
    return this.#parsed(await this.#http.request(post, signal), schema);
  }

  async #parsed<T>(answer: StoreAnswer, schema: Parameters<typeof parseAnswer<T>>[0]): Promise<T> {
    const body = await wholeBody(answer, this.#limits.answerBytesMax);
    return parseAnswer(schema, { shownUrl: this.#http.shownUrl, status: answer.status, body });
  }

  async #refuse(answer: StoreAnswer): Promise<never> {
    const said = await errorText(answer);
    throw new StoreRefusal(this.#http.shownUrl, answer.status, `status ${answer.status}, ${said}`);
  }

  /** What a bad answer means: our own codec calls it a bad request. */
  #misread(error: unknown): unknown {
    if (!(error instanceof AppError)) return error;
    if (error.code === 'BAD_REQUEST')
      return storeFailure(this.#http.shownUrl, 'the answer is garbled', { cause: error });
    if (error.code === 'LIMIT_EXCEEDED') return new AppError('QUERY_LIMIT', error.message);
    return error;
  }
}

function* samplesOf({ timestamps, values, stale }: Series) {
  for (let at = 0; at < timestamps.length; at++) {
    yield { timeMs: timestamps[at] ?? 0, value: values[at] ?? Number.NaN, isStale: stale?.[at] === 1 };
  }
}

function listForm({ matcherSets, fromMs, toMs }: LabelsRequest): URLSearchParams {
  const form = new URLSearchParams({ start: secondsText(fromMs), end: secondsText(toMs) });
  for (const matchers of matcherSets) form.append('match[]', selectorText(matchers));
  return form;
}

/** Whether the store is asked exactly what is wanted: lists of texts cannot be looked through afterwards. */
function isExact({ matcherSets }: LabelsRequest): boolean {
  return matcherSets.every((matchers) => matchers.every(({ value }) => value.isWellFormed()));
}

function sorted(texts: readonly string[], limit: number): readonly string[] {
  const found = new Set(texts);
  found.delete('');
  return limited([...found].sort(compareUtf8), limit);
}

function limited<T>(list: T[], limit: number): T[] {
  return limit > 0 ? list.slice(0, limit) : list;
}
