/** The two addresses of a collector that follow from the one that people configure. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { redactUrl } from '@rollcall/shared/lib/secret.ts';
import { CONNECT_PATH, ENROLL_PATH } from '@rollcall/shared/protocol/version.ts';

export interface Endpoint {
  /** `ws://` or `wss://`, for the WebSocket. */
  readonly connectUrl: string;
  /** `http://` or `https://`, for enrolment. */
  readonly enrollUrl: string;
  readonly isSecure: boolean;
  /** The whole address, from which all of this can be read again. Its path may be a secret. */
  readonly address: string;
  /** As it may be shown. */
  readonly shown: string;
}

const SECURE: Readonly<Record<string, boolean>> = {
  'https:': true,
  'wss:': true,
  'http:': false,
  'ws:': false,
};

/**
 * Reads the address of a collector: `https://host[:port][/path]`; `wss`, `http` and `ws` are understood too.
 * @param options.isInsecureAllowed whether an address other than loopback may go without TLS
 * @throws AppError BAD_CONFIG, saying what is allowed
 */
export function parseEndpoint(text: string, options: { readonly isInsecureAllowed: boolean }): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecure = SECURE[url?.protocol ?? ''];
  if (url === undefined || isSecure === undefined || url.hostname === '') {
    throw new AppError('BAD_CONFIG', 'must be a URL such as https://monitor.example.org:7655');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new AppError('BAD_CONFIG', 'must not have a user, a password, a query or a fragment');
  }
  if (!isSecure && !options.isInsecureAllowed && !isLoopback(url.hostname)) {
    throw new AppError(
      'BAD_CONFIG',
      `must begin with https:// because ${url.hostname} is another machine, or set insecure: true`,
    );
  }
  const base = `${url.host}${url.pathname.replace(/\/+$/, '')}`;
  return {
    connectUrl: `${isSecure ? 'wss' : 'ws'}://${base}${CONNECT_PATH}`,
    enrollUrl: `${isSecure ? 'https' : 'http'}://${base}${ENROLL_PATH}`,
    isSecure,
    address: `${isSecure ? 'https' : 'http'}://${base}`,
    shown: redactUrl(`${isSecure ? 'https' : 'http'}://${base}`),
  };
}

/** Whether the host of a URL is this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
