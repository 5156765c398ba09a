/**
 * Reads InfluxDB 1.x in InfluxQL. A metric is a field of a measurement (line-protocol/names.ts), labels are tags; fields
 * that are no numbers are no metrics. Which fields there are is asked before each read: without time that is an answer
 * of the index, and cheap.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { FetchedSeries } from '../fetched-series.ts';
import { Labels, METRIC_NAME } from '../labels.ts';
import { throwIfCanceled } from '../limits.ts';
import { linesOf } from '../lines.ts';
import { nameOf } from '../line-protocol/names.ts';
import { fitsAll, type Matcher } from '../matcher.ts';
import type { LabelsRequest, SelectRequest, Series } from '../storage.ts';
import type { ExternalReader } from '../storage.ts';
import { createStoreHttp, errorText, storeFailure, type StoreAccess, type StoreHttp } from '../store-http.ts';
import { parsePiece, type AnswerSeries } from './read-answer.ts';
import { conditions, fieldKey, identifier } from './read-query.ts';

export interface InfluxV1ReadSettings {
  readonly url: string;
  readonly database: string;
  /** The database's default one when absent. */
  readonly retentionPolicy?: string | undefined;
  readonly access?: StoreAccess;
}

/** @throws AppError BAD_CONFIG when the address is no URL */
export function openInfluxV1Reader(
  { url, access = { kind: 'none' }, ...rest }: InfluxV1ReadSettings,
  { clock }: { readonly clock: Clock },
): ExternalReader {
  const http = createStoreHttp({ url, access }, { clock });
  return new InfluxV1Reader({ http, ...rest });
}

interface InfluxV1ReaderOptions {
  readonly http: StoreHttp;
  readonly database: string;
  readonly retentionPolicy?: string | undefined;
}

/** One piece of an answer, on one line; a piece has at most 10,000 rows. */
const PIECE_BYTES_MAX = 64 * 1024 * 1024;
/** Metrics whose samples are asked for at a time: the text of a query must not grow without end. */
const FIELDS_PER_QUERY = 200;

/** A measurement with fields, by the names that they stand for. */
interface Measured {
  readonly measurement: string;
  /** Metric name by field. */
  readonly fields: ReadonlyMap<string, string>;
}

/** Errors besides those of the seam: STORE_FAILED when the store is away or refuses, QUERY_LIMIT for too long answers. */
class InfluxV1Reader implements ExternalReader {
  readonly #http: StoreHttp;
  readonly #path: string;
  readonly #retentionPolicy: string | undefined;

  constructor({ http, database, retentionPolicy }: InfluxV1ReaderOptions) {
    this.#http = http;
    this.#retentionPolicy = retentionPolicy;
    this.#path = `/query?${new URLSearchParams({ db: database, epoch: 'ms', chunked: 'true' }).toString()}`;
  }

  async select(request: SelectRequest, signal: AbortSignal): Promise<readonly Series[]> {
    if (request.matchers.length === 0) throw new AppError('BAD_REQUEST', 'select needs at least one matcher');
    throwIfCanceled(signal);
    if (request.fromMs > request.toMs) return [];
    const found = new FetchedSeries(request);
    for (const measured of await this.#measured(request.matchers, signal)) {
      const fields = [...measured.fields.keys()].map(fieldKey).join(', ');
      const text = `SELECT ${fields} ${this.#from(measured)} WHERE ${conditions(request.matchers, request)} GROUP BY *`;
      for await (const series of this.#ask(text, signal)) addRows(found, series, measured);
    }
    return found.finish();
  }

  async series(request: LabelsRequest, signal: AbortSignal): Promise<readonly Labels[]> {
    throwIfCanceled(signal);
    const found = new Map<string, Labels>();
    for (const matchers of request.matcherSets.length === 0 ? [[]] : request.matcherSets) {
      for (const measured of await this.#measured(matchers, signal)) {
        for (const labels of await this.#labelsOf(measured, matchers, { request, signal })) {
          found.set(labels.key, labels);
        }
      }
    }
    return limited([...found.values()].sort(Labels.compare), request.limit);
  }

  async labelNames(request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    const all = await this.series({ ...request, limit: 0 }, signal);
    return sorted(
      all.flatMap((labels) => Array.from(labels.entries(), ([name]) => name)),
      request.limit,
    );
  }

  async labelValues(name: string, request: LabelsRequest, signal: AbortSignal): Promise<readonly string[]> {
    const all = await this.series({ ...request, limit: 0 }, signal);
    return sorted(
      all.map((labels) => labels.get(name)),
      request.limit,
    );
  }

  close(): void {
    this.#http.close();
  }

  /** The fields whose names may fit, in portions. */
  async #measured(matchers: readonly Matcher[], signal: AbortSignal): Promise<readonly Measured[]> {
    const ofName = matchers.filter(({ name }) => name === METRIC_NAME);
    const all: Measured[] = [];
    for await (const { name: measurement, columns, values } of this.#ask('SHOW FIELD KEYS', signal)) {
      const [keyAt, typeAt] = [columns.indexOf('fieldKey'), columns.indexOf('fieldType')];
      const fields: [string, string][] = [];
      for (const row of values) {
        const field = row[keyAt];
        if (typeof field !== 'string' || row[typeAt] === 'string' || row[typeAt] === 'boolean') continue;
        const name = nameOf({ measurement, field });
        if (ofName.every(({ matches }) => matches(name))) fields.push([field, name]);
      }
      for (let at = 0; at < fields.length; at += FIELDS_PER_QUERY) {
        all.push({ measurement, fields: new Map(fields.slice(at, at + FIELDS_PER_QUERY)) });
      }
    }
    return all;
  }

