/** `/query`, `/query_range`, `/format_query`, `/parse_query`. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { parseQuery } from '../../query/parse.ts';
import { prettyExpr } from '../../query/print.ts';
import type { QueryEngine } from '../../query/query.ts';
import type { QueryResult, QueryValue } from '../../query/results.ts';
import { answer } from './answers.ts';
import type { Answer } from './answers.ts';
import { encodeQueryValue } from './encode.ts';
import { invalidParameter } from './parameters.ts';
import type { Parameters } from './parameters.ts';
import { treeJson } from './syntax-tree.ts';

/** What the query routes need. */
export interface QueryPorts {
  readonly engine: QueryEngine;
  readonly clock: Clock;
}

/**
 * `/query`.
 * @throws AppError of the engine, or BAD_REQUEST naming a parameter
 */
export async function instantQuery(
  { engine, clock }: QueryPorts,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  const timeMs = parameters.timeMs('time', clock.wallMs());
  const result = await engine.instant(parameters.text('query'), { timeMs, ...bounds(parameters) }, signal);
  return limited(result, parameters.limit('limit'));
}

/**
 * `/query_range`.
 * @throws AppError of the engine, or BAD_REQUEST naming a parameter
 */
export async function rangeQuery(
  { engine }: QueryPorts,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  const startMs = parameters.timeMs('start');
  const endMs = parameters.timeMs('end');
  if (endMs < startMs) throw invalidParameter('end', 'end timestamp must not be before start time');
  const stepMs = parameters.durationMs('step');
  if (stepMs === undefined) throw invalidParameter('step', 'cannot parse "" to a valid duration');
  if (stepMs <= 0) {
    const advice = 'Try a positive integer';
    throw invalidParameter(
      'step',
      `zero or negative query resolution step widths are not accepted. ${advice}`,
    );
  }
  const options = { startMs, endMs, stepMs, ...bounds(parameters) };
  const result = await engine.range(parameters.text('query'), options, signal);
  return limited(result, parameters.limit('limit'));
}

function bounds(parameters: Parameters): { readonly timeoutMs?: number; readonly lookbackMs?: number } {
  const timeoutMs = parameters.durationMs('timeout');
  const lookbackMs = parameters.durationMs('lookback_delta');
  if (timeoutMs !== undefined && timeoutMs <= 0)
    throw invalidParameter('timeout', 'timeout must be positive');
  if (lookbackMs !== undefined && lookbackMs <= 0) {
    throw invalidParameter('lookback_delta', 'lookback_delta must be positive');
  }
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(lookbackMs === undefined ? {} : { lookbackMs }),
  };
}

/** What Prometheus warns of when a limit cut a result. */
export const TRUNCATED = 'results truncated due to limit';

function limited({ value, warnings, infos }: QueryResult, limit: number): Answer {
  const cut = limit === 0 ? value : firstOf(value, limit);
  return {
    data: encodeQueryValue(cut),
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

/**
 * `/format_query`: the query in canonical form.
 * @throws AppError BAD_QUERY
 */
export function formatQuery(parameters: Parameters): Answer {
  return answer(prettyExpr(parseQuery(queryText(parameters))));
}

/**
 * `/parse_query`: the syntax tree.
 * @throws AppError BAD_QUERY
 */
export function parseQueryTree(parameters: Parameters): Answer {
  return answer(treeJson(parseQuery(queryText(parameters))));
}

function queryText(parameters: Parameters): string {
  const text = parameters.text('query');
  if (text === '') throw new AppError('BAD_QUERY', '1:1: parse error: no expression found in input');
  return text;
}
