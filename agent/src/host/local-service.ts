/**
 * Asks a service on this machine that speaks HTTP behind a Unix socket. Only to read: the method is always GET, there is no
 * body, and nothing of the answer but its content is used.
 */
import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import { HostError, type HostErrorKind } from './host.ts';

/** Larger answers are refused; 500 containers take about 1 MiB. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const HEADER_BYTES_MAX = 8 * 1024;
const OK = 200;

const KIND_BY_CODE: ReadonlyMap<string, HostErrorKind> = new Map([
  ['ENOENT', 'absent'],
  ['ECONNREFUSED', 'absent'],
  ['ENOTSOCK', 'absent'],
  ['EACCES', 'denied'],
  ['EPERM', 'denied'],
]);

/** What is asked of a service. */
export interface ServiceRequest {
  /** Path and query, `/containers/json`. */
  readonly target: string;
  /** Ends the waiting; without it the answer may never come. */
  readonly signal: AbortSignal;
}

/**
 * The body of the answer.
 * @param socketPath of the Unix socket
 * @throws HostError absent, denied, timeout, too_large, io (also an answer other than 200)
 */
export function askService(socketPath: string, { target, signal }: ServiceRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const what = `ask ${socketPath} for ${target}`;
    if (!existsSync(socketPath)) {
      reject(new HostError('absent', `${what}: no such socket`));
      return;
    }
    // Loaded here: most machines have nobody to ask (docs/decisions/0082).
    const asked = process.getBuiltinModule('node:http').request({
      socketPath,
      path: target,
      method: 'GET',
      agent: false,
      maxHeaderSize: HEADER_BYTES_MAX,
      headers: { host: 'localhost', connection: 'close' },
    });
    const fail = (error: HostError): void => {
      signal.removeEventListener('abort', onAbort);
      asked.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(new HostError('timeout', `${what}: no answer in time`));
    // First of all: giving up is an error of the request too.
    asked.on('error', (error) => fail(serviceError(what, error)));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    asked.on('response', (response) => {
      readBody(response, what).then((body) => {
        signal.removeEventListener('abort', onAbort);
        resolve(body);
      }, fail);
    });
    asked.end();
  });
}

/** @throws HostError */
function readBody(response: IncomingMessage, what: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { statusCode } = response;
    if (statusCode !== OK) {
      reject(new HostError('io', `${what}: the answer is ${statusCode ?? 'none'}`));
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) {
        reject(new HostError('too_large', `${what}: over the limit of ${ANSWER_BYTES_MAX} bytes`));
        return;
      }
      chunks.push(chunk);
    });
    response.on('error', (error) => reject(serviceError(what, error)));
    response.on('close', () => {
      if (response.complete) resolve(Buffer.concat(chunks));
      else reject(new HostError('io', `${what}: the answer was cut off`));
    });
  });
}

function serviceError(what: string, cause: Error): HostError {
  return new HostError(KIND_BY_CODE.get(systemErrorCode(cause) ?? '') ?? 'io', what, { cause });
}
