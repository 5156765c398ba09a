/** `/series`, `/labels`, `/label/:name/values`, `/metadata`. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { isClassicLabelName } from '../../query/literals.ts';
import type { CatalogueRequest, SeriesCatalogue } from '../../query/series-selector.ts';
import { answer } from './answers.ts';
import type { Answer } from './answers.ts';
import { TIME_MS_MAX, TIME_MS_MIN } from './parameters.ts';
import type { Parameters } from './parameters.ts';
import { TRUNCATED } from './queries.ts';

/** What is known about a metric; types are those of OpenMetrics. */
export interface MetricMetadata {
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

/**
 * `/series`.
 * @throws AppError BAD_REQUEST, and those of the store
 */
export async function seriesList(
  storage: SeriesCatalogue,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  if (parameters.list('match[]').length === 0) {
    throw new AppError('BAD_REQUEST', 'no match[] parameter provided');
  }
  return limitedAnswer(parameters, (request) => storage.series(request, signal));
}

/**
 * `/labels`.
 * @throws AppError BAD_REQUEST, and those of the store
 */
export function labelNames(
  storage: SeriesCatalogue,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  return limitedAnswer(parameters, (request) => storage.labelNames(request, signal));
}

/**
 * `/label/:name/values`.
 * @throws AppError BAD_REQUEST, and those of the store
 */
export async function labelValues(
  storage: SeriesCatalogue,
  { name, parameters }: { readonly name: string; readonly parameters: Parameters },
  signal: AbortSignal,
): Promise<Answer> {
  if (!isClassicLabelName(name)) {
    throw new AppError('BAD_REQUEST', `invalid label name: ${JSON.stringify(name)}`);
  }
  return limitedAnswer(parameters, (request) => storage.labelValues(name, request, signal));
}

/** Asks for one entry more than wanted, which tells whether something was left out. */
async function limitedAnswer(
  parameters: Parameters,
  read: (request: CatalogueRequest) => Promise<readonly unknown[]>,
): Promise<Answer> {
  const limit = parameters.limit('limit');
  const fromMs = parameters.timeMs('start', TIME_MS_MIN);
  const toMs = parameters.timeMs('end', TIME_MS_MAX);
  const matcherSets = parameters.matcherSets();
  if (toMs < fromMs) return answer([]);
  const found = await read({ matcherSets, fromMs, toMs, limit: limit === 0 ? 0 : limit + 1 });
  const isCut = limit > 0 && found.length > limit;
  const kept = isCut ? found.slice(0, limit) : found;
  return { data: listJson(kept), warnings: isCut ? [TRUNCATED] : [] };
}

/** Entries in pieces: there may be very many. */
function* listJson(entries: readonly unknown[]): Generator<string> {
  const ENTRIES_PER_PIECE = 500;
  yield '[';
  for (let start = 0; start < entries.length; start += ENTRIES_PER_PIECE) {
    const piece = JSON.stringify(entries.slice(start, start + ENTRIES_PER_PIECE));
    yield (start === 0 ? '' : ',') + piece.slice(1, -1);
  }
  yield ']';
}

/**
 * `/metadata`: type, help and unit by metric name.
 * @throws AppError BAD_REQUEST
 */
export function metadataList(
  metadata: Readonly<Record<string, MetricMetadata>>,
  parameters: Parameters,
): Answer {
  const metric = parameters.text('metric');
  const limit = parameters.limit('limit');
  // There is one entry per metric, hence nothing to cut; the parameter is still checked.
  parameters.limit('limit_per_metric');
  const entries = Object.entries(metadata).filter(([name]) => metric === '' || name === metric);
  const kept = limit === 0 ? entries : entries.slice(0, limit);
  return answer(
    Object.fromEntries(kept.map(([name, { type, help, unit }]) => [name, [{ type, help, unit }]])),
  );
}
