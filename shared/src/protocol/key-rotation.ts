/**
 * KEY_NEXT and KEY_OK: an agent gets itself a new key. The old key vouches for the new one, and the new one for itself, so
 * that nobody can have a key stored that he does not hold. docs/protocol.md, "A new key".
 */
import { AppError } from '../lib/errors.ts';
import { encodeFrame, MESSAGE } from './frame.ts';
import {
  fingerprint,
  PUBLIC_KEY_BYTES,
  rotateMessage,
  SIGNATURE_BYTES,
  signBytes,
  verifyBytes,
  type Identity,
} from './identity.ts';
import { JsonReader, parseJsonObject } from './json.ts';
import { encodeJsonFrame } from './messages.ts';

/** Both ends name it in HELLO and WELCOME when they can. */
export const ROTATE_FEATURE = 'rotate';

const OFFER_BYTES = PUBLIC_KEY_BYTES + 2 * SIGNATURE_BYTES;
const FINGERPRINT = /^[0-9a-f]{64}$/;

/** A new key with what vouches for it; nothing is verified yet. */
export interface KeyOffer {
  /** Raw Ed25519 key. */
  readonly publicKey: Buffer;
  readonly signatureOfOld: Buffer;
  readonly signatureOfNew: Buffer;
}

/** KEY_NEXT: the agent has a new key, stored durably, and asks to be known by it. */
export function encodeKeyNext(options: {
  readonly agentId: Uint8Array;
  readonly old: Identity;
  readonly next: Identity;
}): Buffer {
  const { agentId, old, next } = options;
  const message = rotateMessage({ agentId, publicKey: next.publicKey });
  return encodeFrame({
    type: MESSAGE.KEY_NEXT,
    body: [next.publicKey, signBytes(old, message), signBytes(next, message)],
  });
}

/**
 * Takes a KEY_NEXT apart into copies of its parts; the caller verifies it with `isVouchedFor`.
 * @throws AppError PROTOCOL_ERROR when its length is wrong
 */
export function decodeKeyNext(body: Buffer): KeyOffer {
  if (body.length !== OFFER_BYTES) {
    throw new AppError('PROTOCOL_ERROR', `KEY_NEXT of ${body.length} bytes, expected ${OFFER_BYTES}`);
  }
  const oldAt = PUBLIC_KEY_BYTES;
  const newAt = oldAt + SIGNATURE_BYTES;
  return {
    publicKey: Buffer.from(body.subarray(0, oldAt)),
    signatureOfOld: Buffer.from(body.subarray(oldAt, newAt)),
    signatureOfNew: Buffer.from(body.subarray(newAt)),
  };
}

/**
 * Whether both keys signed the offer for this agent; costs two verifications.
 * @param signer.publicKey the key by which the agent is known
 */
export function isVouchedFor(
  offer: KeyOffer,
  signer: { readonly agentId: Uint8Array; readonly publicKey: Uint8Array },
): boolean {
  const message = rotateMessage({ agentId: signer.agentId, publicKey: offer.publicKey });
  return (
    verifyBytes(signer.publicKey, message, offer.signatureOfOld) &&
    verifyBytes(offer.publicKey, message, offer.signatureOfNew)
  );
}

/** KEY_OK: the collector has stored the new key durably; the next login may use it. */
export function encodeKeyOk(publicKey: Uint8Array): Buffer {
  return encodeJsonFrame(MESSAGE.KEY_OK, { key: fingerprint(publicKey) });
}

/**
 * Reads a KEY_OK.
 * @returns the fingerprint of the key that was stored, 64 hexadecimal digits
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeKeyOk(body: Buffer): string {
  const key = new JsonReader(parseJsonObject(body), 'KEY_OK').text('key', 64);
  if (!FINGERPRINT.test(key)) {
    throw new AppError('PROTOCOL_ERROR', 'KEY_OK.key must be 64 hexadecimal digits');
  }
  return key;
}
