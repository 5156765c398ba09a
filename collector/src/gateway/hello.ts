/** Judges a HELLO: the checks of the handshake in their fixed order, cheap ones first. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { decodeHello, type Hello, type SignedBody } from '@rollcall/shared/protocol/handshake.ts';
import { generateIdentity, helloMessage, verifyBytes } from '@rollcall/shared/protocol/identity.ts';
import { PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from '@rollcall/shared/protocol/version.ts';
import { addressKey, KeyedBuckets, TokenBucket } from '../fleet/buckets.ts';
import type { Host, Hosts } from '../fleet/hosts.ts';

const FAILURES_PER_ADDRESS = { burst: 10, perSecond: 10 / 60 };
const FAILURES_PER_AGENT = { burst: 5, perSecond: 5 / 60 };
const FAILURES_IN_ALL = { burst: 200, perSecond: 200 };
const KEYS_MAX = 10_000;

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
  readonly address: string;
  /** Of the CHALLENGE of this very connection. */
  readonly collectorNonce: Buffer;
  readonly channelBinding: Buffer;
}

export class HelloJudge {
  readonly #hosts: Hosts;
  readonly #clock: Clock;
  readonly #byAddress = new KeyedBuckets(FAILURES_PER_ADDRESS, KEYS_MAX);
  readonly #byAgent = new KeyedBuckets(FAILURES_PER_AGENT, KEYS_MAX);
  readonly #inAll: TokenBucket;
  /** Unknown agents are verified against a key that nobody has, so that they take as long as known ones. */
  readonly #dummyKey = generateIdentity().publicKey;

  constructor(options: { readonly hosts: Hosts; readonly clock: Clock }) {
    this.#hosts = options.hosts;
    this.#clock = options.clock;
    this.#inAll = new TokenBucket(FAILURES_IN_ALL, this.#clock.monoMs());
  }

  /** Changes nothing but the counts of failures. */
  judge(body: Buffer, peer: HelloPeer): HelloVerdict {
    const nowMs = this.#clock.monoMs();
    const address = addressKey(peer.address);
    let signed: SignedBody<Hello>;
    try {
      signed = decodeHello(body);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#failed(address, undefined, nowMs);
      return refuse(error.code, error.message);
    }
    const { version, agentId: agentIdBytes, generation } = signed.content;
    if (version < PROTOCOL_VERSION_MIN || version > PROTOCOL_VERSION) {
      const range = `${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}`;
      return refuse('UPGRADE_NEEDED', `protocol version ${version} is not supported, only ${range}`);
    }
    const agentId = agentIdBytes.toString('hex');
    if (
      this.#inAll.isEmpty(nowMs) ||
      this.#byAddress.isEmpty(address, nowMs) ||
      this.#byAgent.isEmpty(agentId, nowMs)
    ) {
      return refuse('SLOW_DOWN', 'too many failed logins; try again in a minute');
    }
    const host = this.#hosts.get(agentId);
    if (!this.#isGenuine(signed, host, peer) || host === undefined) {
      this.#failed(address, agentId, nowMs);
      return refuse('AUTH_FAILED', AUTH_FAILED_TEXT);
    }
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
      generation: verdict,
      mustRotateEpoch: host.mustRotateEpoch,
    };
  }

  #isGenuine(signed: SignedBody<Hello>, host: Host | undefined, peer: HelloPeer): boolean {
    const { content, json, signature } = signed;
    const message = helloMessage({
      collectorNonce: peer.collectorNonce,
      agentNonce: content.nonce,
      agentId: content.agentId,
      channelBinding: peer.channelBinding,
      json,
    });
    return verifyBytes(host?.publicKey ?? this.#dummyKey, message, signature);
  }

  #failed(address: string, agentId: string | undefined, nowMs: number): void {
    this.#inAll.take(nowMs);
    this.#byAddress.take(address, nowMs);
    if (agentId !== undefined) this.#byAgent.take(agentId, nowMs);
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
