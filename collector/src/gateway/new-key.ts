/** Changes the key of an agent: takes the offer of a new one, and gives the old one up when the new one was used. */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { isVouchedFor, type KeyOffer } from '@rollcall/shared/protocol/key-rotation.ts';
import { afterLogin, afterOffer, type AgentKeys, type KeyRole } from '../fleet/agent-keys.ts';
import type { Host } from '../fleet/hosts.ts';
import type { GatewayShared } from './shared.ts';

type Shared = Pick<GatewayShared, 'hosts' | 'counters' | 'log'>;

/**
 * Verifies and stores the next key of an agent; durable when it returns. Both keys are good then.
 * @throws AppError PROTOCOL_ERROR when the key is a host's already or is not vouched for, STORAGE_UNAVAILABLE
 */
export function storeOffer(shared: Shared, host: Host, offer: KeyOffer): void {
  const { hosts, counters } = shared;
  const signer = { agentId: Buffer.from(host.id, 'hex'), publicKey: host.publicKey };
  if (hosts.findByKey(offer.publicKey) !== undefined || !isVouchedFor(offer, signer)) {
    counters.count('keys_total', 'refused');
    throw new AppError('PROTOCOL_ERROR', 'the new key is in use, or not signed by the old one and by itself');
  }
  store(shared, host.id, afterOffer(host, offer.publicKey));
  counters.count('keys_total', 'offered');
}

/**
 * The agent has signed with the key `role`: when that is the next one, it is the only one when this returns, durably.
 * @throws AppError STORAGE_UNAVAILABLE; both keys are good then
 */
export function noteKeyOfLogin(shared: Shared, host: Host, role: KeyRole): void {
  if (role === 'current') return;
  store(shared, host.id, afterLogin(host, role));
  shared.counters.count('keys_total', 'promoted');
  shared.log.info('agent has a new key', { agentId: host.id });
}

function store({ hosts, log }: Shared, agentId: string, keys: AgentKeys): void {
  try {
    hosts.setKeys(agentId, keys);
  } catch (error) {
    log.error('keys of an agent cannot be stored', { agentId, error: describeError(error) });
    throw new AppError('STORAGE_UNAVAILABLE', 'the key of the agent cannot be stored at the moment', {
      cause: error,
    });
  }
}
