/**
 * Reads InfluxDB 2.x in Flux. A metric is a field of a measurement (line-protocol/names.ts), labels are tags. The texts
 * are checked by Flux's own type checker, and the answers by a fake: no InfluxDB 2 was at hand.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { FetchedSeries } from '../fetched-series.ts';
import { Labels, METRIC_NAME } from '../labels.ts';
import { throwIfCanceled } from '../limits.ts';
import { nameOf } from '../line-protocol/names.ts';
import { fitsAll } from '../matcher.ts';
import type { ExternalReader, LabelsRequest, SelectRequest, Series } from '../storage.ts';
import { createStoreHttp, errorText, storeFailure, type StoreHttp } from '../store-http.ts';
import { CsvError, csvRows, type CsvRow } from './read-csv.ts';
import { samplesQuery, seriesQuery } from './read-query.ts';

export interface InfluxV2ReadSettings {
  /** A path is kept in front of `/api/v2/query`. */
  readonly url: string;
  readonly org: string;
  readonly bucket: string;
  readonly token?: string | undefined;
}

/** One row: a sample with its labels. */
const ROW_BYTES_MAX = 4 * 1024 * 1024;

/** @throws AppError BAD_CONFIG when the address is no URL */
export function openInfluxV2Reader(
  { url, token, ...rest }: InfluxV2ReadSettings,
  { clock }: { readonly clock: Clock },
): ExternalReader {
  const access = token === undefined ? ({ kind: 'none' } as const) : ({ kind: 'token', token } as const);
  return new InfluxV2Reader({ http: createStoreHttp({ url, access }, { clock }), ...rest });
}

interface InfluxV2ReaderOptions {
  readonly http: StoreHttp;
  readonly org: string;
  readonly bucket: string;
}

/** Errors besides those of the seam: STORE_FAILED when the store is away or refuses, QUERY_LIMIT for too long answers. */
class InfluxV2Reader implements ExternalReader {
  readonly #http: StoreHttp;
  readonly #path: string;
  readonly #bucket: string;

  constructor({ http, org, bucket }: InfluxV2ReaderOptions) {
    this.#http = http;
    this.#bucket = bucket;
    this.#path = `/api/v2/query?${new URLSearchParams({ org }).toString()}`;
  }

  async select(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    if (request.matchers.length === 0) throw new AppError('BAD_REQUEST', 'select needs at least one matcher');
    throwIfCanceled(signal);
    if (request.fromMs > request.toMs) return [];
    const found = new FetchedSeries(request);
    for await (const row of this.#ask(samplesQuery(this.#bucket, request.matchers, request), signal)) {
      const sample = sampleOf(row);
      if (sample !== undefined) found.add(labelsOf(row), [sample]);
    }
    return found.finish();
  }

  async series(request: LabelsRequest, signal: AbortSignal): Promise<readonly Labels[]> {
    throwIfCanceled(signal);
    const found = new Map<string, Labels>();
    for (const matchers of request.matcherSets.length === 0 ? [[]] : request.matcherSets) {
      for await (const row of this.#ask(seriesQuery(this.#bucket, matchers, request), signal)) {
        if (sampleOf(row) === undefined) continue;
        const labels = labelsOf(row);
        if (fitsAll(labels, matchers)) found.set(labels.key, labels);
      }
    }
    return limited([...found.values()].sort(Labels.compare), request.limit);
  }

  async labelNames(request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    const all = await this.series({ ...request, limit: 0 }, signal);
    const names = new Set(all.flatMap((labels) => Array.from(labels.entries(), ([name]) => name)));
    return limited([...names].sort(compareUtf8), request.limit);
  }

  async labelValues(name: string, request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    const all = await this.series({ ...request, limit: 0 }, signal);
    const values = new Set(all.map((labels) => labels.get(name)));
    values.delete('');
    return limited([...values].sort(compareUtf8), request.limit);
  }

  close(): void {
    this.#http.close();
  }

  async *#ask(query: string, signal: AbortSignal): AsyncGenerator<CsvRow> {
    const { shownUrl } = this.#http;
    const dialect = { header: true, annotations: ['datatype', 'group', 'default'] };
    const answer = await this.#http.request(
      {
        method: 'POST',
        path: this.#path,
        headers: { 'content-type': 'application/json', accept: 'application/csv' },
        body: JSON.stringify({ query, type: 'flux', dialect }),
      },
      signal,
    );
    if (answer.status !== 200) {
      const isRetryable = answer.status === 429 || answer.status >= 500;
      throw storeFailure(shownUrl, `status ${answer.status}, ${await errorText(answer)}`, { isRetryable });
    }
    try {
      yield* csvRows(answer.body, ROW_BYTES_MAX);
    } catch (error) {
      if (error instanceof CsvError) throw storeFailure(shownUrl, error.message, { isRetryable: false });
      throw error;
    }
  }
}

/** Undefined when the row has no number or no time. */
function sampleOf({
  columns,
  cells,
}: CsvRow): { readonly timeMs: number; readonly value: number } | undefined {
  const timeMs = Date.parse(cells[columns.indexOf('_time')] ?? '');
  const text = cells[columns.indexOf('_value')] ?? '';
  const value = text === '' ? Number.NaN : Number(text);
  return Number.isFinite(timeMs) && Number.isFinite(value) ? { timeMs, value } : undefined;
}

/** Columns that are no tags. */
const NO_TAGS = new Set([
  '',
  'result',
  'table',
  '_start',
  '_stop',
  '_time',
  '_value',
  '_field',
  '_measurement',
]);

function labelsOf({ columns, cells }: CsvRow): Labels {
  const measurement = cells[columns.indexOf('_measurement')] ?? '';
  const field = cells[columns.indexOf('_field')] ?? '';
  const tags = columns.flatMap((name, at) => (NO_TAGS.has(name) ? [] : [[name, cells[at] ?? ''] as const]));
  return Labels.from([...tags, [METRIC_NAME, nameOf({ measurement, field })]]);
}

function limited<T>(list: T[], limit: number): T[] {
  return limit > 0 ? list.slice(0, limit) : list;
}
