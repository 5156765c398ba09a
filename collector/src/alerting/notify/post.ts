/** One HTTP POST to a checked target: bounded in time and size, no redirects, no proxy, no connection kept. */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { CheckedTarget, TargetGuard } from './target.ts';

export interface PostRequest {
  /** May hold secrets in path and query; they appear in no error. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface PostAnswer {
  readonly status: number;
  /** The header `Retry-After` as it came, `null` when there is none. */
  readonly retryAfter: string | null;
  /** At most `readBytesMax`; cut where the answer did not end in time or in bounds. */
  readonly body: string;
}

/**
 * Sends one request and returns the answer, whatever its status: redirects are answers too.
 * @throws AppError TARGET_FORBIDDEN, NOTIFY_FAILED (retryable) when no answer came; the reason of `signal` when aborted
 */
export type Post = (request: PostRequest, signal: AbortSignal) => Promise<PostAnswer>;

export interface PostLimits {
  /** Until the connection, with TLS, stands. */
  readonly connectMs: number;
  /** For everything, name resolution included. */
  readonly totalMs: number;
  readonly readBytesMax: number;
}

export const POST_LIMITS: PostLimits = { connectMs: 5_000, totalMs: 15_000, readBytesMax: 65_536 };

export interface PostOptions {
  readonly clock: Clock;
  readonly guard: TargetGuard;
  readonly limits?: PostLimits;
}

/** The real transport, on node:http and node:https. */
export function createPost({ clock, guard, limits = POST_LIMITS }: PostOptions): Post {
  return async (request, signal) => {
    const total = new AbortController();
    const timer = clock.setTimer(limits.totalMs, () =>
      total.abort(failure(originOf(request.url), `no answer within ${limits.totalMs} ms`)),
    );
    const stop = AbortSignal.any([signal, total.signal]);
    try {
      const target = await abortable(guard.check(request.url), stop);
      stop.throwIfAborted();
      return await exchange({ target, request, clock, limits, stop });
    } finally {
      timer.cancel();
    }
  };
}

/** `stop` is not aborted yet. */
interface Exchange {
  readonly target: CheckedTarget;
  readonly request: PostRequest;
  readonly clock: Clock;
  readonly limits: PostLimits;
  readonly stop: AbortSignal;
}

function exchange({ target, request, clock, limits, stop }: Exchange): Promise<PostAnswer> {
  const { origin } = target.url;
  return new Promise((resolve, reject) => {
    const outgoing = open(target, request);
    let answer: AnswerReader | undefined;
    const connecting: Timer = clock.setTimer(limits.connectMs, () =>
      outgoing.destroy(failure(origin, `no connection within ${limits.connectMs} ms`)),
    );
    // Once the status is known the answer counts, also when its body is cut off or never ends.
    const settle = (error: Error): void => {
      connecting.cancel();
      stop.removeEventListener('abort', onStop);
      if (answer === undefined) reject(error);
      else resolve(answer.result());
      outgoing.destroy();
    };
    const onStop = (): void => settle(reasonOf(stop));
    stop.addEventListener('abort', onStop, { once: true });
    outgoing.on('error', (error) => settle(networkFailure(origin, error)));
    outgoing.on('close', () => settle(failure(origin, 'the connection was closed without an answer')));
    outgoing.on('socket', (socket) => {
      socket.once(target.url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        connecting.cancel();
        if (!target.includes(socket.remoteAddress)) {
          outgoing.destroy(failure(origin, 'connected to an address that was not checked'));
        }
      });
    });
    outgoing.on('response', (message) => {
      answer = readAnswer(message, limits.readBytesMax, () => settle(failure(origin, 'answer read')));
    });
    outgoing.end(request.body);
  });
}

function open(target: CheckedTarget, request: PostRequest): ClientRequest {
  const { url } = target;
  const isTls = url.protocol === 'https:';
  return (isTls ? httpsRequest : httpRequest)(url, {
    method: 'POST',
    headers: {
      'user-agent': 'rollcall-collector',
      ...request.headers,
      'content-length': Buffer.byteLength(request.body),
    },
    // A fresh agent knows no proxy variables and keeps no connection.
    agent: false,
    lookup: pinned(target),
  });
}

/** Resolves every name to the addresses that were checked, in the form that the caller asks for. */
function pinned({ addresses }: CheckedTarget): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all) callback(null, [...addresses]);
    else if (first !== undefined) callback(null, first.address, first.family);
    else callback(new Error('no address'), '');
  };
}

interface AnswerReader {
  result(): PostAnswer;
}

function readAnswer(message: IncomingMessage, bytesMax: number, onEnd: () => void): AnswerReader {
  const chunks: Buffer[] = [];
  let bytes = 0;
  message.on('data', (chunk: Buffer) => {
    chunks.push(chunk.subarray(0, bytesMax - bytes));
    bytes += chunk.length;
    if (bytes >= bytesMax) onEnd();
  });
  message.on('end', onEnd);
  message.on('error', onEnd);
  message.on('close', onEnd);
  return {
    result: () => ({
      status: message.statusCode ?? 0,
      retryAfter: message.headers['retry-after'] ?? null,
      body: Buffer.concat(chunks).toString('utf8'),
    }),
  };
}

/** `work`, or the reason of `signal` as soon as it is aborted; for work that cannot be cut off. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(reasonOf(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : '[not a url]';
}

function failure(origin: string, problem: string): AppError {
  return new AppError('NOTIFY_FAILED', `send request to ${origin}: ${problem}`, { isRetryable: true });
}

function networkFailure(origin: string, error: Error): Error {
  if (error instanceof AppError) return error;
  return failure(origin, systemErrorCode(error) ?? describeError(error));
}
