/** Holds the keys of the agent for its sessions: signs with one of them, keeps each change durably, offers the next one. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { generateIdentity, type Identity } from '@rollcall/shared/protocol/identity.ts';
import { encodeKeyNext } from '@rollcall/shared/protocol/key-rotation.ts';
import type { IdentityStore } from './identity.ts';
import {
  hasUntried,
  initialSigning,
  signerOf,
  stepKeys,
  wantsNext,
  type KeyEvent,
  type KeyRing,
  type Signing,
} from './key-ring.ts';

/** Time between attempts to store a new key. */
const RETRY_MS = 3_600_000;
/** Least time between offers, however often the collector is met: one that ends the session over each must not be met so for ever. */
const OFFER_MS_MIN = 300_000;
/** And between changes, whatever the wall clock says: a collector that is set back should know the last key but one. */
const CHANGE_MS_MIN = 86_400_000;

export interface SignerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: IdentityStore;
}

export class Signer {
  readonly #options: SignerOptions;
  #signing: Signing;
  /** What the disk has. */
  #storedRing: KeyRing;
  /** No key is made before. */
  #nextAtMonoMs = Number.NEGATIVE_INFINITY;
  #offeredMonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: SignerOptions) {
    this.#options = options;
    this.#storedRing = options.identity.keys();
    this.#signing = initialSigning(this.#storedRing);
  }

  /** The key pair for the next HELLO. */
  get keys(): Identity {
    return signerOf(this.#signing);
  }

  /** The collector said WELCOME to a HELLO of ours. */
  welcomed(): void {
    const { clock, log } = this.#options;
    const before = this.#signing.ring.current;
    this.#step({ kind: 'welcome', wallMs: clock.wallMs() });
    const { current } = this.#signing.ring;
    if (current === before) return;
    log.info('this agent is known by another key now');
    this.#nextAtMonoMs = clock.monoMs() + CHANGE_MS_MIN;
  }

  /** The collector does not know the key that HELLO was signed with. Returns whether there is one that it was not asked about. */
  refused(): boolean {
    this.#step({ kind: 'refused' });
    return hasUntried(this.#signing);
  }

  /** The collector has stored a key of ours; false when it is none that was offered. */
  isStored(key: string): boolean {
    this.#step({ kind: 'stored', fingerprint: key });
    return this.#signing.signer === 'next';
  }

  /** The KEY_NEXT that is to be sent in this session; undefined when there is none. */
  offer(): Buffer | undefined {
    const { clock, identity } = this.#options;
    if (clock.monoMs() - this.#offeredMonoMs < OFFER_MS_MIN) return undefined;
    if (!wantsNext(this.#signing.ring, clock.wallMs()) || !this.#hasNext()) return undefined;
    const { current, next } = this.#signing.ring;
    if (next === null) return undefined;
    this.#offeredMonoMs = clock.monoMs();
    return encodeKeyNext({ agentId: identity.identity.agentId, old: current, next });
  }

  /** Makes the next key unless there is one. False when it could not be stored: then it must not be offered. */
  #hasNext(): boolean {
    const before = this.#signing;
    const { clock } = this.#options;
    if (before.ring.next !== null) return true;
    if (clock.monoMs() < this.#nextAtMonoMs) return false;
    if (this.#step({ kind: 'due', fresh: generateIdentity() })) return true;
    this.#signing = before;
    this.#nextAtMonoMs = clock.monoMs() + RETRY_MS;
    return false;
  }

  /**
   * False when what changed could not be stored. It holds for this process all the same, and is stored with the next change
   * or WELCOME: what the disk has until then is older, and the key that the collector knows is in it too.
   */
  #step(event: KeyEvent): boolean {
    const { identity, log } = this.#options;
    this.#signing = stepKeys(this.#signing, event);
    const { ring } = this.#signing;
    if (ring === this.#storedRing) return true;
    try {
      identity.storeKeys(ring);
      this.#storedRing = ring;
      return true;
    } catch (error) {
      log.warn('cannot keep the keys of this agent', { error: describeError(error) });
      return false;
    }
  }
}
