/** `/series`, `/labels`, `/label/:name/values`, `/metadata`. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Answers, ListRequest } from '../../query/answers.ts';
import { answer } from './answers.ts';
import type { Answer } from './answers.ts';
import { invalidParameter, TIME_MS_MAX, TIME_MS_MIN } from './parameters.ts';
import type { Parameters } from './parameters.ts';

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
  answers: Answers,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  parameters.refuseFaults();
  if (parameters.list('match[]').length === 0) {
    throw new AppError('BAD_REQUEST', 'no match[] parameter provided');
  }
  const request = listRequest(parameters);
  try {
    return await answers.series(request, signal);
  } catch (error) {
    // Prometheus names the parameter here, and in the lists below it does not.
    if (!(error instanceof AppError) || error.code !== 'BAD_REQUEST') throw error;
    throw invalidParameter('match[]', error.message, error);
  }
}

/**
 * `/labels`.
 * @throws AppError BAD_REQUEST, and those of the store
 */
export async function labelNames(
  answers: Answers,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  return answers.labelNames(listRequest(parameters), signal);
}

/**
 * `/label/:name/values`.
 * @throws AppError BAD_REQUEST, and those of the store
 */
export async function labelValues(
  answers: Answers,
  { name, parameters }: { readonly name: string; readonly parameters: Parameters },
  signal: AbortSignal,
): Promise<Answer> {
  // Labels may have any name; a path that is not UTF-8, or an empty name, does not come here.
  return answers.labelValues(unescapedName(name), listRequest(parameters), signal);
}

/** What an underscore stands for in an escaped name: another one, or a character by its number. */
const ESCAPE = /_(?:_|([0-9a-f]{1,6})_)/gi;

/**
 * The name of which `U__service_2e_name` is the escaped form, as clients write names that a path may not hold: `_2e_` is a
 * character, `__` an underscore. Anything else is a name as it stands. Source: Prometheus, UTF-8 guide, "escaping".
 */
function unescapedName(name: string): string {
  const [, escaped] = /^U__((?:[^_]|__|_[0-9a-fA-F]{1,6}_)+)$/su.exec(name) ?? [];
  if (escaped === undefined) return name;
  const codes = [...escaped.matchAll(ESCAPE)].map(([, hex = '5f']) => Number.parseInt(hex, 16));
  if (codes.some((code) => code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))) return name;
  return escaped.replace(ESCAPE, (_whole, hex = '5f') => String.fromCodePoint(Number.parseInt(hex, 16)));
}

/** Everything between `start` and `end`. */
function listRequest(parameters: Parameters): ListRequest {
  const limit = parameters.limit('limit');
  const fromMs = parameters.timeMs('start', TIME_MS_MIN);
  const toMs = parameters.timeMs('end', TIME_MS_MAX);
  return { selectors: parameters.list('match[]'), fromMs, toMs, limit };
}

/**
 * `/metadata`: type, help and unit by metric name. A metric that agents and others send under the same name has two
 * entries, unless they agree.
 * @throws AppError BAD_REQUEST
 */
export function metadataList(
  metadata: Iterable<readonly [metric: string, entry: MetricMetadata]>,
  parameters: Parameters,
): Answer {
  const metric = parameters.text('metric');
  // Unlike elsewhere a limit of 0 is one; negative ones are none.
  const limit = parameters.wholeNumber('limit') ?? -1;
  const perMetric = parameters.wholeNumber('limit_per_metric') ?? -1;
  const lists = new Map<string, MetricMetadata[]>();
  for (const [name, { type, help, unit }] of metadata) {
    if (metric !== '' && name !== metric) continue;
    const list = lists.get(name) ?? [];
    if (list.length === 0) {
      if (limit >= 0 && lists.size >= limit) continue;
      lists.set(name, list);
    }
    const isKnown = list.some((one) => one.type === type && one.help === help && one.unit === unit);
    if (!isKnown && (perMetric <= 0 || list.length < perMetric)) list.push({ type, help, unit });
  }
  return answer(Object.fromEntries(lists));
}
