/** A form or another request sent to a collector, with a deadline and a bounded answer. Redirects are not followed. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';

/** Longer than anything may take at the collector. */
const DEADLINE_MS = 6 * 60_000;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

export interface FormAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * @param url http or https, without credentials
 * @throws AppError COLLECTOR_UNREACHABLE, LIMIT_EXCEEDED
 */
export function postForm(
  url: URL,
  fields: Readonly<Record<string, string>>,
  token: string | undefined,
): Promise<FormAnswer> {
  const body = new URLSearchParams(fields).toString();
  const content = { type: 'application/x-www-form-urlencoded', body };
  return sendRequest(url, { method: 'POST', content }, token);
}

/**
 * The same for any method and content, and for none.
 * @throws AppError COLLECTOR_UNREACHABLE, LIMIT_EXCEEDED
 */
export function sendRequest(
  url: URL,
  {
    method,
    content,
  }: {
    readonly method: 'GET' | 'POST' | 'DELETE';
    readonly content: { readonly type: string; readonly body: string } | undefined;
  },
  token: string | undefined,
): Promise<FormAnswer> {
  const headers = {
    ...(content === undefined
      ? {}
      : { 'Content-Type': content.type, 'Content-Length': String(Buffer.byteLength(content.body)) }),
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
  };
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      const reason = describeError(error) || 'connection failed';
      reject(
        new AppError('COLLECTOR_UNREACHABLE', `ask ${url.origin}: ${reason}: is a collector running there?`, {
          isRetryable: true,
        }),
      );
    };
    const request = send(url, { method, headers, signal: AbortSignal.timeout(DEADLINE_MS) });
    request.once('error', fail);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes <= ANSWER_BYTES_MAX) return;
        reject(
          new AppError('LIMIT_EXCEEDED', `answer has more than ${ANSWER_BYTES_MAX} bytes: ask for less`),
        );
        response.destroy();
      });
      response.once('error', fail);
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    request.end(content?.body);
  });
}
