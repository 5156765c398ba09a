/** Where agents come in: enrolment, and the gateway to which they send. */
import { Enrolment } from '../fleet/enrolment.ts';
import { EnrolmentTokens } from '../fleet/tokens.ts';
import { createGateway, type Gateway } from '../gateway/gateway.ts';
import type { Basics } from './basics.ts';
import type { DataDir } from './data-dir.ts';
import type { Fleet } from './fleet.ts';

/** Lets nobody in before a server hands it sockets. */
export function openGateway(
  { clock, log, random, randomBytes, metrics, onStop }: Basics,
  { identity, journal }: DataDir,
  { hosts, presence, vitals, inventory, configs }: Fleet,
): Gateway {
  const gateway = createGateway({
    clock,
    log,
    randomBytes,
    random,
    identity,
    journal,
    hosts,
    presence,
    vitals,
    inventory,
    configs,
    counters: { count: (name, reason, by) => metrics.increment(`rollcall_gateway_${name}`, { reason }, by) },
    addressOf: (request) => request.socket.remoteAddress ?? '',
  });
  onStop(() => gateway.close());
  return gateway;
}

/** Owns nothing that needs closing. */
export function createEnrolment(
  { clock, log, randomBytes, metrics }: Basics,
  { identity, state, journal }: DataDir,
  { hosts }: Fleet,
): Enrolment {
  return new Enrolment({
    database: state,
    tokens: new EnrolmentTokens({ database: state, clock, randomBytes }),
    hosts,
    identity,
    storeId: journal.storeId,
    clock,
    randomBytes,
    log,
    counted: (outcome) => metrics.increment('rollcall_enrolments_total', { outcome }),
  });
}
