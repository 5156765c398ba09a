/**
 * HTTP to an external store: connections are kept, everything is bounded in time and size, no redirect is followed.
 * Names and passwords of the address appear in no error.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { throwIfCanceled } from './limits.ts';

/** How the collector shows who it is. */
export type StoreAccess =
  | { readonly kind: 'none' }
  /** Sent as `Authorization: Bearer …`. */
  | { readonly kind: 'bearer'; readonly token: string }
  /** Sent as `Authorization: Token …`, as InfluxDB 2 wants it. */
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string };

export interface StoreAddress {
  /** Where the paths of the store begin, for example `http://mimir:9009/prometheus`. */
  readonly url: string;
  readonly access?: StoreAccess;
  /** Sent with every request, for example `X-Scope-OrgID`. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface StoreHttpLimits {
  /** Until the status is known. A store that evaluates a query says nothing before. */
  readonly headMs: number;
  /** For everything. */
  readonly totalMs: number;
  /** Bytes of one answer. */
  readonly answerBytesMax: number;
  /** Connections at a time; more requests wait. */
  readonly connectionsMax: number;
}

const STORE_HTTP_LIMITS: StoreHttpLimits = {
  headMs: 60_000,
  totalMs: 120_000,
  answerBytesMax: 512 * 1024 * 1024,
  connectionsMax: 8,
};

export interface StoreRequest {
  readonly method: 'GET' | 'POST';
  /** From the path of the address on, with the query: `/api/v1/read`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** An answer, whatever its status. Its body is read once, to its end or until the reader has enough. */
export interface StoreAnswer {
  readonly status: number;
  /** The header `Retry-After` as it came. */
  readonly retryAfter: string | undefined;
  /**
   * The body piece by piece.
   * @throws AppError QUERY_LIMIT when it is longer than allowed, STORE_FAILED when it was cut, QUERY_CANCELED
   */
  readonly body: AsyncIterable<Buffer>;
}

/** May be used concurrently. */
export interface StoreHttp {
  /** The address without its secrets, for messages. */
  readonly shownUrl: string;
  /** @throws AppError STORE_FAILED (retryable) when no answer came, QUERY_CANCELED when `signal` was aborted */
  request(request: StoreRequest, signal: AbortSignal): Promise<StoreAnswer>;
  /** Ends the connections that are kept. */
  close(): void;
}

/** Characters of what a store says about an error that are passed on. */
const SHOWN_LENGTH_MAX = 300;
/** Bytes of an error's body that are looked at. */
const ERROR_BYTES_MAX = 8 * 1024;

/** @throws AppError BAD_CONFIG when the address is no http or https URL */
export function createStoreHttp(
  address: StoreAddress,
  { clock, limits = STORE_HTTP_LIMITS }: { readonly clock: Clock; readonly limits?: StoreHttpLimits },
): StoreHttp {
  const { base, access } = parsedAddress(address);
  const isTls = base.protocol === 'https:';
  const agentOptions = { keepAlive: true, maxSockets: limits.connectionsMax };
  const agent = isTls ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const prefix = base.pathname.replace(/\/+$/, '');
  const shownUrl = base.origin + prefix;
  const headers = { 'user-agent': 'rollcall-collector', ...address.headers, ...authorization(access) };

  function send(request: StoreRequest, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(networkFailure(error, shownUrl, signal));
      const timer = clock.setTimer(limits.headMs, () =>
        outgoing.destroy(storeFailure(shownUrl, `no answer within ${limits.headMs} ms`)),
      );
      const outgoing = (isTls ? httpsRequest : httpRequest)(base.origin + prefix + request.path, {
        method: request.method,
        headers: { ...headers, ...lengthOf(request.body), ...request.headers },
        agent,
        signal,
      });
      outgoing.on('response', resolve);
      outgoing.on('response', () => timer.cancel());
      outgoing.on('error', (error) => {
        timer.cancel();
        fail(error);
      });
      outgoing.end(request.body);
    });
  }

  return {
    shownUrl,
    async request(request, signal) {
      throwIfCanceled(signal);
      const total = new AbortController();
      const timer = clock.setTimer(limits.totalMs, () => total.abort(), { isBackground: true });
      const stop = AbortSignal.any([signal, total.signal]);
      try {
        const message = await send(request, stop);
        return {
          status: message.statusCode ?? 0,
          retryAfter: message.headers['retry-after'],
          body: readBody(message, { bytesMax: limits.answerBytesMax, shownUrl, signal, timer }),
        };
      } catch (error) {
        timer.cancel();
        if (signal.aborted) throwIfCanceled(signal);
        if (total.signal.aborted) throw storeFailure(shownUrl, `no answer within ${limits.totalMs} ms`);
        throw error;
      }
    },
    close: () => agent.destroy(),
  };
}

