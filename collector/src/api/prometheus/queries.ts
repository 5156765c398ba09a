/**
 * `/query`, `/query_range`, `/format_query`, `/parse_query`. Nothing is parsed here: to compile the patterns of a query may take
 * longer than anybody may wait for the event loop.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Answers } from '../../query/answers.ts';
import type { StatsDetail } from '../../query/query-stats.ts';
import { answer } from './answers.ts';
import type { Answer } from './answers.ts';
import { invalidParameter, TIME_MS_MAX, TIME_MS_MIN } from './parameters.ts';
import type { Parameters } from './parameters.ts';

/** What the query routes need. */
export interface QueryPorts {
  readonly answers: Answers;
  readonly clock: Clock;
}

/**
 * `/query`.
 * @throws AppError of the engine, or BAD_REQUEST naming a parameter
 */
export function instantQuery(
  ports: QueryPorts,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  // Parameters are looked at in the order of Prometheus, so that of several faults the same one is told.
  const limit = parameters.limit('limit');
  const timeMs = parameters.timeMs('time', ports.clock.wallMs());
  const options = { timeMs, ...boundsOf(parameters), ...statsOf(parameters), limit };
  if (hasNoTime(options)) return timedOut(ports, parameters, signal);
  return ports.answers.instant(parameters.text('query'), options, signal);
}

/**
 * `/query_range`.
 * @throws AppError of the engine, or BAD_REQUEST naming a parameter
 */
export function rangeQuery(ports: QueryPorts, parameters: Parameters, signal: AbortSignal): Promise<Answer> {
  const limit = parameters.limit('limit');
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
  const options = { startMs, endMs, stepMs, ...boundsOf(parameters), ...statsOf(parameters), limit };
  if (hasNoTime(options)) return timedOut(ports, parameters, signal);
  return ports.answers.range(parameters.text('query'), options, signal);
}

interface Bounds {
  readonly timeoutMs?: number;
  readonly lookbackMs?: number;
}

function boundsOf(parameters: Parameters): Bounds {
  const timeoutMs = parameters.durationMs('timeout');
  const lookbackMs = parameters.lookbackMs();
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(lookbackMs === undefined ? {} : { lookbackMs }),
  };
}

function hasNoTime({ timeoutMs = Number.POSITIVE_INFINITY }: Bounds): boolean {
  return timeoutMs <= 0;
}

/** What is no query is told as such, however little time there is. */
async function timedOut(
  { answers }: QueryPorts,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<never> {
  await answers.check(queryText(parameters), signal);
  throw new AppError('QUERY_TIMEOUT', 'query timed out in query execution');
}

/** `stats` asks for sums whatever it says, and with `all` for each step too. */
function statsOf(parameters: Parameters): { readonly stats?: StatsDetail } {
  const text = parameters.text('stats');
  return text === '' ? {} : { stats: text === 'all' ? 'steps' : 'sums' };
}

/**
 * `/query_exemplars`: none, for Rollcall stores no exemplars. Grafana asks with times in milliseconds, which are times as well.
 * @throws AppError BAD_REQUEST
 */
export async function exemplarQuery(
  { answers }: QueryPorts,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  const startMs = parameters.timeMs('start', TIME_MS_MIN);
  const endMs = parameters.timeMs('end', TIME_MS_MAX);
  if (endMs < startMs) {
    throw new AppError('BAD_REQUEST', 'end timestamp must not be before start timestamp');
  }
  try {
    await answers.check(queryText(parameters), signal);
  } catch (error) {
    // Without the name of the parameter, unlike everywhere else; so says Prometheus.
    const isFault = error instanceof AppError && error.code === 'BAD_QUERY';
    throw isFault ? new AppError('BAD_REQUEST', error.message, { cause: error }) : error;
  }
  return answer([]);
}

/**
 * `/format_query`: the query in canonical form.
 * @throws AppError BAD_QUERY
 */
export async function formatQuery(
  { answers }: QueryPorts,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  return answers.parsed(queryText(parameters), 'canonical', signal);
}

/**
 * `/parse_query`: the syntax tree.
 * @throws AppError BAD_QUERY
 */
export async function parseQueryTree(
  { answers }: QueryPorts,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  return answers.parsed(queryText(parameters), 'tree', signal);
}

function queryText(parameters: Parameters): string {
  const text = parameters.text('query');
  if (text === '') throw new AppError('BAD_QUERY', '1:1: parse error: no expression found in input');
  return text;
}
