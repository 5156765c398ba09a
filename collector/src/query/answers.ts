/**
 * What people ask, answered as finished bytes in pieces: queries, lists of series and labels, sizes of the store, remote
 * reads. JSON is what stands as `data` in an answer of the Prometheus API. Threads answer like this as well as the engine
 * of this thread.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import type { StorageReader } from '../storage/storage.ts';
import { encodeQueryValue, EncoderMemory } from './encode/encode.ts';
import { Pacer } from './evaluate/evaluation.ts';
import { parseQuery } from './parse/parse.ts';
import { PatternTally } from './parse/pattern-tally.ts';
import { prettyExpr } from './parse/print.ts';
import type { InstantOptions, LocalQueryEngine, RangeOptions } from './query.ts';
import { newestAsText } from './newest-text.ts';
import { statsJson } from './query-stats.ts';
import { readSamples, type RemoteReadRequest } from './remote-read.ts';
import type { QueryResult, QueryValue } from './results.ts';
import { fitsLabels, parseSeriesSelector } from './parse/series-selector.ts';
import type { CatalogueRequest, SeriesSelector } from './parse/series-selector.ts';
import { storeSizes, type StoreExtent } from './store-sizes.ts';
import { treeJson } from './parse/syntax-tree.ts';

/** An answer; its pieces are read once, in order. */
export interface JsonAnswer {
  /** A piece is good until the next one is asked for, or the reading ends. */
  readonly data: Iterable<string | Uint8Array> | AsyncIterable<Uint8Array>;
  /** Length of the only piece; undefined when there may be several. */
  readonly onlyPieceBytes?: number | undefined;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  /** Values that stay in memory until its last piece is taken; none unless given. */
  readonly values?: number;
}

/** At most so many series or entries in an answer, 0 for all. */
export interface Limited {
  readonly limit: number;
}

/**
 * Which series to list; selectors as they were written, `name{a="b"}`. Texts of strangers are parsed where the answer is made:
 * some take long.
 */
export interface ListRequest extends Omit<CatalogueRequest, 'matcherSets'> {
  readonly selectors: readonly string[];
}

/** What to make of the text of a query: itself in canonical form, or its syntax tree. */
export type ParsedForm = 'canonical' | 'tree';

/** Label sets to be looked at, and selectors of which one has to fit. */
export interface FitRequest {
  readonly selectors: readonly string[];
  readonly labelSets: readonly Readonly<Record<string, string>>[];
}

/** May be used concurrently. Errors are those of the engine and of the store, and BAD_REQUEST for a selector that is none. */
export interface Answers {
  instant(text: string, options: InstantOptions & Limited, signal: AbortSignal): Promise<JsonAnswer>;
  range(text: string, options: RangeOptions & Limited, signal: AbortSignal): Promise<JsonAnswer>;
  series(request: ListRequest, signal: AbortSignal): Promise<JsonAnswer>;
  labelNames(request: ListRequest, signal: AbortSignal): Promise<JsonAnswer>;
  labelValues(name: string, request: ListRequest, signal: AbortSignal): Promise<JsonAnswer>;
  /** @throws AppError BAD_QUERY */
  parsed(text: string, form: ParsedForm, signal: AbortSignal): Promise<JsonAnswer>;
  /** Whether a text is a query at all. @throws AppError BAD_QUERY */
  check(text: string, signal: AbortSignal): Promise<void>;
  /** A list with `true` for each label set that fits. */
  fitting(request: FitRequest, signal: AbortSignal): Promise<JsonAnswer>;
  /** The newest samples in text format, no JSON; see `newestAsText`. */
  newest(request: ListRequest, signal: AbortSignal): Promise<JsonAnswer>;
  /** How much there is, and the `top` largest names of each kind: a `StoreSizes`. */
  storeSizes(top: number, signal: AbortSignal): Promise<JsonAnswer>;
  /** A snappy block with a ReadResponse, no JSON; see `readSamples`. */
  remoteRead(request: RemoteReadRequest, signal: AbortSignal): Promise<JsonAnswer>;
}

/** What Prometheus warns of when a limit cut a result. */
const TRUNCATED = 'results truncated due to limit';

export interface AnswersOptions {
  readonly engine: LocalQueryEngine;
  /** That of the engine. */
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
    parsed: (text, form) => Promise.resolve({ data: [parsedJson(text, form)], warnings: [], infos: [] }),
    check: async (text) => void parseQuery(text),
    async fitting({ selectors, labelSets }, signal) {
      const wanted = parsedSelectors(selectors);
      const pacer = pacerOf(signal);
      const fits: boolean[] = [];
      for (const labels of labelSets) {
        fits.push(wanted.some((selector) => fitsLabels(selector, labels)));
        if (pacer.spend(WORK_PER_FIT * wanted.length)) await pacer.pause();
      }
      return { data: [JSON.stringify(fits)], warnings: [], infos: [] };
    },
    async newest({ selectors, ...request }, signal) {
      const wanted = { ...request, matcherSets: parsedSelectors(selectors) };
      const answer = await engine.read((reading) => newestAsText(wanted, reading), signal);
      return { ...answer, warnings: [], infos: [] };
    },
    async storeSizes(top, signal) {
      const { sizes, warnings } = await storeSizes(top, { storage, extent, signal, pacer: pacerOf(signal) });
      return { data: [JSON.stringify(sizes)], warnings, infos: [] };
    },
    async remoteRead(request, signal) {
      const answer = await engine.read((reading) => readSamples(request, reading, pacerOf(signal)), signal);
      return { ...answer, warnings: [], infos: [] };
    },
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
    values: valuesOf(cut),
  };
}

function valuesOf(value: QueryValue): number {
  if (value.kind === 'matrix') return value.series.reduce((sum, { values }) => sum + values.length, 0);
  return value.kind === 'vector' ? value.samples.length : 1;
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

/** Whether one selector fits one label set, in the units of `Pacer.spend`. */
const WORK_PER_FIT = 100;

function parsedJson(text: string, form: ParsedForm): string {
  const expr = parseQuery(text);
  return JSON.stringify(form === 'tree' ? treeJson(expr) : prettyExpr(expr));
}

/** @throws AppError BAD_REQUEST: unlike in a query, it is a parameter that is wrong */
function parsedSelectors(texts: readonly string[]): readonly SeriesSelector[] {
  const patterns = new PatternTally();
  return texts.map((text) => {
    try {
      return parseSeriesSelector(text, patterns);
    } catch (error) {
      throw new AppError('BAD_REQUEST', error instanceof Error ? error.message : String(error), {
        cause: error,
      });
    }
  });
}

/** Asks for one entry more than wanted, which tells whether something was left out. Times in the wrong order give nothing. */
async function listAnswer(
  { selectors, ...request }: ListRequest,
  read: (request: CatalogueRequest) => Promise<readonly unknown[]>,
): Promise<JsonAnswer> {
  const { limit, fromMs, toMs } = request;
  const matcherSets = parsedSelectors(selectors);
  const found =
    toMs < fromMs ? [] : await read({ ...request, matcherSets, limit: limit === 0 ? 0 : limit + 1 });
  const isCut = limit > 0 && found.length > limit;
  return {
    data: listJson(isCut ? found.slice(0, limit) : found),
    warnings: isCut ? [TRUNCATED] : [],
    infos: [],
    values: found.length * ENTRY_VALUES,
  };
}

/** What an entry of a list takes, a text or a label set, in the measure of a value; as much as a column of a result besides its values. */
const ENTRY_VALUES = 16;

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
