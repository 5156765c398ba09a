/**
 * The guard of every outgoing request: a URL that somebody configured must not turn the collector into a tool against
 * the network it stands in. Names are resolved once, all their addresses are checked, and the connection goes to a
 * checked address, so that a name which changes its answer in between gains nothing.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { AppError, describeError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import { AddressRanges, classifyAddress, unpackAddress } from './address.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** All addresses of a host name; rejects when it has none. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

export interface TargetPolicy {
  /** Ranges outside the public internet that may be reached, such as `10.1.0.0/16`. From the config file only. */
  readonly allowedRanges: readonly string[];
  /** Ports beyond 80, 443, 8080 and 8443. */
  readonly allowedPorts: readonly number[];
}

/** Where a request may go. */
export interface CheckedTarget {
  readonly url: URL;
  /** At least one; all of them are allowed. */
  readonly addresses: readonly ResolvedAddress[];
  /** Whether a connection that reports this remote address is one to a checked address. */
  includes(remoteAddress: string | undefined): boolean;
}

export interface TargetGuard {
  /**
   * Checks a URL and resolves its host.
   * @throws AppError TARGET_FORBIDDEN (retryable only where the name may resolve to something else later),
   *   NOTIFY_FAILED when the name cannot be resolved. Messages carry the origin and nothing else of the URL.
   */
  check(url: string, purpose?: TargetPurpose): Promise<CheckedTarget>;
}

/** What the target speaks: web takes http and https, mail smtp (plain) and smtps (with TLS, from the start or soon). */
export type TargetPurpose = 'web' | 'mail';

/** Ports of each purpose, and the schemes with the port that they mean. */
const PURPOSES = {
  web: { ports: [80, 443, 8080, 8443], schemes: { 'http:': 80, 'https:': 443 }, better: 'https' },
  mail: { ports: [25, 465, 587, 2525], schemes: { 'smtp:': 25, 'smtps:': 465 }, better: 'TLS' },
} as const;
/** Schemes whose bytes everybody on the way can read. */
const PLAIN_SCHEMES: ReadonlySet<string> = new Set(['http:', 'smtp:']);
const METADATA_NAMES = new Set(['metadata.google.internal', 'metadata', 'metadata.goog']);
const ADDRESSES_MAX = 32;

const systemResolve: Resolve = async (hostname) => {
  const found = await lookup(hostname, { all: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
};

/** @throws AppError BAD_CONFIG when a range of the policy is none */
export function createTargetGuard(policy: TargetPolicy, resolve: Resolve = systemResolve): TargetGuard {
  const allowed = new AddressRanges(policy.allowedRanges);
  return {
    async check(text, purpose = 'web') {
      const url = parseTarget(text, purpose, policy.allowedPorts);
      // Trailing dots and brackets belong to the URL, not to the name.
      const hostname = url.hostname.replace(/^\[|\]$/g, '').replace(/\.+$/, '');
      if (METADATA_NAMES.has(hostname)) throw forbidden(url, 'cloud metadata is never reachable');
      const version = isIP(hostname);
      const addresses =
        version === 0
          ? await resolveName(url, hostname, resolve)
          : [{ address: hostname, family: version === 6 ? 6 : 4 } as const];
      for (const { address } of addresses) {
        const problem = addressProblem(url, address, allowed);
        if (problem !== null) throw forbidden(url, problem, version === 0);
      }
      const checked = new Set(addresses.map(({ address }) => unpackAddress(address)));
      return {
        url,
        addresses,
        includes: (remote) => remote !== undefined && checked.has(unpackAddress(remote)),
      };
    },
  };
}

/** The parts of the check that need no addresses. */
function parseTarget(text: string, purpose: TargetPurpose, allowedPorts: readonly number[]): URL {
  if (!URL.canParse(text)) throw new AppError('TARGET_FORBIDDEN', 'send request: the target is not a URL');
  const url = new URL(text);
  const { ports, schemes, better } = PURPOSES[purpose];
  const standardPort = Object.entries(schemes).find(([scheme]) => scheme === url.protocol)?.[1];
  if (standardPort === undefined) {
    throw forbidden(url, `scheme ${url.protocol} is not allowed, use ${better}`);
  }
  if (url.username !== '' || url.password !== '')
    throw forbidden(url, 'credentials in a URL are not allowed');
  const port = url.port === '' ? standardPort : Number(url.port);
  if (![...ports, ...allowedPorts].includes(port)) {
    throw forbidden(url, `port ${port} is not among the allowed ports`);
  }
  return url;
}

async function resolveName(
  url: URL,
  hostname: string,
  resolve: Resolve,
): Promise<readonly ResolvedAddress[]> {
  let addresses: readonly ResolvedAddress[];
  try {
    addresses = await resolve(hostname);
  } catch (error) {
    const reason = systemErrorCode(error) ?? describeError(error);
    throw new AppError('NOTIFY_FAILED', `send request to ${originOf(url)}: resolve the name: ${reason}`, {
      isRetryable: true,
    });
  }
  if (addresses.length === 0 || addresses.length > ADDRESSES_MAX) {
    throw new AppError(
      'NOTIFY_FAILED',
      `send request to ${originOf(url)}: the name has ${addresses.length} addresses (1 to ${ADDRESSES_MAX} allowed)`,
      { isRetryable: true },
    );
  }
  return addresses;
}

/** Why a request may not go to `address`, or null. Plain HTTP is for networks that the configuration names. */
function addressProblem(url: URL, address: string, allowed: AddressRanges): string | null {
  const kind = classifyAddress(address);
  if (kind === 'metadata') return 'cloud metadata is never reachable';
  if (allowed.has(unpackAddress(address))) return null;
  if (kind === 'private') return `address ${address} is not public and not in an allowed range`;
  if (PLAIN_SCHEMES.has(url.protocol)) {
    const better = url.protocol === 'http:' ? 'https' : 'TLS';
    return `${url.protocol.slice(0, -1)} to ${address} is not in an allowed range, use ${better}`;
  }
  return null;
}

function forbidden(url: URL, problem: string, isRetryable = false): AppError {
  const target = originOf(url);
  return new AppError('TARGET_FORBIDDEN', `send request to ${target}: ${problem}`, { isRetryable });
}

/** Scheme, host and port; of an unusual scheme without a host the scheme alone. */
function originOf(url: URL): string {
  if (url.origin !== 'null') return url.origin;
  return url.host === '' ? url.protocol : `${url.protocol}//${url.host}`;
}
