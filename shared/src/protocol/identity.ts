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
import { AppError } from '../lib/errors.ts';

export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const NONCE_BYTES = 32;
export const AGENT_ID_BYTES = 16;

/** A key pair of one end. */
export interface Identity {
  /** Raw public key. */
  readonly publicKey: Buffer;
  readonly privateKey: KeyObject;
}

export function generateIdentity(): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { publicKey: rawPublicKey(publicKey), privateKey };
}

/** The private key as PKCS #8 PEM, to be stored in a file of mode 0600. */
export function exportIdentity(identity: Identity): string {
  return identity.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** @throws AppError AUTH_FAILED when the text is no Ed25519 private key */
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

/** What HELLO's signature covers; `channelBinding` is empty where both ends do not share a TLS session. */
export function helloMessage(parts: {
  readonly collectorNonce: Uint8Array;
  readonly agentNonce: Uint8Array;
  readonly agentId: Uint8Array;
  readonly channelBinding: Uint8Array;
  readonly json: Uint8Array;
}): Buffer {
  return Buffer.concat([
    Buffer.from('rollcall.agent.v1/hello\0'),
    parts.collectorNonce,
    parts.agentNonce,
    parts.agentId,
    lengthPrefixed(parts.channelBinding),
    sha256(parts.json),
  ]);
}

/** What WELCOME's signature covers. */
export function welcomeMessage(parts: {
  readonly collectorNonce: Uint8Array;
  readonly agentNonce: Uint8Array;
  readonly agentId: Uint8Array;
  readonly channelBinding: Uint8Array;
  readonly json: Uint8Array;
}): Buffer {
  return Buffer.concat([
    Buffer.from('rollcall.agent.v1/welcome\0'),
    parts.agentNonce,
    parts.collectorNonce,
    parts.agentId,
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
    parts.publicKey,
    lengthPrefixed(parts.channelBinding),
  ]);
}

/** What the signature of the collector's answer to an enrolment covers. */
export function enrolledMessage(parts: {
  readonly publicKey: Uint8Array;
  readonly json: Uint8Array;
}): Buffer {
  return Buffer.concat([Buffer.from('rollcall.agent.v1/enrolled\0'), parts.publicKey, sha256(parts.json)]);
}

function rawPublicKey(key: KeyObject): Buffer {
  const { x } = key.export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url');
}

function lengthPrefixed(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
