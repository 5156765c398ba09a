/**
 * Writes to InfluxDB 1.x, and to VictoriaMetrics as such. The client package carries the requests; the text, retries and
 * what answers mean are ours. Its pool is used rather than its `writePoints`, which neither takes ready text nor escapes
 * newlines.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { Pool, RequestError } from 'influx/lib/src/pool.js';
import * as z from 'zod';
import {
  countOfExport,
  createLineSink,
  exportQuery,
  REQUEST_LIMITS,
  startOfMetrics,
  type LineTransport,
  type WriteAnswer,
} from '../line-protocol/line-sink.ts';
import type { LineReader } from '../line-protocol/encode.ts';
import type { CountRequest, Sink } from '../sink.ts';

export interface InfluxV1Options {
  /** Without credentials; a path is kept in front of `/write`. */
  readonly url: string;
  readonly database: string;
  readonly retentionPolicy?: string | undefined;
  /** `user:password`. */
  readonly auth?: string | undefined;
  readonly server: LineReader;
  readonly clock: Clock;
}

/** Never tried again by the client, and never put aside: the feed decides when. */
const NO_BACKOFF = { getDelay: () => 0, next: () => NO_BACKOFF, reset: () => NO_BACKOFF };

/** Connects to nothing yet. */
export function createInfluxV1Sink(options: InfluxV1Options): Sink {
  const { clock, server } = options;
  return createLineSink({ kind: 'influx-v1', reader: server, clock, transport: createTransport(options) });
}

function createTransport(options: InfluxV1Options): LineTransport {
  const { url, database, retentionPolicy, auth, server } = options;
  const pool = new Pool({ maxRetries: 0, requestTimeout: REQUEST_LIMITS.totalMs, backoff: NO_BACKOFF });
  pool.addHost(url);
  const identity = auth === undefined ? {} : { auth };
  const get = (path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string> =>
    pool.text({ method: 'GET', path, query, signal, ...identity });
  const policy = retentionPolicy === undefined ? {} : { rp: retentionPolicy };
  return {
    async write(text, signal) {
      // VictoriaMetrics makes a label of the database, on this path alone.
      const query = { precision: 'ms', ...(server === 'influxdb' ? { db: database, ...policy } : {}) };
      try {
        await pool.discard({ method: 'POST', path: '/write', query, body: text, signal, ...identity });
        return { status: 204, body: '', retryAfter: null };
      } catch (error) {
        if (error instanceof RequestError) return answerOf(error);
        throw error;
      }
    },
    async startedMs(signal) {
      if (server === 'victoria-metrics') return startOfMetrics(await get('/metrics', {}, signal));
      const answer = diagnosticsSchema.parse(
        JSON.parse(await get('/query', { q: "SHOW DIAGNOSTICS FOR 'system'" }, signal)),
      );
      const [series] = answer.results[0]?.series ?? [];
      const started = series?.values[0]?.[series.columns.indexOf('started')];
      return typeof started === 'string' ? Date.parse(started) : null;
    },
    async countSamples(request, signal) {
      if (server === 'victoria-metrics') {
        return countOfExport(await get('/api/v1/export', exportQuery(request), signal));
      }
      const query = { db: database, epoch: 'ms', q: countQuery(request, retentionPolicy) };
      const answer = countSchema.parse(JSON.parse(await get('/query', query, signal)));
      let count = 0;
      for (const { columns, values } of answer.results[0]?.series ?? []) {
        for (const [at, column] of columns.entries()) {
          if (column === 'time') continue;
          for (const row of values) count += row[at] ?? 0;
        }
      }
      return count;
    },
  };
}

/** How many values one host has, by measurement and field. */
function countQuery({ instance, fromMs, toMs }: CountRequest, retentionPolicy: string | undefined): string {
  const text = instance.replaceAll(/[\\']/g, '\\$&');
  const policy = retentionPolicy === undefined ? '' : `"${retentionPolicy.replaceAll(/[\\"]/g, '\\$&')}".`;
  return `SELECT count(*) FROM ${policy}/.*/ WHERE "instance" = '${text}' AND time >= ${fromMs}ms AND time < ${toMs}ms`;
}

function answerOf(error: RequestError): WriteAnswer {
  // The client's message is its own words in front of the body.
  const body = error.message.replace(/^A \d+ .*? error occurred: /s, '');
  return {
    status: error.res.statusCode ?? 0,
    body: body.trim(),
    retryAfter: error.res.headers['retry-after'] ?? null,
  };
}

const diagnosticsSchema = z.object({
  results: z.array(
    z.object({
      series: z
        .array(z.object({ columns: z.array(z.string()), values: z.array(z.array(z.unknown())) }))
        .optional(),
    }),
  ),
});

const countSchema = z.object({
  results: z.array(
    z.object({
      error: z.undefined(),
      series: z
        .array(z.object({ columns: z.array(z.string()), values: z.array(z.array(z.number().nullable())) }))
        .optional(),
    }),
  ),
});
