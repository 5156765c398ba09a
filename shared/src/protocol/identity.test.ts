import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { thrownCode } from '../testing/thrown.ts';
import {
  enrolledMessage,
  enrollMessage,
  exportIdentity,
  fingerprint,
  generateIdentity,
  helloMessage,
  importIdentity,
  signBytes,
  verifyBytes,
  welcomeMessage,
  type HandshakeParts,
} from './identity.ts';

const identity = generateIdentity();
const PARTS: HandshakeParts = {
  collectorNonce: Buffer.alloc(32, 1),
  agentNonce: Buffer.alloc(32, 2),
  agentId: Buffer.alloc(16, 3),
  channelBinding: Buffer.alloc(32, 4),
  json: Buffer.from('{}'),
};

function flipped(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('identity', () => {
  it('comes back from its file', () => {
    const read = importIdentity(exportIdentity(identity));
    expect(read.publicKey).toEqual(identity.publicKey);
    expect(verifyBytes(identity.publicKey, Buffer.of(1), signBytes(read, Buffer.of(1)))).toBe(true);
  });

  it('is made of 32 bytes that differ each time', () => {
    expect(identity.publicKey).toHaveLength(32);
    expect(generateIdentity().publicKey).not.toEqual(identity.publicKey);
  });

  it.each([
    ['nothing', ''],
    ['no key', 'hello'],
    [
      'a public key',
      generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    ],
    [
      'another kind of key',
      generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
    ['a cut key', exportIdentity(identity).slice(0, 80)],
  ])('is not read from %s', (_name, pem) => {
    expect(thrownCode(() => importIdentity(pem))).toBe('AUTH_FAILED');
  });

  it('agrees with the first test vector of RFC 8032', () => {
    const publicKey = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
    const signature = Buffer.from(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
      'hex',
    );
    expect(verifyBytes(publicKey, new Uint8Array(), signature)).toBe(true);
    expect(verifyBytes(publicKey, Buffer.of(0), signature)).toBe(false);
  });

  it('has a fingerprint that people can compare', () => {
    expect(fingerprint(Buffer.alloc(32))).toBe(
      '66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925',
    );
  });
});

describe('verifyBytes', () => {
  const message = Buffer.from('message');
  const signature = signBytes(identity, message);

  it('notices a change of any byte of signature, key or message', () => {
    expect(verifyBytes(identity.publicKey, message, signature)).toBe(true);
    for (let at = 0; at < 64; at += 7) {
      expect(verifyBytes(identity.publicKey, message, flipped(signature, at))).toBe(false);
    }
    for (let at = 0; at < 32; at += 5) {
      expect(verifyBytes(flipped(identity.publicKey, at), message, signature)).toBe(false);
    }
    expect(verifyBytes(identity.publicKey, flipped(message, 0), signature)).toBe(false);
  });

  it('is false, not an error, for input that is malformed', () => {
    expect(verifyBytes(Buffer.alloc(31), message, signature)).toBe(false);
    expect(verifyBytes(Buffer.alloc(33), message, signature)).toBe(false);
    expect(verifyBytes(Buffer.alloc(32, 0xff), message, signature)).toBe(false);
    expect(verifyBytes(identity.publicKey, message, Buffer.alloc(0))).toBe(false);
    expect(verifyBytes(identity.publicKey, message, Buffer.alloc(64, 0xff))).toBe(false);
  });
});

describe('signed bytes', () => {
  const token = 'rce1_token';
  const publicKey = Buffer.alloc(32, 5);
  const { channelBinding, json } = PARTS;

  it('differ between messages, so that none can pass for another', () => {
    const all = [
      helloMessage(PARTS),
      welcomeMessage(PARTS),
      enrollMessage({ token, publicKey, channelBinding }),
      enrolledMessage({ publicKey, json }),
      // The same with the nonces exchanged: a HELLO sent back is no WELCOME.
      welcomeMessage({ ...PARTS, agentNonce: PARTS.collectorNonce, collectorNonce: PARTS.agentNonce }),
    ].map((bytes) => bytes.toString('hex'));
    expect(new Set(all).size).toBe(all.length);
  });

  it.each(['collectorNonce', 'agentNonce', 'agentId', 'channelBinding', 'json'] as const)(
    'of a handshake depend on %s',
    (part) => {
      const changed = { ...PARTS, [part]: flipped(PARTS[part], 0) };
      expect(helloMessage(changed)).not.toEqual(helloMessage(PARTS));
      expect(welcomeMessage(changed)).not.toEqual(welcomeMessage(PARTS));
    },
  );

  it('tell an absent channel binding from one of zeros', () => {
    const none = helloMessage({ ...PARTS, channelBinding: Buffer.alloc(0) });
    expect(none).not.toEqual(helloMessage({ ...PARTS, channelBinding: Buffer.alloc(32) }));
    expect(none).toHaveLength(helloMessage(PARTS).length - 32);
  });

  it('of an enrolment depend on token, key and channel binding', () => {
    const plain = enrollMessage({ token, publicKey, channelBinding });
    expect(enrollMessage({ token: 'other', publicKey, channelBinding })).not.toEqual(plain);
    expect(enrollMessage({ token, publicKey: flipped(publicKey, 0), channelBinding })).not.toEqual(plain);
    expect(enrollMessage({ token, publicKey, channelBinding: Buffer.alloc(0) })).not.toEqual(plain);
    const answer = enrolledMessage({ publicKey, json });
    expect(enrolledMessage({ publicKey: flipped(publicKey, 0), json })).not.toEqual(answer);
    expect(enrolledMessage({ publicKey, json: flipped(json, 0) })).not.toEqual(answer);
  });

  it('are not made of parts of a wrong length', () => {
    expect(() => helloMessage({ ...PARTS, agentNonce: Buffer.alloc(31) })).toThrow('length of a signed part');
    expect(() => helloMessage({ ...PARTS, agentId: Buffer.alloc(17) })).toThrow('length of a signed part');
    expect(() => welcomeMessage({ ...PARTS, channelBinding: Buffer.alloc(256) })).toThrow('channel binding');
  });
});
