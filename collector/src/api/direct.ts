/**
 * Requests that are answered without Express. A dashboard asks hundreds of small queries, and the way through all the
 * routers would cost more than most of the answers. Only what is plain goes this way: whatever is unusual about a request,
 * or not allowed, is left to Express, which has the same routes.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { mayRead, type ReadAccess } from './auth/guard.ts';

/** Where a direct answer goes, and the headers that it has to carry: name, value, name, value … */
export interface DirectExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly headers: readonly string[];
}

/** Answers a request; never throws. `form` is empty for a GET. */
export type DirectRoute = (
  sent: { readonly form: string; readonly url: string },
  exchange: DirectExchange,
) => Promise<void>;

export interface DirectOptions {
  /** By path, without a slash at the end. */
  readonly routes: Readonly<Record<string, DirectRoute>>;
  readonly access: ReadAccess;
  readonly headers: readonly string[];
}

/** Larger forms are read, or refused, by Express. */
const FORM_BYTES_MAX = 64 * 1024;

/** A listener that answers what it can directly, and gives the rest to `others`. */
export function answeredDirectly(options: DirectOptions, others: RequestListener): RequestListener {
  const routes = new Map(Object.entries(options.routes));
  return (request, response) => {
    const { url = '' } = request;
    const queryAt = url.indexOf('?');
    const route = routes.get(queryAt < 0 ? url : url.slice(0, queryAt));
    const isPlain = request.method === 'GET' || isPlainForm(request);
    if (route === undefined || !isPlain || !mayRead(options.access, request)) {
      others(request, response);
      return;
    }
    const exchange = { request, response, headers: options.headers };
    if (request.method === 'GET') void route({ form: '', url }, exchange);
    else readForm(request, (form) => void route({ form, url }, exchange));
  };
}

const FORM_TYPE = /^application\/x-www-form-urlencoded(?:; ?charset=utf-8)?$/i;

/** A form of a known size, in UTF-8 and not packed. */
function isPlainForm({ method, headers }: IncomingMessage): boolean {
  const size = headers['content-length'];
  return (
    method === 'POST' &&
    FORM_TYPE.test(headers['content-type'] ?? '') &&
    headers['content-encoding'] === undefined &&
    size !== undefined &&
    Number(size) <= FORM_BYTES_MAX
  );
}

/**
 * Reads a form of a known size, and takes it with its last byte: the request's own end comes a turn later, and is nobody's
 * business. When the client leaves before, nobody waits for an answer.
 */
function readForm(request: IncomingMessage, take: (form: string) => void): void {
  const size = Number(request.headers['content-length']);
  if (size === 0) {
    request.resume();
    take('');
    return;
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  request.on('data', (part: Buffer) => {
    parts.push(part);
    bytes += part.length;
    if (bytes === size) take(Buffer.concat(parts).toString('utf8'));
  });
}
