/** The agent's half of the handshake: what it answers to a CHALLENGE, and what it accepts as a WELCOME. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { CONFIG_FEATURE } from '@rollcall/shared/protocol/agent-config.ts';
import {
  decodeWelcome,
  encodeHello,
  type Challenge,
  type ChannelBinding,
  type OsFacts,
  type Vitals,
  type Welcome,
} from '@rollcall/shared/protocol/handshake.ts';
import { verifyBytes, welcomeMessage, type Identity } from '@rollcall/shared/protocol/identity.ts';
import { ROTATE_FEATURE } from '@rollcall/shared/protocol/key-rotation.ts';
import { COLUMNS_FEATURE, PACK_FEATURE } from '@rollcall/shared/protocol/pack.ts';
import { PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from '@rollcall/shared/protocol/version.ts';
import type { Spool } from '../spool/spool.ts';
import type { AgentIdentity, IdentityStore } from './identity.ts';

/** What the agent says about the machine in HELLO. */
export interface AgentFacts {
  readonly hostName: string;
  /** Names the boot of the operating system, '' when unknown. */
  readonly bootId: string;
  readonly agentVersion: string;
  readonly os: OsFacts;
}

/** What must be remembered of a HELLO to check the WELCOME. */
export interface Handshake {
  readonly version: number;
  readonly collectorNonce: Buffer;
  readonly agentNonce: Buffer;
  readonly channelBinding: Buffer;
  readonly binding: ChannelBinding;
  /** The epochs that this session is about. */
  readonly epochIds: ReadonlySet<string>;
}

/**
 * Checks that the two ends can talk at all.
 * @throws AppError UPGRADE_NEEDED, COLLECTOR_UNTRUSTED
 */
export function acceptChallenge(
  challenge: Challenge,
  options: { readonly remembered: ChannelBinding; readonly isDowngradeAllowed: boolean },
): void {
  const { versionMin, versionMax, binding } = challenge;
  if (versionMin > PROTOCOL_VERSION || versionMax < PROTOCOL_VERSION_MIN) {
    const theirs = `${versionMin} to ${versionMax}`;
    throw new AppError(
      'UPGRADE_NEEDED',
      `the collector speaks protocol versions ${theirs}, this agent ${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}`,
    );
  }
  if (binding === 'none' && options.remembered === 'exporter' && !options.isDowngradeAllowed) {
    throw new AppError(
      'COLLECTOR_UNTRUSTED',
      'the collector no longer binds the session to TLS as it used to; if a proxy was put in front of it, enrol again',
    );
  }
}

/** The body of HELLO, and what is needed to check the answer to it. */
export function answerChallenge(
  challenge: Challenge,
  options: {
    readonly channelBinding: Buffer;
    readonly agentNonce: Buffer;
    readonly spool: Spool;
    readonly clock: Clock;
    readonly facts: AgentFacts;
    readonly identity: IdentityStore;
    /** The keys to sign with. */
    readonly keys: Identity;
    readonly vitals: Vitals | null;
    /** Of the settings of the collector that are in force; undefined when none are taken. */
    readonly configVersion: number | undefined;
  },
): { readonly body: Buffer; readonly handshake: Handshake } {
  const { channelBinding, agentNonce, spool, clock, facts, identity, configVersion } = options;
  const isConfigRead = challenge.features?.includes(CONFIG_FEATURE) === true && configVersion !== undefined;
  const version = Math.min(challenge.versionMax, PROTOCOL_VERSION);
  const epochs = spool.epochs();
  const { bytesHeld, isDurable } = spool.stats();
  const { generation, storeId } = identity.facts();
  const body = encodeHello(
    {
      version,
      features: [
        PACK_FEATURE,
        COLUMNS_FEATURE,
        ROTATE_FEATURE,
        ...(configVersion === undefined ? [] : [CONFIG_FEATURE]),
      ],
      agentId: identity.identity.agentId,
      nonce: agentNonce,
      generation,
      storeId,
      epochs,
      bytesHeld,
      isDurable,
      hostName: facts.hostName,
      bootId: facts.bootId,
      upMs: Math.max(0, Math.round(clock.bootMs())),
      wallMs: Math.max(0, Math.round(clock.wallMs())),
      agentVersion: facts.agentVersion,
      os: facts.os,
      vitals: options.vitals,
      ...(isConfigRead ? { configVersion } : {}),
    },
    { identity: options.keys, collectorNonce: challenge.nonce, channelBinding },
  );
  const epochIds = new Set(epochs.map(({ id }) => id));
  const { nonce: collectorNonce, binding } = challenge;
  return { body, handshake: { version, collectorNonce, agentNonce, channelBinding, binding, epochIds } };
}

/**
 * Reads a WELCOME after it has proved to come from the collector that this agent was enrolled with.
 * @throws AppError COLLECTOR_UNTRUSTED, PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function readWelcome(
  body: Buffer,
  options: { readonly handshake: Handshake; readonly identity: AgentIdentity },
): Welcome {
  const { handshake, identity } = options;
  const { signature, json, content } = decodeWelcome(body);
  const message = welcomeMessage({ ...handshake, agentId: identity.agentId, json });
  if (!identity.collectorKeys.some((key) => verifyBytes(key, message, signature))) {
    throw new AppError(
      'COLLECTOR_UNTRUSTED',
      "the collector's signature does not match the identity pinned at enrolment; nothing was sent to it",
    );
  }
  if (content.version !== handshake.version) {
    throw new AppError(
      'PROTOCOL_ERROR',
      `WELCOME chose version ${content.version}, HELLO ${handshake.version}`,
    );
  }
  return content;
}
