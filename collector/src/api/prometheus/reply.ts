/** How an answer, or the error instead of it, goes out. Knows the requests of Node.js only, not those of Express. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { afterData, errorReply, INTERNAL_ERROR, SUCCESS } from './answers.ts';
import type { Answer } from './answers.ts';
import { watchClient } from '../client-watch.ts';
import { ended, finished, written, type Patience } from '../written.ts';

/** A request, and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly log: Logger;
  /** Headers of every answer that are not set yet: name, value, name, value … */
  readonly headers?: readonly string[];
  /** See `Patience`. */
  readonly unreadMsMax?: number;
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
  using client = watchClient(response);
  try {
    const answering = work(client.signal);
    // Everything that can be known before stands ready when the answer comes.
    const head = headOf(exchange);
    await send(await answering, head, { exchange, signal: client.signal });
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

/** What is known of a reply before its data is. */
interface Head {
  readonly headers: readonly string[];
  readonly wantsGzip: boolean;
}

function headOf({ request, headers = [] }: Exchange): Head {
  return {
    headers: [...headers, ...JSON_TYPE, 'Vary', 'Accept-Encoding'],
    wantsGzip: wantsGzip(request.headers['accept-encoding']),
  };
}

async function send(
  answer: Answer,
  head: Head,
  { exchange, signal }: { readonly exchange: Exchange; readonly signal: AbortSignal },
): Promise<void> {
  const after = afterData(answer);
  const { onlyPieceBytes = Number.POSITIVE_INFINITY } = answer;
  const bytes = SUCCESS.length + onlyPieceBytes + Buffer.byteLength(after);
  const isPacked = head.wantsGzip && bytes >= PACKED_BYTES_MIN;
  const headers = isPacked ? [...head.headers, 'Content-Encoding', 'gzip'] : head.headers;
  const patience = { left: signal, unreadMsMax: exchange.unreadMsMax };
  const out: Outgoing = { answer, after, headers, bytes, isPacked, patience };
  if (bytes < Number.POSITIVE_INFINITY) {
    await sendWhole(out, exchange);
    return;
  }
  const { response } = exchange;
  response.writeHead(200, [...headers]);
  await sendPieces(response, { data: answer.data, before: SUCCESS, after, isPacked }, patience);
}

interface Outgoing {
  readonly answer: Answer;
  /** What stands behind the data. */
  readonly after: string;
  readonly headers: readonly string[];
  /** Length of everything, unpacked. */
  readonly bytes: number;
  readonly isPacked: boolean;
  readonly patience: Patience;
}

/** Most answers are small; streams would cost more than all the rest of sending. */
async function sendWhole(out: Outgoing, { response }: Exchange): Promise<void> {
  const { answer, after, headers, bytes, isPacked, patience } = out;
  for await (const piece of answer.data) {
    if (isPacked) {
      const whole = await packed(joined(piece, after), GZIP);
      response.writeHead(200, [...headers, 'Content-Length', String(whole.length)]).end(whole);
      await tail(response, patience);
      continue;
    }
    response.writeHead(200, [...headers, 'Content-Length', String(bytes)]);
    if (bytes <= COPIED_BYTES_MAX) {
      // As one string of bytes it leaves together with the head, in one call and at once.
      response.end(SUCCESS + latin1(piece) + latin1(after), 'latin1');
      const rest = tail(response, patience);
      if (rest !== undefined) await rest;
      continue;
    }
    // What is written in between leaves together.
    response.cork();
    response.write(SUCCESS);
    response.write(piece);
    await ended(response, after, patience);
  }
}

/**
 * Waits for what the system did not take at once, which seldom happens to a small answer. One that waits for its turn on the
 * connection has no socket, and it is not its client that is slow.
 */
function tail(response: ServerResponse, patience: Patience): Promise<void> | undefined {
  return response.socket !== null && response.writableLength > 0 ? finished(response, patience) : undefined;
}

/** Bytes of UTF-8, each as one character. */
function latin1(bytes: string | Uint8Array): string {
  if (typeof bytes !== 'string')
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const isAscii = Buffer.byteLength(bytes) === bytes.length;
  return isAscii ? bytes : Buffer.from(bytes).toString('latin1');
}

function joined(piece: string | Uint8Array, after: string): Buffer {
  const parts = [SUCCESS, piece, after];
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

/** What an answer of several pieces consists of. */
export interface PiecesOut {
  readonly data: Answer['data'];
  /** What stands in front of the data, and behind it. */
  readonly before?: string;
  readonly after?: string;
  readonly isPacked: boolean;
}

/**
 * Sends the body of an answer, piece by piece; its head is set. Rejects when the client leaves or takes nothing: whoever sends
 * closes the connection then.
 */
export async function sendPieces(
  response: ServerResponse,
  { data, before = '', after = '', isPacked }: PiecesOut,
  patience: Patience,
): Promise<void> {
  if (!isPacked) {
    await writePieces(response, { data, before }, patience);
    await ended(response, after, patience);
    return;
  }
  const gzip = createGzip(GZIP);
  const writeAll = async (): Promise<void> => {
    await writePieces(gzip, { data, before }, patience);
    gzip.end(after);
    // What is packed may be all that the client has not taken, and nothing but this waits for it.
    await finished(response, patience);
  };
  await Promise.all([pipeline(gzip, response, { signal: patience.left }), writeAll()]);
}

/** Writes everything but the end; a piece is out, or packed, before the next one takes its memory. */
async function writePieces(
  to: Writable,
  { data, before }: { readonly data: Answer['data']; readonly before: string },
  patience: Patience,
): Promise<void> {
  if (before !== '') to.write(before);
  for await (const piece of data) if (piece.length > 0) await written(to, piece, patience);
}

const packed = promisify(gzip);
/** Copying so much is quicker than to wait until the memory of a piece is not needed any more. */
const COPIED_BYTES_MAX = 16_384;
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
