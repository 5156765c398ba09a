import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thrownCode } from '../testing/thrown.ts';
import { HANDSHAKE } from '../testing/wire-examples.ts';
import {
  decodeChallenge,
  decodeHello,
  decodeVitals,
  decodeWelcome,
  encodeChallenge,
  encodeHello,
  encodeWelcome,
  finiteVitals,
  type EpochState,
  type Hello,
  type Welcome,
} from './handshake.ts';
import { generateIdentity, helloMessage, verifyBytes, welcomeMessage } from './identity.ts';
import { jsonBytes, parseJsonObject } from './json.ts';

const { agent, collector, agentId, agentNonce, collectorNonce, channelBinding } = HANDSHAKE;
const PARTS = { collectorNonce, agentNonce, agentId, channelBinding };
const HELLO_SIGNING = { identity: agent, collectorNonce, channelBinding };
const WELCOME_SIGNING = { ...PARTS, identity: collector };
const U48_MAX = 2 ** 48 - 1;

const HELLO: Hello = {
  version: 1,
  features: ['zstd'],
  agentId,
  nonce: agentNonce,
  generation: 0,
  storeId: '',
  epochs: [{ id: '00000000000000ff', bootId: 'b', first: 1, next: 1, acked: 0 }],
  bytesHeld: 0,
  isDurable: false,
  hostName: 'größe',
  bootId: 'b',
  upMs: 0,
  wallMs: 0,
  agentVersion: '0.1.0',
  os: { platform: 'linux', name: 'n', kernel: 'k', arch: 'x64' },
  vitals: null,
};
const WELCOME: Welcome = {
  version: 1,
  features: [],
  storeId: 'ab',
  wallMs: 0,
  marks: [],
  creditLimit: 0,
  generation: 1,
  mustRotateEpoch: true,
  heartbeatMs: 10_000,
};

const text = (maxLength: number) =>
  fc.string({ unit: 'binary', maxLength }).filter((value) => value.length <= maxLength);
const u48 = fc.integer({ min: 1, max: U48_MAX });
const arbitraryEpoch = fc
  .record({
    id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    bootId: text(36),
    first: u48,
    more: fc.nat(),
    acked: u48,
  })
  .map(({ id, bootId, first, more, acked }): EpochState => {
    const next = Math.min(U48_MAX, first + more);
    return { id: id.toString(16).padStart(16, '0'), bootId, first, next, acked };
  });
const arbitraryHello = fc.record({
  version: fc.integer({ min: 1, max: 255 }),
  features: fc.array(text(32), { maxLength: 16 }),
  agentId: fc.constant(agentId),
  nonce: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
  generation: fc.maxSafeNat(),
  storeId: text(32),
  epochs: fc.uniqueArray(arbitraryEpoch, { minLength: 1, maxLength: 64, selector: ({ id }) => id }),
  bytesHeld: fc.maxSafeNat(),
  isDurable: fc.boolean(),
  hostName: text(64),
  bootId: text(36),
  upMs: fc.maxSafeNat(),
  wallMs: u48,
  agentVersion: text(20),
  os: fc.record({ platform: text(10), name: text(40), kernel: text(40), arch: text(10) }),
  vitals: fc.option(
    fc.record({
      cpuBusyRatio: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      fullestMountpoint: text(256),
    }),
  ),
});

/** A body with a field of its JSON changed; the signature is then wrong, which is not what decoding looks at. */
function changed(body: Buffer, change: Record<string, unknown>): Buffer {
  return Buffer.concat([
    body.subarray(0, 64),
    jsonBytes({ ...parseJsonObject(body.subarray(64)), ...change }),
  ]);
}

