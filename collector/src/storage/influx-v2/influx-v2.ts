/**
 * Writes to InfluxDB 2.x and everything that speaks its API. The client package carries the requests: its transport
 * alone, because its writer buffers in memory, retries on its own and loses what is refused.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { HttpError, InfluxDB, toFluxValue, type Transport } from '@influxdata/influxdb-client';
import * as z from 'zod';
import type { LineReader } from '../line-protocol/encode.ts';
import {
  countOfExport,
  createLineSink,
  exportQuery,
  REQUEST_LIMITS,
  startOfMetrics,
  type LineTransport,
  type WriteAnswer,
} from '../line-protocol/line-sink.ts';
import type { CountRequest, Sink } from '../sink.ts';

export interface InfluxV2Options {
  /** A path is kept in front of `/api/v2/…`. */
  readonly url: string;
  readonly org: string;
  readonly bucket: string;
  readonly token?: string | undefined;
  readonly server: LineReader;
  readonly clock: Clock;
}

/** Smaller bodies are not worth packing. */
const GZIP_BYTES_MIN = 1_000;
/** Of an answer, so much is kept; what follows is read and forgotten. */
const ANSWER_BYTES_MAX = 65_536;
/** A count over an export needs all of it. */
const EXPORT_BYTES_MAX = 16 * 1024 * 1024;

/** Connects to nothing yet. */
export function createInfluxV2Sink(options: InfluxV2Options): Sink {
  const { clock, server } = options;
  return createLineSink({ kind: 'influx-v2', reader: server, clock, transport: createTransport(options) });
}

function createTransport({ url, org, bucket, token, server }: InfluxV2Options): LineTransport {
  const client = new InfluxDB({
    url,
    timeout: REQUEST_LIMITS.totalMs,
    ...(token === undefined ? {} : { token }),
  });
  const { transport } = client;
  const writePath = `/api/v2/write?${String(new URLSearchParams({ org, bucket, precision: 'ms' }))}`;
  const get = async (path: string, bytesMax: number, signal: AbortSignal): Promise<string | null> => {
    const { status, body } = await exchange(transport, { path, method: 'GET', body: '', bytesMax, signal });
    return status === 200 ? body : null;
  };
  return {
    write: (text, signal) =>
      exchange(transport, {
        path: writePath,
        method: 'POST',
        body: text,
        bytesMax: ANSWER_BYTES_MAX,
        signal,
      }),
    async startedMs(signal) {
      const text = await get('/metrics', EXPORT_BYTES_MAX, signal);
      return text === null ? null : startOfMetrics(text);
    },
    async countSamples(request, signal) {
      if (server === 'victoria-metrics') {
        const query = String(new URLSearchParams(exportQuery(request)));
        const text = await get(`/api/v1/export?${query}`, EXPORT_BYTES_MAX, signal);
        return text === null ? null : countOfExport(text);
      }
      const rows = await client.getQueryApi(org).collectRows(countQuery(bucket, request));
      const [row] = countSchema.parse(rows);
      return row?._value ?? 0;
    },
  };
}

/** The values of one host, over all fields. */
export function countQuery(bucket: string, { instance, fromMs, toMs }: CountRequest): string {
  const time = (timeMs: number): string => new Date(timeMs).toISOString();
  return [
    `from(bucket: ${toFluxValue(bucket)})`,
    `range(start: ${time(fromMs)}, stop: ${time(toMs)})`,
    `filter(fn: (r) => r.instance == ${toFluxValue(instance)})`,
    'count()',
    'group()',
    'sum()',
  ].join(' |> ');
}

const countSchema = z.array(z.object({ _value: z.number() }));

interface Exchange {
  readonly path: string;
  readonly method: string;
  readonly body: string;
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

/** One request; resolves with the answer whatever its status, and rejects when none came. */
function exchange(transport: Transport, request: Exchange): Promise<WriteAnswer> {
  const { path, method, body, bytesMax, signal } = request;
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let status = 0;
    transport.send(
      path,
      body,
      {
        method,
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        gzipThreshold: GZIP_BYTES_MIN,
        signal,
      },
      {
        responseStarted: (_headers, statusCode) => {
          status = statusCode ?? 0;
        },
        next: (chunk) => {
          if (bytes < bytesMax) chunks.push(chunk.subarray(0, bytesMax - bytes));
          bytes += chunk.length;
        },
        error: (error) => {
          if (error instanceof HttpError) resolve(answerOf(error));
          else reject(error);
        },
        complete: () => resolve({ status, body: Buffer.concat(chunks).toString('utf8'), retryAfter: null }),
      },
    );
  });
}

function answerOf({ statusCode, body, headers }: HttpError): WriteAnswer {
  const retryAfter = headers?.['retry-after'];
  return {
    status: statusCode,
    body: body ?? '',
    retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
  };
}
