import { describe, expect, it } from 'vitest';
import { decodeFrame } from './frame.ts';
import { generateIdentity } from './identity.ts';
import { decodeKeyNext, decodeKeyOk, encodeKeyNext, encodeKeyOk, isVouchedFor } from './key-rotation.ts';

const agentId = Buffer.alloc(16, 1);
const [old, next, other] = [generateIdentity(), generateIdentity(), generateIdentity()];
const signer = { agentId, publicKey: old.publicKey };
const bodyOf = (bytes: Buffer): Buffer => decodeFrame(bytes).body;

describe('KEY_NEXT', () => {
  it('is good for the agent and the keys that made it', () => {
    const offer = decodeKeyNext(bodyOf(encodeKeyNext({ agentId, old, next })));
    expect(offer.publicKey).toEqual(next.publicKey);
    expect(isVouchedFor(offer, signer)).toBe(true);
  });

  it('is good for no other agent, and for no other old key', () => {
    const offer = decodeKeyNext(bodyOf(encodeKeyNext({ agentId, old, next })));
    expect(isVouchedFor(offer, { ...signer, agentId: Buffer.alloc(16, 2) })).toBe(false);
    expect(isVouchedFor(offer, { ...signer, publicKey: other.publicKey })).toBe(false);
  });

  it('has no key taken for new that its sender does not hold', () => {
    const mine = decodeKeyNext(bodyOf(encodeKeyNext({ agentId, old, next })));
    expect(isVouchedFor({ ...mine, publicKey: other.publicKey }, signer)).toBe(false);
    expect(isVouchedFor({ ...mine, signatureOfNew: mine.signatureOfOld }, signer)).toBe(false);
  });

  it('fails with any bit changed', () => {
    const body = bodyOf(encodeKeyNext({ agentId, old, next }));
    for (let at = 0; at < body.length; at++) {
      const changed = Buffer.from(body);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(isVouchedFor(decodeKeyNext(changed), signer), `byte ${at}`).toBe(false);
    }
  });

  it.each([0, 159, 161])('of %i bytes is refused', (length) => {
    expect(() => decodeKeyNext(Buffer.alloc(length))).toThrow(/KEY_NEXT of \d+ bytes, expected 160/);
  });
});

describe('KEY_OK', () => {
  it('names the key', () => {
    expect(decodeKeyOk(bodyOf(encodeKeyOk(next.publicKey)))).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each(['{}', '{"key":"zz"}', `{"key":"${'A'.repeat(64)}"}`])('is refused as %s', (json) => {
    expect(() => decodeKeyOk(Buffer.from(json))).toThrow(/KEY_OK.key/);
  });
});