async function* readBody(
  message: IncomingMessage,
  {
    bytesMax,
    shownUrl,
    signal,
    timer,
  }: {
    readonly bytesMax: number;
    readonly shownUrl: string;
    readonly signal: AbortSignal;
    readonly timer: { cancel(): void };
  },
): AsyncGenerator<Buffer> {
  let bytes = 0;
  const chunks: AsyncIterable<Buffer> = message;
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        throw new AppError(
          'QUERY_LIMIT',
          `read from ${shownUrl}: the answer is longer than ${bytesMax} bytes: ask for fewer series or a shorter time`,
        );
      }
      yield chunk;
    }
  } catch (error) {
    throw networkFailure(error, shownUrl, signal);
  } finally {
    timer.cancel();
    message.destroy();
  }
}

/**
 * The whole body.
 * @throws AppError QUERY_LIMIT when it is longer than `bytesMax`, and those of `StoreAnswer.body`
 */
export async function wholeBody({ body }: StoreAnswer, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new AppError('QUERY_LIMIT', `the store's answer is longer than ${bytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What a store says about an error: the beginning of the body on one line, `''` when there is none. */
export async function errorText({ body }: StoreAnswer): Promise<string> {
  let text = '';
  try {
    for await (const chunk of body) {
      text += chunk.toString('utf8');
      if (text.length >= ERROR_BYTES_MAX) break;
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'QUERY_CANCELED') throw error;
  }
  return cleanText(text.trim(), SHOWN_LENGTH_MAX);
}

/** The error of a request to an external store. */
export function storeFailure(
  shownUrl: string,
  problem: string,
  { isRetryable = true, cause }: { readonly isRetryable?: boolean; readonly cause?: unknown } = {},
): AppError {
  return new AppError('STORE_FAILED', `ask store ${shownUrl}: ${problem}`, { isRetryable, cause });
}

function networkFailure(error: unknown, shownUrl: string, signal: AbortSignal): Error {
  if (signal.aborted) return new AppError('QUERY_CANCELED', 'query was canceled');
  if (error instanceof AppError) return error;
  return storeFailure(shownUrl, systemErrorCode(error) ?? describeError(error));
}

function parsedAddress({ url, access = { kind: 'none' } }: StoreAddress): {
  readonly base: URL;
  readonly access: StoreAccess;
} {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base === undefined || !['http:', 'https:'].includes(base.protocol)) {
    throw new AppError('BAD_CONFIG', 'the url of a store must be like http://host:9090 or https://host/path');
  }
  if (base.username === '' && base.password === '') return { base, access };
  const [user, password] = [decodeURIComponent(base.username), decodeURIComponent(base.password)];
  return { base, access: access.kind === 'none' ? { kind: 'basic', user, password } : access };
}

function authorization(access: StoreAccess): Readonly<Record<string, string>> {
  switch (access.kind) {
    case 'none':
      return {};
    case 'bearer':
      return { authorization: `Bearer ${access.token}` };
    case 'token':
      return { authorization: `Token ${access.token}` };
    case 'basic': {
      const pair = Buffer.from(`${access.user}:${access.password}`).toString('base64');
      return { authorization: `Basic ${pair}` };
    }
  }
}

function lengthOf(body: string | Uint8Array | undefined): Readonly<Record<string, number>> {
  return body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
}
