/** Who this agent is and whom it trusts, as the link needs it; `enroll/` makes it and keeps it on disk. */
import type { ChannelBinding } from '@rollcall/shared/protocol/handshake.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';

export interface AgentIdentity {
  /** 16 bytes, given by the collector. */
  readonly agentId: Buffer;
  readonly keys: Identity;
  /** Raw public keys of the collector; one of them must sign each WELCOME. */
  readonly collectorKeys: readonly Buffer[];
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
}

/** Keeps the facts in memory; for tests and simulated agents. */
export function memoryIdentityStore(identity: AgentIdentity): IdentityStore {
  let current: SessionFacts = { generation: 0, storeId: '', binding: 'none' };
  return {
    identity,
    facts: () => current,
    store(facts) {
      current = facts;
    },
  };
}
