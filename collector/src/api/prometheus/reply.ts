/** How an answer, or the error instead of it, goes out. Knows the requests of Node.js only, not those of Express. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { errorReply, inChunks, INTERNAL_ERROR, successJson } from './answers.ts';
import type { Answer } from './answers.ts';

/** A request, and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly log: Logger;
  /** Headers of every answer that are not set yet: name, value, name, value … */
  readonly headers?: readonly string[];
}

/**
 * Sends what `work` answers; an error becomes a reply as Prometheus words it, or is logged when it is ours. The signal is
 * aborted when the client leaves. Settles when everything is handed to the socket, and never throws.
 */
export async function reply(
  exchange: Exchange,
  work: (signal: AbortSignal) => Answer | Promise<Answer>,
): Promise<void> {
  const { response } = exchange;
  const canceled = new AbortController();
  response.once('close', () => {
    // An answer that is out needs no end, and making the error that an abort carries takes its time.
    if (!response.writableFinished) canceled.abort();
  });
  try {
    await send(await work(canceled.signal), exchange, canceled.signal);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else replyError(exchange, error);
  }
}

/** Sends an error. */
export function replyError({ request, response, log, headers = [] }: Exchange, error: unknown): void {
  const expected = errorReply(error);
  if (expected === undefined) {
    const path = pathOf(request);
    log.error('api request failed', { path, error: describeError(error) });
  }
  const { status, body } = expected ?? INTERNAL_ERROR;
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, [...headers, ...JSON_TYPE, 'Content-Length', String(bytes.length)]).end(bytes);
}

/** The path of a request, without its parameters. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const queryAt = url.indexOf('?');
  return queryAt < 0 ? url : url.slice(0, queryAt);
}

const JSON_TYPE = ['Content-Type', 'application/json; charset=utf-8'] as const;

async function send(
  result: Answer,
  { request, response, headers = [] }: Exchange,
  signal: AbortSignal,
): Promise<void> {
  const head = [...headers, ...JSON_TYPE, 'Vary', 'Accept-Encoding'];
  const chunks = inChunks(successJson(result));
  const first = await chunks.next();
  const second = await chunks.next();
  const isWhole = first.done !== true && second.done === true;
  const isPacked =
    !(isWhole && first.value.length < PACKED_BYTES_MIN) && wantsGzip(request.headers['accept-encoding']);
  if (isPacked) head.push('Content-Encoding', 'gzip');
  if (isWhole) {
    // Most answers are small; streams would cost more than all the rest of sending.
    const bytes = isPacked ? await packed(first.value, GZIP) : first.value;
    response.writeHead(200, [...head, 'Content-Length', String(bytes.length)]).end(bytes);
    return;
  }
  response.writeHead(200, head);
  const all = Readable.from(
    (async function* (): AsyncGenerator<Buffer> {
      try {
        for (const one of [first, second]) if (one.done !== true) yield one.value;
        yield* chunks;
      } finally {
        // The client may have left: whoever makes the rest need not.
        await chunks.return(undefined);
      }
    })(),
  );
  if (isPacked) await pipeline(all, createGzip(GZIP), response, { signal });
  else await pipeline(all, response, { signal });
}

const packed = promisify(gzip);
/** What fits into one packet anyway is sent as it is. */
const PACKED_BYTES_MIN = 1_400;
/** Series of numbers become little smaller at the higher levels, and take three times as long. */
const GZIP = { level: constants.Z_BEST_SPEED };

/** Whether a client takes gzip at least as gladly as plain bytes. Source: RFC 9110, section 12.5.3. */
export function wantsGzip(header: string | readonly string[] | undefined): boolean {
  let gzipWeight: number | undefined;
  let plainWeight: number | undefined;
  let otherWeight = 0;
  for (const part of String(header ?? '').split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const weight = Number(parameters.find((text) => text.startsWith('q='))?.slice(2) ?? 1);
    if (name === 'gzip') gzipWeight = weight;
    else if (name === 'identity') plainWeight = weight;
    else if (name === '*') otherWeight = weight;
  }
  const weight = gzipWeight ?? otherWeight;
  return weight > 0 && weight >= (plainWeight ?? 0);
}