describe('CHALLENGE', () => {
  const challenge = {
    versionMin: 1,
    versionMax: 2,
    nonce: collectorNonce,
    binding: 'none',
    keys: ['ab'],
  } as const;

  it('comes back as it was; what a newer collector adds is ignored', () => {
    const body = encodeChallenge(challenge);
    expect(decodeChallenge(body)).toEqual(challenge);
    expect(decodeChallenge(jsonBytes({ ...parseJsonObject(body), more: [1] }))).toEqual(challenge);
  });

  it.each<readonly [string, Record<string, unknown>]>([
    ['versions as text', { v: ['1', '2'] }],
    ['one version', { v: [1] }],
    ['three versions', { v: [1, 2, 3] }],
    ['versions that throw when used as numbers', { v: [{ toString: 1, valueOf: 1 }, 1] }],
    ['no versions', { v: undefined }],
    ['an unknown binding', { binding: 'maybe' }],
    ['a short nonce', { nonce: 'AAAA' }],
    ['too many keys', { keys: ['a', 'b', 'c', 'd', 'e'] }],
  ])('is refused with %s', (_name, change) => {
    const fields = { ...parseJsonObject(encodeChallenge(challenge)), ...change };
    expect(thrownCode(() => decodeChallenge(jsonBytes(fields)))).toBe('PROTOCOL_ERROR');
  });
});

