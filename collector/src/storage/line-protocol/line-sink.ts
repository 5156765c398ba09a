/** A store that takes line protocol over HTTP, whichever client carries the text: what its answers mean. */
import { withDeadline, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { writeBisecting, type Attempt } from '../bisect.ts';
import { Labels } from '../labels.ts';
import type { CountRequest, RefusedSamples, Sink, SinkResult, SinkSeries } from '../sink.ts';
import { LineEncoder, type Line, type LineReader } from './encode.ts';

/** Limits of one request. */
export const REQUEST_LIMITS = {
  /** From the first byte sent to the last one read. */
  totalMs: 30_000,
  /** A store that wants to be left alone for longer is asked again after this. */
  retryAfterMsMax: 3_600_000,
  /** Characters of an answer that are shown. */
  textMax: 300,
} as const;

/** What a store answered. */
export interface WriteAnswer {
  readonly status: number;
  readonly body: string;
  /** The header `Retry-After` as it came. */
  readonly retryAfter: string | null;
}

/** The requests that a store understands; each rejects when no answer came. */
export interface LineTransport {
  write(text: string, signal: AbortSignal): Promise<WriteAnswer>;
  startedMs(signal: AbortSignal): Promise<number | null>;
  countSamples(request: CountRequest, signal: AbortSignal): Promise<number | null>;
}

export interface LineSinkOptions {
  readonly kind: string;
  readonly reader: LineReader;
  readonly transport: LineTransport;
  readonly clock: Clock;
}

export function createLineSink({ kind, reader, transport, clock }: LineSinkOptions): Sink {
  const encoder = new LineEncoder(reader);
  const bounded = <T>(signal: AbortSignal, work: (stop: AbortSignal) => Promise<T>): Promise<T> =>
    withDeadline(
      clock,
      {
        timeoutMs: REQUEST_LIMITS.totalMs,
        onTimeout: () =>
          new AppError('STORAGE_UNAVAILABLE', `no answer within ${REQUEST_LIMITS.totalMs} ms`, {
            isRetryable: true,
          }),
      },
      (deadline) => work(AbortSignal.any([signal, deadline])),
    );
  const send = async (lines: readonly Line[], signal: AbortSignal): Promise<Attempt> => {
    const text = lines.map((line) => line.text).join('\n');
    try {
      const answer = await bounded(signal, (stop) => transport.write(text, stop));
      return judgeAnswer(answer, clock.wallMs());
    } catch (error) {
      return { kind: 'retry', error: shortText(describeError(error)), retryAfterMs: null };
    }
  };
  /** What cannot be asked is not known. */
  const ask = async (
    signal: AbortSignal,
    question: (stop: AbortSignal) => Promise<number | null>,
  ): Promise<number | null> => {
    try {
      const figure = await bounded(signal, question);
      return Number.isFinite(figure) ? figure : null;
    } catch {
      // The next write says why the store is away.
      return null;
    }
  };
  return {
    kind,
    write: (batch, signal) => writeBatch({ encoder, batch }, (lines) => send(lines, signal)),
    startedMs: (signal) => ask(signal, (stop) => transport.startedMs(stop)),
    countSamples: (request, signal) => ask(signal, (stop) => transport.countSamples(request, stop)),
    close: () => Promise.resolve(),
  };
}

async function writeBatch(
  { encoder, batch }: { readonly encoder: LineEncoder; readonly batch: readonly SinkSeries[] },
  send: (lines: readonly Line[]) => Promise<Attempt>,
): Promise<SinkResult> {
  const { lines, refused } = encoder.encode(batch);
  const result = await writeBisecting(lines, send);
  if (result.kind !== 'written') return result;
  const byStore = result.refused.flatMap(({ item, text, count }): RefusedSamples[] =>
    item === undefined
      ? [{ labels: Labels.empty, reason: 'refused', text, count }]
      : item.series.map((labels) => ({ labels, reason: 'refused', text, count: 1 })),
  );
  return { kind: 'written', refused: [...refused, ...byStore] };
}

/** What an answer means. docs/stores.md has the table. */
function judgeAnswer({ status, body, retryAfter }: WriteAnswer, nowMs: number): Attempt {
  const text = shortText(`${status}${body === '' ? '' : `: ${body}`}`);
  if (status === 204 || status === 200) return { kind: 'written' };
  // InfluxDB 3: some lines are stored, and the body names the others.
  if (status === 201) return { kind: 'written', refusedCount: partialCount(body), text };
  if (status === 400 || status === 413 || status === 422) {
    // The good lines are stored, and only the number of the others is told.
    const dropped = /partial write.*\bdropped=(\d{1,9})/s.exec(body)?.[1];
    return dropped === undefined || dropped === '0'
      ? { kind: 'poison', text }
      : { kind: 'written', refusedCount: Number(dropped), text };
  }
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    return { kind: 'retry', error: text, retryAfterMs: retryAfterMs(retryAfter, nowMs) };
  }
  return { kind: 'blocked', error: text };
}

/** Entries of the list of lines that InfluxDB 3 did not take, one when it cannot be read. */
function partialCount(body: string): number {
  if (body.trim() === '') return 0;
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer === 'object' && answer !== null && 'data' in answer && Array.isArray(answer.data))
      return answer.data.length;
  } catch {
    // Not JSON: a body there is all the same.
  }
  return 1;
}

/** Seconds, or a date. Source: RFC 9110, section 10.2.3. */
function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const waitMs = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  if (!Number.isFinite(waitMs)) return null;
  return Math.min(REQUEST_LIMITS.retryAfterMsMax, Math.max(0, waitMs));
}

function shortText(text: string): string {
  return cleanText(text.trim(), REQUEST_LIMITS.textMax);
}

/** When a server started that tells it on `/metrics`; null when it does not. */
export function startOfMetrics(text: string): number | null {
  const seconds = /^process_start_time_seconds(?:\{[^\n]*?\})? (\S+)$/m.exec(text)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}

/** Samples in the JSON lines of VictoriaMetrics' `/api/v1/export`. */
export function countOfExport(text: string): number {
  let count = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const series: unknown = JSON.parse(line);
    if (typeof series === 'object' && series !== null && 'values' in series && Array.isArray(series.values))
      count += series.values.length;
  }
  return count;
}

/** The query part for `/api/v1/export` of one host; its last millisecond is included there. */
export function exportQuery({ instance, fromMs, toMs }: CountRequest): Readonly<Record<string, string>> {
  return {
    'match[]': `{instance=${JSON.stringify(instance)}}`,
    start: String(fromMs / 1_000),
    end: String((toMs - 1) / 1_000),
  };
}
