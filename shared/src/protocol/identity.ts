/**
 * Ed25519 keys (RFC 8032) in the forms that the protocol uses: 32 raw bytes for public keys, 64 for signatures, and
 * the exact bytes that each signature covers. docs/protocol.md lists them.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';

/** A raw Ed25519 public key. */
export const PUBLIC_KEY_BYTES = 32;
/** An Ed25519 signature. */
export const SIGNATURE_BYTES = 64;
/** What each end contributes to a handshake so that nothing can be replayed. */
export const NONCE_BYTES = 32;
/** Given by the collector at enrolment. */
export const AGENT_ID_BYTES = 16;
/** Longest value of the TLS exporter that fits its length byte; ours has 32 bytes or none. */
const CHANNEL_BINDING_BYTES_MAX = 255;

/** A key pair of one end. */
export interface Identity {
  /** Raw public key. */
  readonly publicKey: Buffer;
  readonly privateKey: KeyObject;
}

/** A new key pair from the system's randomness. */
export function generateIdentity(): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { publicKey: rawPublicKey(publicKey), privateKey };
}

/** The private key as PKCS #8 PEM, to be stored in a file of mode 0600. */
export function exportIdentity(identity: Identity): string {
  return identity.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/**
 * The key pair in what `exportIdentity` wrote.
 * @throws AppError AUTH_FAILED when the text is no Ed25519 private key
 */
export function importIdentity(pem: string): Identity {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch (error) {
    throw new AppError('AUTH_FAILED', 'the key file does not hold a private key in PEM form', {
      cause: error,
    });
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new AppError('AUTH_FAILED', `the key is of type ${privateKey.asymmetricKeyType}, expected ed25519`);
  }
  return { publicKey: rawPublicKey(createPublicKey(privateKey)), privateKey };
}

/** SHA-256 of a raw public key, hexadecimal: how people compare keys. */
export function fingerprint(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex');
}

/** A 64-byte signature. */
export function signBytes(identity: Identity, message: Uint8Array): Buffer {
  return sign(null, message, identity.privateKey);
}

/** Whether `signature` over `message` was made with the private half of the raw key; false for malformed input. */
export function verifyBytes(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') },
      format: 'jwk',
    });
    return verify(null, message, key, signature);
  } catch {
    // Bytes that are no point of the curve are a wrong key like any other.
    return false;
  }
}

/** What both signatures of a handshake are made over. Parts of another length are a bug and throw. */
export interface HandshakeParts {
  readonly collectorNonce: Uint8Array;
  readonly agentNonce: Uint8Array;
  readonly agentId: Uint8Array;
  /** Value of the TLS exporter; empty where the two ends do not share a TLS session. */
  readonly channelBinding: Uint8Array;
  /** The JSON as it travels. */
  readonly json: Uint8Array;
}

/** The bytes that HELLO's signature covers. */
export function helloMessage(parts: HandshakeParts): Buffer {
  return Buffer.concat([
    Buffer.from('rollcall.agent.v1/hello\0'),
    exactly(NONCE_BYTES, parts.collectorNonce),
    exactly(NONCE_BYTES, parts.agentNonce),
    exactly(AGENT_ID_BYTES, parts.agentId),
    lengthPrefixed(parts.channelBinding),
    sha256(parts.json),
  ]);
}

/** The bytes that WELCOME's signature covers; the nonces change places, so neither message can pass for the other. */
export function welcomeMessage(parts: HandshakeParts): Buffer {
  return Buffer.concat([
    Buffer.from('rollcall.agent.v1/welcome\0'),
    exactly(NONCE_BYTES, parts.agentNonce),
    exactly(NONCE_BYTES, parts.collectorNonce),
    exactly(AGENT_ID_BYTES, parts.agentId),
    lengthPrefixed(parts.channelBinding),
    sha256(parts.json),
  ]);
}

/** What the proof in an enrolment request covers: it binds the token to the key that is being enrolled. */
export function enrollMessage(parts: {
  readonly token: string;
  readonly publicKey: Uint8Array;
  readonly channelBinding: Uint8Array;
}): Buffer {
  return Buffer.concat([
    Buffer.from('rollcall.agent.v1/enroll\0'),
    sha256(Buffer.from(parts.token)),
    exactly(PUBLIC_KEY_BYTES, parts.publicKey),
    lengthPrefixed(parts.channelBinding),
  ]);
}

/**
 * What the signature of the collector's answer to an enrolment covers.
 * @param parts.publicKey the agent's key, so that the answer fits one enrolment only
 */
export function enrolledMessage(parts: {
  readonly publicKey: Uint8Array;
  readonly json: Uint8Array;
}): Buffer {
  return Buffer.concat([
    Buffer.from('rollcall.agent.v1/enrolled\0'),
    exactly(PUBLIC_KEY_BYTES, parts.publicKey),
    sha256(parts.json),
  ]);
}

/**
 * What both signatures of KEY_NEXT cover.
 * @param parts.publicKey the new key
 */
export function rotateMessage(parts: {
  readonly agentId: Uint8Array;
  readonly publicKey: Uint8Array;
}): Buffer {
  return Buffer.concat([
    Buffer.from('rollcall.agent.v1/rotate\0'),
    exactly(AGENT_ID_BYTES, parts.agentId),
    exactly(PUBLIC_KEY_BYTES, parts.publicKey),
  ]);
}

/**
 * What the signature of CONFIG covers: settings are for one agent.
 * @param parts.json as it travels
 */
export function configMessage(parts: { readonly agentId: Uint8Array; readonly json: Uint8Array }): Buffer {
  return Buffer.concat([
    Buffer.from('rollcall.agent.v1/config\0'),
    exactly(AGENT_ID_BYTES, parts.agentId),
    sha256(parts.json),
  ]);
}

function rawPublicKey(key: KeyObject): Buffer {
  const { x } = key.export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url');
}

/** Without fixed lengths the end of one part could pass for the start of the next. */
function exactly(length: number, bytes: Uint8Array): Uint8Array {
  assert(bytes.length === length, 'length of a signed part');
  return bytes;
}

function lengthPrefixed(bytes: Uint8Array): Buffer {
  assert(bytes.length <= CHANNEL_BINDING_BYTES_MAX, 'length of the channel binding');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