describe('HELLO', () => {
  it('comes back as it was, with a signature that verifies', () => {
    fc.assert(
      fc.property(arbitraryHello, (hello) => {
        const { content, signature, json } = decodeHello(encodeHello(hello, HELLO_SIGNING));
        expect(content).toEqual(hello);
        const covered = helloMessage({ ...PARTS, agentNonce: hello.nonce, json });
        expect(verifyBytes(agent.publicKey, covered, signature)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('does not verify after any change', () => {
    const { signature, json } = decodeHello(encodeHello(HELLO, HELLO_SIGNING));
    const verifies = (parts: typeof PARTS, bytes = json, key = agent.publicKey): boolean =>
      verifyBytes(key, helloMessage({ ...parts, json: bytes }), signature);
    expect(verifies(PARTS)).toBe(true);
    expect(verifies({ ...PARTS, collectorNonce: Buffer.alloc(32) })).toBe(false);
    expect(verifies({ ...PARTS, agentNonce: Buffer.alloc(32) })).toBe(false);
    expect(verifies({ ...PARTS, agentId: Buffer.alloc(16) })).toBe(false);
    expect(verifies({ ...PARTS, channelBinding: Buffer.alloc(0) })).toBe(false);
    expect(verifies(PARTS, Buffer.concat([json, Buffer.from(' ')]))).toBe(false);
    expect(verifies(PARTS, json, generateIdentity().publicKey)).toBe(false);
    expect(verifyBytes(agent.publicKey, welcomeMessage({ ...PARTS, json }), signature)).toBe(false);
  });

  it('carries only what it should, even when it is given more', () => {
    const epochs = HELLO.epochs.map((epoch) => ({ ...epoch, path: 'secret' }));
    const os = { ...HELLO.os, serial: 'secret' };
    const body = encodeHello({ ...HELLO, epochs, os }, HELLO_SIGNING);
    expect(body.includes('secret')).toBe(false);
    expect(decodeHello(body).content).toEqual(HELLO);
  });

  it.each<readonly [string, Record<string, unknown>]>([
    ['a field that we do not know', { isAdmin: true }],
    ['no epoch', { epochs: [] }],
    ['an epoch twice', { epochs: [...HELLO.epochs, ...HELLO.epochs] }],
    ['too many epochs', { epochs: Array.from({ length: 65 }, () => HELLO.epochs[0]) }],
    ['an epoch id in upper case', { epochs: [{ ...HELLO.epochs[0], id: '00000000000000FF' }] }],
    ['an epoch that holds what it has not numbered', { epochs: [{ ...HELLO.epochs[0], first: 2 }] }],
    ['an unknown field in an epoch', { epochs: [{ ...HELLO.epochs[0], x: 1 }] }],
    ['a number beyond 48 bits', { epochs: [{ ...HELLO.epochs[0], next: 2 ** 48 }] }],
    ['an unknown field in os', { os: { ...HELLO.os, x: 1 } }],
    ['version 0', { v: 0 }],
    ['a vital that is a text', { vitals: { cpuBusyRatio: 'high' } }],
    ['a vital with a strange name', { vitals: { 'a b': 1 } }],
    ['no nonce', { nonce: undefined }],
  ])('is refused with %s', (_name, change) => {
    const body = changed(encodeHello(HELLO, HELLO_SIGNING), change);
    expect(thrownCode(() => decodeHello(body))).toBe('PROTOCOL_ERROR');
  });

  it('is refused when it is no longer than its signature', () => {
    expect(thrownCode(() => decodeHello(Buffer.alloc(64)))).toBe('PROTOCOL_ERROR');
  });

  it('is as small as a message of JSON may be, with everything that it may hold', () => {
    const epoch = {
      id: 'f'.repeat(16),
      bootId: 'x'.repeat(64),
      first: U48_MAX,
      next: U48_MAX,
      acked: U48_MAX,
    };
    const epochs = Array.from({ length: 64 }, (_unused, i) => ({ ...epoch, id: `${i}`.padStart(16, '0') }));
    expect(decodeHello(encodeHello({ ...HELLO, epochs }, HELLO_SIGNING)).content.epochs).toHaveLength(64);
  });
});

describe('WELCOME', () => {
  it('comes back as it was, with a signature that verifies; what a newer collector adds is ignored', () => {
    const marks = [{ id: '00000000000000ff', watermark: U48_MAX, crcs: [{ seq: 1, crc: 2 ** 32 - 1 }] }];
    const body = encodeWelcome({ ...WELCOME, marks }, WELCOME_SIGNING);
    const { content, signature, json } = decodeWelcome(body);
    expect(content).toEqual({ ...WELCOME, marks });
    expect(verifyBytes(collector.publicKey, welcomeMessage({ ...PARTS, json }), signature)).toBe(true);
    expect(verifyBytes(agent.publicKey, welcomeMessage({ ...PARTS, json }), signature)).toBe(false);
    expect(verifyBytes(collector.publicKey, helloMessage({ ...PARTS, json }), signature)).toBe(false);
    expect(decodeWelcome(changed(body, { more: 1 })).content).toEqual(content);
  });

  it.each<readonly [string, Record<string, unknown>]>([
    [
      'a checksum beyond 32 bits',
      { marks: [{ id: '00000000000000ff', w: 1, crcs: [{ seq: 1, crc: 2 ** 32 }] }] },
    ],
    ['a watermark below zero', { marks: [{ id: '00000000000000ff', w: -1, crcs: [] }] }],
    ['an epoch id that is none', { marks: [{ id: 'x', w: 1, crcs: [] }] }],
    ['a credit that is a fraction', { limit: 0.5 }],
    ['a heartbeat of no time', { heartbeatMs: 0 }],
    ['no word on the epoch', { rotateEpoch: undefined }],
  ])('is refused with %s', (_name, change) => {
    const body = changed(encodeWelcome(WELCOME, WELCOME_SIGNING), change);
    expect(thrownCode(() => decodeWelcome(body))).toBe('PROTOCOL_ERROR');
  });
});

describe('vitals', () => {
  it('are sent without what is no number', () => {
    const vitals = { load1: Number.NaN, cpuBusyRatio: 0.5, swap: Infinity, fullestMountpoint: '/' };
    expect(finiteVitals(vitals)).toEqual({ cpuBusyRatio: 0.5, fullestMountpoint: '/' });
    const { content } = decodeHello(encodeHello({ ...HELLO, vitals }, HELLO_SIGNING));
    expect(content.vitals).toEqual({ cpuBusyRatio: 0.5, fullestMountpoint: '/' });
  });

  it('are at most sixteen', () => {
    const vitals = Object.fromEntries(Array.from({ length: 17 }, (_unused, i) => [`v${i}`, i]));
    expect(thrownCode(() => decodeVitals(jsonBytes(vitals)))).toBe('LIMIT_EXCEEDED');
  });
});
