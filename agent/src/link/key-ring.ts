/**
 * The keys that an agent holds while it changes its key, and which of them it signs with. A pure state machine; `signer.ts`
 * does what follows from it.
 *
 * The agent never gives up a key before the collector has shown, by a WELCOME, that it knows another one of them. So
 * whichever key the collector knows, after a crash of either end at any step, or when the collector was set back to a
 * backup from before the change: it is one of these, and the agent finds it by trying them one after the other.
 *
 *   current ─ due ─► current + next ─ KEY_OK, login with next ─► next is current; the one before is previous
 */
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import { fingerprint } from '@rollcall/shared/protocol/identity.ts';

/** A key older than this is replaced, or up to KEY_AGE_SPREAD_MS before: hosts that were set up in one hour must not change theirs in one. */
export const KEY_AGE_MS_MAX = 30 * 86_400_000;
export const KEY_AGE_SPREAD_MS = 10 * 86_400_000;
/** The age of a key that seems to come from the future by more than this begins anew: the clock was wrong then or is now. */
const CLOCK_ERROR_MS_MAX = 86_400_000;

/** What is kept on the disk, as a whole. */
export interface KeyRing {
  /** By this one the collector knew the agent when it last said WELCOME. */
  readonly current: Identity;
  /** Wall clock when it became current; null when nobody has looked at a clock since. */
  readonly sinceMs: number | null;
  /** Offered to the collector, or about to be. */
  readonly next: Identity | null;
  /** The one before; still of use when the collector is set back to a backup. */
  readonly previous: Identity | null;
  /** A new key was asked for while `next` was there already: it is due again as soon as it is current. @default false */
  readonly isAskedAgain?: boolean;
}

/** Tried in this order, round and round. */
const ROLES = ['current', 'next', 'previous'] as const;
type Role = (typeof ROLES)[number];

export interface Signing {
  readonly ring: KeyRing;
  /** The key to sign the next HELLO with. */
  readonly signer: Role;
  /** Keys that the collector did not know, since its last WELCOME. */
  readonly refused: readonly Role[];
}

export type KeyEvent =
  /** The key is to be replaced by this one. */
  | { readonly kind: 'due'; readonly fresh: Identity }
  /** KEY_OK for the key with this fingerprint. */
  | { readonly kind: 'stored'; readonly fingerprint: string }
  /** The collector said WELCOME to the signer. */
  | { readonly kind: 'welcome'; readonly wallMs: number }
  /** The collector does not know the signer. */
  | { readonly kind: 'refused' };

/** The ring of an agent with a single key. */
export function ringOf(current: Identity): KeyRing {
  return { current, sinceMs: null, next: null, previous: null };
}

/** How a process begins, with what it found on the disk. */
export function initialSigning(ring: KeyRing): Signing {
  return { ring, signer: 'current', refused: [] };
}

/** The key pair to sign with. */
export function signerOf({ ring, signer }: Signing): Identity {
  return ring[signer] ?? ring.current;
}

/** At which age a key is replaced. */
export function ageMsMaxOf({ publicKey }: Identity): number {
  // A key is random, so its first bytes are as good as a die.
  return KEY_AGE_MS_MAX - (publicKey.readUInt16BE(0) / 65_536) * KEY_AGE_SPREAD_MS;
}

/** Whether there is a key to offer, or should be. */
export function wantsNext({ current, next, sinceMs }: KeyRing, wallMs: number): boolean {
  if (next !== null) return true;
  if (sinceMs === null) return false;
  return wallMs - sinceMs >= ageMsMaxOf(current);
}

/** What `event` makes of `signing`. When the ring is another one then, it has to be stored. */
export function stepKeys(signing: Signing, event: KeyEvent): Signing {
  const { ring } = signing;
  switch (event.kind) {
    case 'due':
      return ring.next === null ? { ...signing, ring: { ...ring, next: event.fresh } } : signing;
    case 'stored': {
      const isOurs = ring.next !== null && fingerprint(ring.next.publicKey) === event.fingerprint;
      return isOurs ? { ...signing, signer: 'next' } : signing;
    }
    case 'welcome':
      return initialSigning(afterWelcome(signing, event.wallMs));
    case 'refused': {
      const held = rolesOf(ring);
      const next = held[(held.indexOf(signing.signer) + 1) % held.length] ?? 'current';
      return { ring, signer: next, refused: [...new Set([...signing.refused, signing.signer])] };
    }
  }
}

/** Whether there is a key that the collector has not refused since its last WELCOME. */
export function hasUntried({ ring, refused }: Signing): boolean {
  return rolesOf(ring).some((role) => !refused.includes(role));
}

function rolesOf(ring: KeyRing): readonly Role[] {
  return ROLES.filter((role) => ring[role] !== null);
}

function afterWelcome({ ring, signer }: Signing, wallMs: number): KeyRing {
  const { current, next, previous } = ring;
  if (signer === 'next' && next !== null) {
    return { current: next, sinceMs: ring.isAskedAgain === true ? 0 : wallMs, next: null, previous: current };
  }
  // The collector is as it was before the change, so the change begins anew.
  if (signer === 'previous' && previous !== null) {
    const restored = { current: previous, sinceMs: wallMs, next: current, previous: null };
    // The next one was there already when somebody asked for a new key.
    return ring.isAskedAgain === true || ring.sinceMs === 0 ? { ...restored, isAskedAgain: true } : restored;
  }
  const { sinceMs } = ring;
  return sinceMs === null || sinceMs > wallMs + CLOCK_ERROR_MS_MAX ? { ...ring, sinceMs: wallMs } : ring;
}
