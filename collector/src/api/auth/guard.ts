/**
 * Who may read. On loopback everybody on the machine may, but only under a loopback name: otherwise a web page could
 * point a name of its own at 127.0.0.1 and read through its visitor's browser (DNS rebinding). On any other address
 * every read needs an access token, as bearer or as the password of basic authentication.
 */
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { sendError } from '../errors.ts';

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

export type ReadAccess =
  { readonly kind: 'loopback' } | { readonly kind: 'token'; readonly isValid: (token: string) => boolean };

/** Middleware that lets a request pass or answers it with 401 or 403. */
export function readGuard(access: ReadAccess): RequestHandler {
  return (request: Request, response: Response, next: NextFunction): void => {
    if (access.kind === 'loopback') {
      if (LOOPBACK_NAMES.has(hostOf(request))) next();
      else
        sendError(
          response,
          403,
          'UNAUTHORIZED',
          'this collector answers on loopback names only, for example http://127.0.0.1:7655',
        );
      return;
    }
    const token = credentialOf(request);
    if (token !== undefined && access.isValid(token)) {
      next();
      return;
    }
    askForToken(response, 'reading needs an access token: rollcall-collector access create NAME');
  };
}

/** Answers 401 with what is needed. */
export function askForToken(response: Response, message: string): void {
  response.set(
    'WWW-Authenticate',
    'Basic realm="Rollcall: any user name, an access token as password", charset="UTF-8"',
  );
  sendError(response, 401, 'UNAUTHORIZED', message);
}

function hostOf(request: Request): string {
  const header = request.headers.host ?? '';
  return header.replace(/:\d+$/, '').toLowerCase();
}

/** The token that a request carries, as bearer or as the password of basic authentication; it may be wrong. */
export function credentialOf(request: Request): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const [scheme = '', value = ''] = header.split(' ', 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}
