/** Changes the key of an agent: takes the offer of a new one, and gives the old one up when the new one was used. */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { isVouchedFor, type KeyOffer } from '@rollcall/shared/protocol/key-rotation.ts';
import { afterLogin, afterOffer, type AgentKeys, type KeyRole } from '../fleet/agent-keys.ts';
import type { Host } from '../fleet/hosts.ts';
import type { GatewayShared } from './shared.ts';

type Shared = Pick<GatewayShared, 'hosts' | 'counters' | 'log'>;

/** Keys of one agent that are stored: some at once, then one a minute. Each is a write to the disk; an agent needs one a month. */
export const NEW_KEYS = { burst: 4, perSecond: 1 / 60 };

/**
 * Verifies and stores the next key of an agent. Both keys are good then.
 * @returns whether it is stored, durably; when it cannot be at the moment, or comes too soon after others, the agent offers it again in its next session
 * @throws AppError PROTOCOL_ERROR when the key is a host's already or is not vouched for
 */
export function storeOffer(
  shared: Shared & Pick<GatewayShared, 'keyRate' | 'clock'>,
  host: Host,
  offer: KeyOffer,
): boolean {
  const { hosts, counters, keyRate, clock } = shared;
  const signer = { agentId: Buffer.from(host.id, 'hex'), publicKey: host.publicKey };
  const owner = hosts.ownerOfKey(offer.publicKey);
  const isAgain = owner === host.id && host.nextPublicKey?.equals(offer.publicKey) === true;
  if ((owner !== undefined && !isAgain) || !isVouchedFor(offer, signer)) {
    counters.count('keys_total', 'refused');
    throw new AppError('PROTOCOL_ERROR', 'the new key is in use, or not signed by the old one and by itself');
  }
  if (!isAgain && !keyRate.take(host.id, clock.monoMs())) {
    counters.count('keys_total', 'deferred');
    return false;
  }
  if (!isAgain && !store(shared, host.id, afterOffer(host, offer.publicKey))) return false;
  counters.count('keys_total', 'offered');
  return true;
}

/**
 * The agent has signed with the key `role`: when that is the next one, it is the only one when this returns, durably. When
 * that cannot be stored at the moment both stay good, and the next login makes up for it.
 */
export function noteKeyOfLogin(shared: Shared, host: Host, role: KeyRole): void {
  if (role === 'current' || !store(shared, host.id, afterLogin(host, role))) return;
  shared.counters.count('keys_total', 'promoted');
  shared.log.info('agent has a new key', { agentId: host.id });
}

/** False when the database cannot be written; nothing has changed then. */
function store({ hosts, log }: Shared, agentId: string, keys: AgentKeys): boolean {
  try {
    hosts.setKeys(agentId, keys);
    return true;
  } catch (error) {
    log.error('keys of an agent cannot be stored', { agentId, error: describeError(error) });
    return false;
  }
}
