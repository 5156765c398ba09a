/**
 * What people ask, answered as JSON text in pieces: queries, and lists of series and labels. The text is what stands as
 * `data` in an answer of the Prometheus API. Threads answer like this as well as the engine of this thread.
 */
import { encodeQueryValue } from './encode.ts';
import type { InstantOptions, QueryEngine, RangeOptions } from './query.ts';
import type { QueryResult, QueryValue } from './results.ts';
import type { CatalogueRequest, SeriesCatalogue } from './series-selector.ts';
import { TimeHeads } from './time-heads.ts';

/** An answer; its pieces are read once, in order. */
export interface JsonAnswer {
  readonly data: Iterable<string | Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** At most so many series or entries in an answer, 0 for all. */
export interface Limited {
  readonly limit: number;
}

/** May be used concurrently. Errors are those of the engine and of the store. */
export interface Answers {
  instant(text: string, options: InstantOptions & Limited, signal: AbortSignal): Promise<JsonAnswer>;
  range(text: string, options: RangeOptions & Limited, signal: AbortSignal): Promise<JsonAnswer>;
  series(request: CatalogueRequest, signal: AbortSignal): Promise<JsonAnswer>;
  labelNames(request: CatalogueRequest, signal: AbortSignal): Promise<JsonAnswer>;
  labelValues(name: string, request: CatalogueRequest, signal: AbortSignal): Promise<JsonAnswer>;
}

/** What Prometheus warns of when a limit cut a result. */
const TRUNCATED = 'results truncated due to limit';

/** Answers from an engine and a store in this thread. */
export function createAnswers({
  engine,
  storage,
}: {
  readonly engine: QueryEngine;
  readonly storage: SeriesCatalogue;
}): Answers {
  const times = new TimeHeads();
  return {
    async instant(text, { limit, ...options }, signal) {
      return queryAnswer(await engine.instant(text, options, signal), { limit, times });
    },
    async range(text, { limit, ...options }, signal) {
      return queryAnswer(await engine.range(text, options, signal), { limit, times });
    },
    series: (request, signal) => listAnswer(request, (wanted) => storage.series(wanted, signal)),
    labelNames: (request, signal) => listAnswer(request, (wanted) => storage.labelNames(wanted, signal)),
    labelValues: (name, request, signal) =>
      listAnswer(request, (wanted) => storage.labelValues(name, wanted, signal)),
  };
}

function queryAnswer(
  { value, warnings, infos }: QueryResult,
  { limit, times }: Limited & { readonly times: TimeHeads },
): JsonAnswer {
  const cut = limit === 0 ? value : firstOf(value, limit);
  return {
    data: encodeQueryValue(cut, times),
    warnings: cut === value ? warnings : [...warnings, TRUNCATED],
    infos,
  };
}

function firstOf(value: QueryValue, limit: number): QueryValue {
  if (value.kind === 'vector' && value.samples.length > limit) {
    return { ...value, samples: value.samples.slice(0, limit) };
  }
  if (value.kind === 'matrix' && value.series.length > limit) {
    return { ...value, series: value.series.slice(0, limit) };
  }
  return value;
}

/** Asks for one entry more than wanted, which tells whether something was left out. */
async function listAnswer(
  request: CatalogueRequest,
  read: (request: CatalogueRequest) => Promise<readonly unknown[]>,
): Promise<JsonAnswer> {
  const { limit } = request;
  const found = await read({ ...request, limit: limit === 0 ? 0 : limit + 1 });
  const isCut = limit > 0 && found.length > limit;
  return {
    data: listJson(isCut ? found.slice(0, limit) : found),
    warnings: isCut ? [TRUNCATED] : [],
    infos: [],
  };
}

const ENTRIES_PER_PIECE = 500;

/** Entries in pieces: there may be very many. */
function* listJson(entries: readonly unknown[]): Generator<string> {
  yield '[';
  for (let start = 0; start < entries.length; start += ENTRIES_PER_PIECE) {
    const piece = JSON.stringify(entries.slice(start, start + ENTRIES_PER_PIECE));
    yield (start === 0 ? '' : ',') + piece.slice(1, -1);
  }
  yield ']';
}
