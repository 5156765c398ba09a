/**
 * What people ask, answered as finished bytes in pieces: queries, lists of series and labels, sizes of the store, remote
 * reads. JSON is what stands as `data` in an answer of the Prometheus API. Threads answer like this as well as the engine
 * of this thread.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import type { StorageReader } from '../storage/storage.ts';
import { encodeQueryValue, EncoderMemory } from './encode.ts';
import { Pacer } from './evaluation.ts';
import type { InstantOptions, QueryEngine, RangeOptions } from './query.ts';
import { newestAsText } from './newest-text.ts';
import { statsJson } from './query-stats.ts';
import { readSamples, type RemoteReadRequest } from './remote-read.ts';
import type { QueryResult, QueryValue } from './results.ts';
import type { CatalogueRequest } from './series-selector.ts';
import { storeSizes, type StoreExtent } from './store-sizes.ts';

/** An answer; its pieces are read once, in order. */
export interface JsonAnswer {
  /** A piece is good until the next one is asked for, or the reading ends. */
  readonly data: Iterable<string | Uint8Array> | AsyncIterable<Uint8Array>;
  /** Length of the only piece; undefined when there may be several. */
  readonly onlyPieceBytes?: number | undefined;
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
  /** The newest samples in text format, no JSON; see `newestAsText`. */
  newest(request: CatalogueRequest, signal: AbortSignal): Promise<JsonAnswer>;
  /** How much there is, and the `top` largest names of each kind: a `StoreSizes`. */
  storeSizes(top: number, signal: AbortSignal): Promise<JsonAnswer>;
  /** A snappy block with a ReadResponse, in pieces as those of a `JsonAnswer`. */
  remoteRead(request: RemoteReadRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** What Prometheus warns of when a limit cut a result. */
const TRUNCATED = 'results truncated due to limit';

export interface AnswersOptions {
  readonly engine: QueryEngine;
  readonly storage: StorageReader;
  extent(this: void): Promise<StoreExtent>;
  readonly clock: Clock;
}

/** Answers from an engine and a store in this thread. */
export function createAnswers({ engine, storage, extent, clock }: AnswersOptions): Answers {
  const memory = new EncoderMemory();
  const pacerOf = (signal: AbortSignal): Pacer => new Pacer({ clock, yieldTurn: nextTurn, signal });
  return {
    async instant(text, { limit, ...options }, signal) {
      return queryAnswer(await engine.instant(text, options, signal), { limit, memory });
    },
    async range(text, { limit, ...options }, signal) {
      return queryAnswer(await engine.range(text, options, signal), { limit, memory });
    },
    series: (request, signal) => listAnswer(request, (wanted) => storage.series(wanted, signal)),
    labelNames: (request, signal) => listAnswer(request, (wanted) => storage.labelNames(wanted, signal)),
    labelValues: (name, request, signal) =>
      listAnswer(request, (wanted) => storage.labelValues(name, wanted, signal)),
    async newest(request, signal) {
      const data = await newestAsText(request, { storage, signal, pacer: pacerOf(signal) });
      return { data, warnings: [], infos: [] };
    },
    async storeSizes(top, signal) {
      const { sizes, warnings } = await storeSizes(top, { storage, extent, signal, pacer: pacerOf(signal) });
      return { data: [JSON.stringify(sizes)], warnings, infos: [] };
    },
    remoteRead: (request, signal) => readSamples(request, { storage, signal, pacer: pacerOf(signal) }),
  };
}

function queryAnswer(
  { value, warnings, infos, stats }: QueryResult,
  { limit, memory }: Limited & { readonly memory: EncoderMemory },
): JsonAnswer {
  const cut = limit === 0 ? value : firstOf(value, limit);
  return {
    data: encodeQueryValue(cut, memory, stats === undefined ? '' : `,"stats":${statsJson(stats)}`),
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
