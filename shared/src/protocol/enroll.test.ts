import { describe, expect, it } from 'vitest';
import { thrownCode } from '../testing/thrown.ts';
import {
  decodeEnrollAnswer,
  decodeEnrollRequest,
  encodeEnrollAnswer,
  encodeEnrollRequest,
  TOKEN_PATTERN,
  TOKEN_PREFIX,
  type EnrollAnswer,
} from './enroll.ts';
import { enrolledMessage, generateIdentity, signBytes, verifyBytes } from './identity.ts';
import { jsonBytes, parseJsonObject } from './json.ts';
import { LIMITS } from './limits.ts';

const TOKEN = `${TOKEN_PREFIX}${'0aZ9'.repeat(4)}_${'a-_Z'.repeat(10)}abc_0123abcd`;
const REQUEST = {
  token: TOKEN,
  publicKey: Buffer.alloc(32, 1),
  proof: Buffer.alloc(64, 2),
  hostName: 'größe',
  machineId: '',
  agentVersion: '0.1.0',
  platform: 'linux',
};
const collector = generateIdentity();
const ANSWER: EnrollAnswer = {
  agentId: Buffer.alloc(16, 3),
  storeId: 'ab'.repeat(16),
  identityKeys: [collector.publicKey],
};

function answerBytes(answer: EnrollAnswer): Buffer {
  return encodeEnrollAnswer(answer, (json) =>
    signBytes(collector, enrolledMessage({ publicKey: REQUEST.publicKey, json })),
  );
}

describe('token', () => {
  it('has a visible prefix, an id, a secret and a checksum', () => {
    expect(TOKEN_PATTERN.exec(TOKEN)?.slice(1)).toEqual([
      '0aZ9'.repeat(4),
      `${'a-_Z'.repeat(10)}abc`,
      '0123abcd',
    ]);
  });

  it.each([
    ['no prefix', TOKEN.slice(5)],
    ['white space', `${TOKEN}\n`],
    ['a short secret', TOKEN.replace('_a', '_')],
    ['a checksum in upper case', TOKEN.replace('abcd', 'ABCD')],
    ['another version', TOKEN.replace('rce1', 'rce2')],
    ['a sign in the id', TOKEN.replace('0aZ9', '0a-9')],
  ])('is not one with %s', (_name, text) => {
    expect(TOKEN_PATTERN.test(text)).toBe(false);
  });
});

describe('enrolment request', () => {
  it('comes back as it was', () => {
    expect(decodeEnrollRequest(encodeEnrollRequest(REQUEST))).toEqual(REQUEST);
  });

  it.each<readonly [string, Record<string, unknown>]>([
    ['a key of 31 bytes', { publicKey: Buffer.alloc(31).toString('base64url') }],
    ['no proof', { proof: undefined }],
    ['a token of a kilobyte', { token: 'x'.repeat(1_024) }],
    ['a field that we do not know', { isAdmin: true }],
    ['a host name that is a list', { hostName: ['x'] }],
  ])('is refused with %s', (_name, change) => {
    const fields = { ...parseJsonObject(encodeEnrollRequest(REQUEST)), ...change };
    expect(thrownCode(() => decodeEnrollRequest(jsonBytes(fields)))).toBe('PROTOCOL_ERROR');
  });

  it('is refused above 16 KiB', () => {
    const body = Buffer.alloc(LIMITS.enrollBytes + 1, ' ');
    expect(thrownCode(() => decodeEnrollRequest(body))).toBe('LIMIT_EXCEEDED');
  });
});

describe('enrolment answer', () => {
  it('comes back as it was, with what the signature covers', () => {
    const { answer, json, signature } = decodeEnrollAnswer(answerBytes(ANSWER));
    expect(answer).toEqual(ANSWER);
    const { publicKey } = REQUEST;
    expect(verifyBytes(collector.publicKey, enrolledMessage({ publicKey, json }), signature)).toBe(true);
    const other = generateIdentity().publicKey;
    expect(verifyBytes(collector.publicKey, enrolledMessage({ publicKey: other, json }), signature)).toBe(
      false,
    );
  });

  it.each<readonly [string, readonly Buffer[]]>([
    ['no identity key', []],
    ['a short identity key', [Buffer.alloc(31)]],
    ['too many identity keys', Array.from({ length: 5 }, () => Buffer.alloc(32))],
  ])('is refused with %s', (_name, identityKeys) => {
    expect(thrownCode(() => decodeEnrollAnswer(answerBytes({ ...ANSWER, identityKeys })))).toBe(
      'PROTOCOL_ERROR',
    );
  });

  it('is refused when the signed part is no JSON', () => {
    const body = jsonBytes({ content: 'AAAA', signature: Buffer.alloc(64).toString('base64url') });
    expect(thrownCode(() => decodeEnrollAnswer(body))).toBe('PROTOCOL_ERROR');
  });
});
