/** `rollcall-collector query`: asks a running collector, as any client of its Prometheus API does. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { z } from 'zod';
import { parseDuration } from '../query/parse/literals.ts';
import { postForm } from './post-form.ts';
import { timeOf } from './time.ts';
import { queryData, toCsv, toJson, toTable } from './query-output.ts';

export type QueryFormat = 'table' | 'json' | 'csv';

export interface QueryOptions {
  readonly expression: string;
  readonly url: string;
  /** An access token; needed unless the collector listens on loopback only. */
  readonly token: string | undefined;
  /** Unix seconds or RFC 3339; now when absent. The end of the range, when there is one. */
  readonly time: string | undefined;
  /** A duration such as `1h30m`; absent for an instant. */
  readonly range: string | undefined;
  /** A duration; chosen from the range when absent. */
  readonly step: string | undefined;
  readonly format: QueryFormat;
  /** Width of the terminal, undefined when the output goes elsewhere. */
  readonly columns: number | undefined;
}

/** What to print, and what to say beside it. */
export interface QueryOutput {
  readonly text: string;
  /** Lines, each with its kind: `warning: …`. */
  readonly notes: readonly string[];
}

const answer = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: queryData,
    warnings: z.array(z.string()).default([]),
    infos: z.array(z.string()).default([]),
  }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);
const ownError = z.object({ error: z.object({ message: z.string() }) });

/** Steps of a range whose step is not given, about. */
const STEPS = 120;
const MESSAGE_LENGTH_MAX = 2_000;

/**
 * @throws AppError BAD_CONFIG (a flag), COLLECTOR_UNREACHABLE, UNAUTHORIZED, BAD_QUERY with the place in the expression,
 *   QUERY_FAILED with what the collector says
 */
export async function queryCollector(options: QueryOptions, clock: Clock): Promise<QueryOutput> {
  const { route, fields } = requestOf(options, clock);
  const base = parseUrl(options.url);
  const url = new URL(`${base.pathname.replace(/\/+$/, '')}/api/v1/${route}`, base);
  const { status, text } = await postForm(url, { query: options.expression, ...fields }, options.token);
  if (status === 401 || status === 403) throw refusedError(status, text);
  const parsed = answer.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new AppError(
      'COLLECTOR_UNREACHABLE',
      `ask ${url.href}: answered ${status} with something else than a query result: is this a collector?`,
    );
  }
  if (parsed.data.status === 'error') throw queryError(parsed.data.error, options);
  const { data, warnings, infos } = parsed.data;
  const notes = [...warnings.map((one) => `warning: ${one}`), ...infos.map((one) => `info: ${one}`)];
  return { text: print(data, options), notes: notes.map((one) => cleanText(one, MESSAGE_LENGTH_MAX)) };
}

function print(data: z.infer<typeof queryData>, { format, columns }: QueryOptions): string {
  switch (format) {
    case 'table':
      return toTable(data, columns);
    case 'json':
      return toJson(data);
    case 'csv':
      return toCsv(data);
  }
}

function requestOf(
  { time, range, step }: QueryOptions,
  clock: Clock,
): { readonly route: string; readonly fields: Readonly<Record<string, string>> } {
  if (range === undefined) {
    if (step !== undefined) throw new AppError('BAD_CONFIG', '--step: needs --range');
    if (time === undefined) return { route: 'query', fields: {} };
    return { route: 'query', fields: { time: String(timeOf('--time', time) / 1000) } };
  }
  const rangeMs = durationOf('--range', range);
  const stepMs =
    step === undefined ? Math.max(1, Math.ceil(rangeMs / STEPS / 1000)) * 1000 : durationOf('--step', step);
  const endMs = time === undefined ? clock.wallMs() : timeOf('--time', time);
  return {
    route: 'query_range',
    fields: {
      start: String((endMs - rangeMs) / 1000),
      end: String(endMs / 1000),
      step: String(stepMs / 1000),
    },
  };
}

function durationOf(flag: string, text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs === undefined || durationMs <= 0) {
    throw new AppError('BAD_CONFIG', `${flag} ${text}: must be a duration such as 90s, 15m or 1h30m`);
  }
  return durationMs;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '') {
    throw new AppError('BAD_CONFIG', '--url: must be like http://127.0.0.1:7655, without user and password');
  }
  return url;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusedError(status: number, text: string): AppError {
  const parsed = ownError.safeParse(parseJson(text));
  const reason = parsed.success ? parsed.data.error.message : `answered ${status}`;
  return new AppError(
    'UNAUTHORIZED',
    `${cleanText(reason, MESSAGE_LENGTH_MAX)} (--token or ROLLCALL_ACCESS_TOKEN)`,
  );
}

const PLACE = /^(?:invalid parameter "query": )?(\d+):(\d+): (.*)$/s;

function queryError(message: string, { expression, columns }: QueryOptions): AppError {
  const text = cleanText(message, MESSAGE_LENGTH_MAX);
  const [, line, column, reason] = PLACE.exec(text) ?? [];
  const source = expression.split('\n')[Number(line) - 1];
  if (source === undefined || reason === undefined) return new AppError('QUERY_FAILED', text);
  return new AppError(
    'BAD_QUERY',
    `${line}:${column}: ${reason}\n${pointAt(source, Number(column), columns ?? 80)}`,
  );
}

/** The part of a line around a column (from 1), and a caret below it. */
function pointAt(line: string, column: number, width: number): string {
  const room = Math.max(20, width - 4);
  const start =
    line.length <= room ? 0 : Math.max(0, Math.min(column - 1 - Math.floor(room / 2), line.length - room));
  // One column for each character, whatever the terminal would make of it.
  const part = line.slice(start, start + room).replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, ' ');
  return `  ${part}\n  ${' '.repeat(Math.max(0, column - 1 - start))}^`;
}
