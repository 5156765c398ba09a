/** Who this agent is and whom it trusts, as the link needs it; `enroll/` makes it and keeps it on disk. */
import type { ChannelBinding } from '@rollcall/shared/protocol/handshake.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import { ringOf, type KeyRing } from './key-ring.ts';

export interface AgentIdentity {
  /** 16 bytes, given by the collector. */
  readonly agentId: Buffer;
  /** Raw public keys of the collector; one of them must sign each WELCOME. */
  readonly collectorKeys: readonly Buffer[];
}

/** What enrolment gives. */
export interface NewIdentity extends AgentIdentity {
  readonly keys: Identity;
}

/** What a session changes. */
export interface SessionFacts {
  /** Counter against copied keys; the collector raises it at each session. */
  readonly generation: number;
  readonly storeId: string;
  /** The strongest that was used with this collector; less is refused. */
  readonly binding: ChannelBinding;
}

export interface IdentityStore {
  readonly identity: AgentIdentity;
  facts(): SessionFacts;
  /**
   * Keeps the facts durably before it returns.
   * @throws AppError DATA_DIR_UNUSABLE; the facts then count for this process only
   */
  store(facts: SessionFacts): void;
  keys(): KeyRing;
  /**
   * Keeps the keys durably, all of them or none, before it returns.
   * @throws AppError DATA_DIR_UNUSABLE; `keys` then gives what was there before
   */
  storeKeys(ring: KeyRing): void;
}

/** Keeps everything in memory; for tests and simulated agents. */
export function memoryIdentityStore(identity: NewIdentity): IdentityStore {
  let current: SessionFacts = { generation: 0, storeId: '', binding: 'none' };
  let ring = ringOf(identity.keys);
  return {
    identity,
    facts: () => current,
    store(facts) {
      current = facts;
    },
    keys: () => ring,
    storeKeys(next) {
      ring = next;
    },
  };
}