  /** The label sets that have a sample in the range: one row for each tag set tells the last value of each field. */
  async #labelsOf(
    measured: Measured,
    matchers: readonly Matcher[],
    { request, signal }: { readonly request: LabelsRequest; readonly signal: AbortSignal },
  ): Promise<readonly Labels[]> {
    const fields = [...measured.fields.keys()];
    const last = fields.map((field) => `last(${fieldKey(field)})`).join(', ');
    const text = `SELECT ${last} ${this.#from(measured)} WHERE ${conditions(matchers, request)} GROUP BY *`;
    const found: Labels[] = [];
    for await (const { tags, values } of this.#ask(text, signal)) {
      for (const [at, field] of fields.entries()) {
        // Column 0 is the time.
        if (!values.some((row) => typeof row[at + 1] === 'number')) continue;
        const labels = labelsOf(tags, measured.fields.get(field) ?? '');
        if (fitsAll(labels, matchers)) found.push(labels);
      }
    }
    return found;
  }

  #from({ measurement }: Measured): string {
    const policy = this.#retentionPolicy === undefined ? '' : `${identifier(this.#retentionPolicy)}.`;
    return `FROM ${policy}${identifier(measurement)}`;
  }

  async *#ask(text: string, signal: AbortSignal): AsyncGenerator<AnswerSeries> {
    const answer = await this.#http.request(
      {
        method: 'POST',
        path: this.#path,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ q: text }).toString(),
      },
      signal,
    );
    const { shownUrl } = this.#http;
    if (answer.status !== 200) {
      const isRetryable = answer.status === 429 || answer.status >= 500;
      throw storeFailure(shownUrl, `status ${answer.status}, ${await errorText(answer)}`, { isRetryable });
    }
    for await (const line of linesOf(answer.body, PIECE_BYTES_MAX)) {
      if (line === '') continue;
      const piece = parsePiece(line);
      if (piece.kind === 'error') throw storeFailure(shownUrl, piece.said, { isRetryable: false });
      if (piece.kind === 'garbled') throw storeFailure(shownUrl, 'the answer is not one of InfluxDB');
      yield* piece.series;
    }
  }
}

function addRows(found: FetchedSeries, { tags, columns, values }: AnswerSeries, { fields }: Measured): void {
  const timeAt = columns.indexOf('time');
  for (const [at, field] of columns.entries()) {
    const name = at === timeAt ? undefined : fields.get(field);
    if (name === undefined) continue;
    const samples = values.flatMap((row) => {
      const [timeMs, value] = [row[timeAt], row[at]];
      return typeof timeMs === 'number' && typeof value === 'number' ? [{ timeMs, value }] : [];
    });
    if (samples.length > 0) found.add(labelsOf(tags, name), samples);
  }
}

/** A tag that a series does not have comes as an empty one, and a tag that is called like the name gives way to it. */
function labelsOf(tags: Readonly<Record<string, string>>, name: string): Labels {
  return Labels.from([...Object.entries(tags), [METRIC_NAME, name]]);
}

function sorted(texts: readonly string[], limit: number): readonly string[] {
  const found = new Set(texts);
  found.delete('');
  return limited([...found].sort(compareUtf8), limit);
}

function limited<T>(list: T[], limit: number): T[] {
  return limit > 0 ? list.slice(0, limit) : list;
}
