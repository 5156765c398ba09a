/** The two messages of the handshake that the collector sends. */
import { CONFIG_FEATURE } from '@rollcall/shared/protocol/agent-config.ts';
import { encodeFrame, FRAME_FLAG_JSON, MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import {
  encodeChallenge,
  encodeWelcome,
  type EpochMark,
  type Hello,
} from '@rollcall/shared/protocol/handshake.ts';
import { fingerprint, type Identity } from '@rollcall/shared/protocol/identity.ts';
import { ROTATE_FEATURE } from '@rollcall/shared/protocol/key-rotation.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { COLUMNS_FEATURE, PACK_FEATURE } from '@rollcall/shared/protocol/pack.ts';
import { PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from '@rollcall/shared/protocol/version.ts';

/** What this collector can do beyond the version. */
const FEATURES: readonly string[] = [PACK_FEATURE, COLUMNS_FEATURE, ROTATE_FEATURE, CONFIG_FEATURE];

/** @param channelBinding empty where both ends do not share a TLS session */
export function challengeFrame(identity: Identity, nonce: Buffer, channelBinding: Buffer): Buffer {
  const challenge = encodeChallenge({
    versionMin: PROTOCOL_VERSION_MIN,
    versionMax: PROTOCOL_VERSION,
    nonce,
    binding: channelBinding.length > 0 ? 'exporter' : 'none',
    keys: [fingerprint(identity.publicKey)],
    features: [CONFIG_FEATURE],
  });
  return encodeFrame({ type: MESSAGE.CHALLENGE, flags: FRAME_FLAG_JSON, body: [challenge] });
}

/** The signed answer to a HELLO that was accepted; offers the generation after the agent's own. */
export function welcomeFrame(
  hello: Hello,
  options: {
    readonly identity: Identity;
    readonly collectorNonce: Buffer;
    readonly channelBinding: Buffer;
    readonly storeId: string;
    readonly wallMs: number;
    readonly marks: readonly EpochMark[];
    readonly creditLimit: number;
    readonly mustRotateEpoch: boolean;
  },
): Buffer {
  const { storeId, wallMs, marks, creditLimit, mustRotateEpoch, ...signing } = options;
  const welcome = {
    version: hello.version,
    features: hello.features.filter((feature) => FEATURES.includes(feature)),
    storeId,
    wallMs,
    marks,
    creditLimit,
    generation: hello.generation + 1,
    mustRotateEpoch,
    heartbeatMs: LIMITS.heartbeatMs,
  };
  const body = encodeWelcome(welcome, { ...signing, agentNonce: hello.nonce, agentId: hello.agentId });
  return encodeFrame({ type: MESSAGE.WELCOME, flags: FRAME_FLAG_JSON, body: [body] });
}
