/**
 * The keys by which the collector knows an agent, as a pure state machine: one, or two while the agent changes it. The old
 * key is good until the agent has logged in with the new one, and not a moment longer.
 */

/** The keys of one agent; raw Ed25519. */
export interface AgentKeys {
  readonly publicKey: Buffer;
  /** Offered by the agent and stored; null when there is none. */
  readonly nextPublicKey: Buffer | null;
}

/** Which of them an agent signed with. */
export type KeyRole = 'current' | 'next';

/** The agent offered a key that is its own and nobody else's. One that it offered before and never used is forgotten. */
export function afterOffer({ publicKey }: AgentKeys, offered: Buffer): AgentKeys {
  return { publicKey, nextPublicKey: offered };
}

/** The agent logged in. With the next key that one is the only one from now on; with the current one nothing is decided. */
export function afterLogin(keys: AgentKeys, role: KeyRole): AgentKeys {
  if (role === 'current' || keys.nextPublicKey === null) return keys;
  return { publicKey: keys.nextPublicKey, nextPublicKey: null };
}
