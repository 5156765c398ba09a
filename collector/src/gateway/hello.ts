/**
 * Judges a HELLO: the checks of the handshake in their fixed order, cheap ones first. It knows nothing of failures before:
 * whoever counted them by the name or the address of a host could keep that host out by failing in its place. What checking
 * signatures costs at most is bounded by the sockets that the gateway lets in.
 */
import { AppError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { decodeHello, type Hello, type SignedBody } from '@rollcall/shared/protocol/handshake.ts';
import { generateIdentity, helloMessage, verifyBytes } from '@rollcall/shared/protocol/identity.ts';
import { PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from '@rollcall/shared/protocol/version.ts';
import type { KeyRole } from '../fleet/agent-keys.ts';
import type { Host, Hosts } from '../fleet/hosts.ts';

/** The same for whatever may be wrong with a peer's identity. */
const AUTH_FAILED_TEXT = 'the agent is unknown or its signature is wrong';

/** `behind` is refused; the others say how the generation compares with what was confirmed and offered. */
export type GenerationVerdict = 'expected' | 'ahead' | 'restored';

export type HelloVerdict =
  | {
      readonly kind: 'accepted';
      readonly hello: Hello;
      /** 32 hexadecimal digits. */
      readonly agentId: string;
      readonly host: Host;
      /** Which of its keys the agent has signed with. */
      readonly key: KeyRole;
      readonly generation: GenerationVerdict;
      readonly mustRotateEpoch: boolean;
    }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly text: string;
      /** The agent whose key was presented, for IDENTITY_CONFLICT. */
      readonly agentId: string | undefined;
    };

/** What the collector knows of the connection by itself. */
export interface HelloPeer {
  /** Of the CHALLENGE of this very connection. */
  readonly collectorNonce: Buffer;
  readonly channelBinding: Buffer;
}

export class HelloJudge {
  readonly #hosts: Hosts;
  /** Unknown agents are verified against a key that nobody has, so that they take as long as known ones. */
  readonly #dummyKey = generateIdentity().publicKey;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
  }

  /** Changes nothing. */
  judge(body: Buffer, peer: HelloPeer): HelloVerdict {
    let signed: SignedBody<Hello>;
    try {
      signed = decodeHello(body);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return refuse(error.code, error.message);
    }
    const { version, agentId: agentIdBytes, generation } = signed.content;
    if (version < PROTOCOL_VERSION_MIN || version > PROTOCOL_VERSION) {
      const range = `${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}`;
      return refuse('UPGRADE_NEEDED', `protocol version ${version} is not supported, only ${range}`);
    }
    const agentId = agentIdBytes.toString('hex');
    const host = this.#hosts.get(agentId);
    const key = this.#keyOf(signed, host, peer);
    if (key === undefined || host === undefined) return refuse('AUTH_FAILED', AUTH_FAILED_TEXT);
    if (host.revokedMs !== null || this.#hosts.isRevoked(agentId)) {
      return refuse('REVOKED', 'this agent has been revoked');
    }
    const verdict = compareGeneration(generation, host);
    if (verdict === 'behind') {
      const text = `generation ${generation} is of the past: the key of this agent is in use on two machines`;
      return { ...refuse('IDENTITY_CONFLICT', text), agentId };
    }
    return {
      kind: 'accepted',
      hello: signed.content,
      agentId,
      host,
      key,
      generation: verdict,
      mustRotateEpoch: host.mustRotateEpoch,
    };
  }

  /** The key that the HELLO was signed with, undefined when it is none of the host's. */
  #keyOf(signed: SignedBody<Hello>, host: Host | undefined, peer: HelloPeer): KeyRole | undefined {
    const { content, json, signature } = signed;
    const message = helloMessage({
      collectorNonce: peer.collectorNonce,
      agentNonce: content.nonce,
      agentId: content.agentId,
      channelBinding: peer.channelBinding,
      json,
    });
    if (verifyBytes(host?.publicKey ?? this.#dummyKey, message, signature)) return 'current';
    const next = host?.nextPublicKey ?? null;
    return next !== null && verifyBytes(next, message, signature) ? 'next' : undefined;
  }
}

/**
 * The agent has the confirmed generation, or the one above it, which every WELCOME offers. A lower one exists on a
 * second machine as well; a higher one means that our database is older than the agent.
 */
function compareGeneration(generation: number, host: Host): GenerationVerdict | 'behind' {
  if (host.mustRotateEpoch) return 'restored';
  if (generation < host.generation) return 'behind';
  return generation > host.generation + 1 ? 'ahead' : 'expected';
}

function refuse(code: ErrorCode, text: string): Extract<HelloVerdict, { kind: 'refused' }> {
  return { kind: 'refused', code, text, agentId: undefined };
}
