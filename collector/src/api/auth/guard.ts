/**
 * Who may read. On loopback everybody on the machine may, but only under a loopback name: otherwise a web page could
 * point a name of its own at 127.0.0.1 and read through its visitor's browser (DNS rebinding). On any other address
 * every read needs an access token for reading, as bearer or as the password of basic authentication.
 */
import type { IncomingMessage } from 'node:http';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { sendError } from '../errors.ts';
import type { AccessScope, TokenVerdict } from './tokens.ts';

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

export type ReadAccess =
  { readonly kind: 'loopback' } | { readonly kind: 'token'; readonly judge: (token: string) => TokenVerdict };

/**
 * Middleware that lets a request pass or answers it with 401 or 403.
 * @param ownGuards paths that ask for a token of their own, which need not be one for reading
 */
export function readGuard(access: ReadAccess, ownGuards: ReadonlySet<string> = new Set()): RequestHandler {
  const asToken = access.kind === 'token' ? scopeGuard(access.judge, READING) : undefined;
  return (request: Request, response: Response, next: NextFunction): void => {
    if (access.kind === 'loopback') {
      if (mayRead(access, request)) next();
      else
        sendError(
          response,
          403,
          'UNAUTHORIZED',
          'this collector answers on loopback names only, for example http://127.0.0.1:7655',
        );
      return;
    }
    if (ownGuards.has(request.path)) next();
    else asToken?.(request, response, next);
  };
}

/** Whether a request may read; who may not is told why by the middleware. */
export function mayRead(access: ReadAccess, request: IncomingMessage): boolean {
  if (access.kind === 'loopback') return LOOPBACK_NAMES.has(hostOf(request));
  const token = credentialOf(request);
  return token !== undefined && access.judge(token).kind === 'granted';
}

const READING = { scope: 'read', purpose: 'reading' } as const;

function hostOf(request: IncomingMessage): string {
  const header = request.headers.host ?? '';
  return header.replace(/:\d+$/, '').toLowerCase();
}

/** The token that a request carries, as bearer or as the password of basic authentication; it may be wrong. */
function credentialOf(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const [scheme = '', value = ''] = header.split(' ', 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}

/** Middleware that wants a token for `scope` on every address, loopback too; its id is left in `locals.tokenId`. */
export function scopeGuard(
  judge: (token: string) => TokenVerdict,
  { scope, purpose }: { readonly scope: AccessScope; readonly purpose: string },
): RequestHandler {
  return (request, response, next) => {
    const token = credentialOf(request);
    const verdict = token === undefined ? UNKNOWN : judge(token);
    if (verdict.kind === 'granted') {
      response.locals['tokenId'] = verdict.id;
      next();
    } else {
      refuseToken(response, verdict, { scope, purpose });
    }
  };
}

const UNKNOWN: TokenVerdict = { kind: 'unknown' };

/** 401 without a token that is known, 403 with one that is for something else. */
function refuseToken(
  response: Response,
  { kind }: TokenVerdict,
  { scope, purpose }: { readonly scope: AccessScope; readonly purpose: string },
): void {
  const command = `rollcall-collector access create NAME${scope === 'read' ? '' : ` --scope ${scope}`}`;
  if (kind === 'forbidden') {
    const message = `this access token is not for ${purpose}: make one with ${command}`;
    sendError(response, 403, 'UNAUTHORIZED', message);
    return;
  }
  response.set(
    'WWW-Authenticate',
    'Basic realm="Rollcall: any user name, an access token as password", charset="UTF-8"',
  );
  sendError(response, 401, 'UNAUTHORIZED', `${purpose} needs an access token: ${command}`);
}
