/**
 * Links that may be followed without a login: each is good for one deed on one incident, until a time. Whoever has the
 * link may do it, so it names the receiver to which it was sent.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

const LINK_ACTIONS = ['ack', 'close'] as const;
export type LinkAction = (typeof LINK_ACTIONS)[number];

export interface LinkClaim {
  readonly action: LinkAction;
  readonly incidentId: string;
  /** To whom it was sent. */
  readonly receiver: string;
  /** UTC milliseconds, whole seconds. */
  readonly expiresMs: number;
}

export type LinkVerdict =
  | { readonly kind: 'valid'; readonly claim: LinkClaim }
  | { readonly kind: 'expired' }
  /** Not a link of ours, or changed on its way. */
  | { readonly kind: 'forged' };

const DAY_MS = 86_400_000;
/** How long a link is good at least. */
const VALID_DAYS = 7;
const PATH = /^(ack|close)\/(i-[0-9A-HJKMNP-TV-Z]{26})\/([\w.-]{1,64})\/(\d{1,12})\/([\w-]{43})$/;
/** Signatures are for one purpose each. */
const PURPOSE = 'rollcall link 1';
const CALENDAR_PURPOSE = 'rollcall calendar 1';

/** When a link that is made now ends: whole days, so that the attempts of one day send the same. */
export function linkExpiryMs(nowMs: number): number {
  return (Math.floor(nowMs / DAY_MS) + VALID_DAYS + 1) * DAY_MS;
}

/** The path of a link, to be put behind `/act/`. */
export function signLink(key: Uint8Array, claim: LinkClaim): string {
  const { action, incidentId, receiver, expiresMs } = claim;
  const expiresS = Math.floor(expiresMs / 1000);
  const text = `${action}/${incidentId}/${receiver}/${expiresS}`;
  return `${text}/${signature(key, PURPOSE, text).toString('base64url')}`;
}

/** What a path behind `/act/` is worth. The time it takes does not tell how much of a signature is right. */
export function verifyLink(key: Uint8Array, path: string, nowMs: number): LinkVerdict {
  const match = PATH.exec(path);
  const action = LINK_ACTIONS.find((one) => one === match?.[1]);
  const [, , incidentId, receiver, expiresS, given] = match ?? [];
  if (action === undefined || incidentId === undefined || receiver === undefined || given === undefined) {
    return { kind: 'forged' };
  }
  const text = path.slice(0, path.lastIndexOf('/'));
  if (!isEqual(signature(key, PURPOSE, text), Buffer.from(given, 'base64url'))) return { kind: 'forged' };
  const expiresMs = Number(expiresS) * 1000;
  if (expiresMs <= nowMs) return { kind: 'expired' };
  return { kind: 'valid', claim: { action, incidentId, receiver, expiresMs } };
}

/** The token by which a calendar program reads one schedule. */
export function calendarToken(key: Uint8Array, schedule: string): string {
  return signature(key, CALENDAR_PURPOSE, schedule).toString('base64url');
}

/** In constant time for tokens of the right length. */
export function isCalendarToken(key: Uint8Array, schedule: string, token: string): boolean {
  return isEqual(signature(key, CALENDAR_PURPOSE, schedule), Buffer.from(token, 'base64url'));
}

function signature(key: Uint8Array, purpose: string, text: string): Buffer {
  return createHmac('sha256', key).update(`${purpose}\n${text}`).digest();
}

function isEqual(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}
