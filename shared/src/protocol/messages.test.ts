import { describe, expect, it } from 'vitest';
import { ERROR_CODES, isErrorCode } from '../lib/errors.ts';
import { thrownCode } from '../testing/thrown.ts';
import { decodeFrame, encodeFrame, FRAME_FLAG_MORE, MESSAGE } from './frame.ts';
import { jsonBytes } from './json.ts';
import { LIMITS } from './limits.ts';
import {
  BYE_REASONS,
  CLOSE_CODE,
  closeCodeOf,
  decodeAck,
  decodeBatch,
  decodeBye,
  decodeError,
  decodeGenerationAck,
  decodeGoaway,
  decodeInventoryChunk,
  decodeInventoryHave,
  decodeInventoryNeed,
  decodeReject,
  encodeAck,
  encodeBatch,
  encodeBye,
  encodeError,
  encodeInventoryChunk,
  encodeInventoryHave,
  encodeReject,
  type InventoryChunk,
} from './messages.ts';
import { encodeRecord } from './record.ts';

const EPOCH_ID = '00000000000000ff';
const record = (seq: number): Buffer =>
  encodeRecord({ kind: 1, flags: 0, wallMs: 1, bootMs: 1, body: Buffer.from('body') }, seq);
const bodyOf = (message: Buffer): Buffer => decodeFrame(message).body;

describe('BATCH', () => {
  it('gives back its records', () => {
    const records = [record(7), record(8)];
    const batch = decodeBatch(decodeFrame(encodeBatch(EPOCH_ID, records)));
    expect(batch.epochId).toBe(EPOCH_ID);
    expect(batch.records.map(({ bytes }) => bytes)).toEqual(records);
  });

  it('holds up to 256 records', () => {
    const records = Array.from({ length: LIMITS.recordsPerBatch + 1 }, (_unused, i) => record(i + 1));
    expect(decodeBatch(decodeFrame(encodeBatch(EPOCH_ID, records.slice(1)))).records).toHaveLength(256);
    expect(thrownCode(() => decodeBatch(decodeFrame(encodeBatch(EPOCH_ID, records))))).toBe('PROTOCOL_ERROR');
  });

  it.each<readonly [string, number, readonly Uint8Array[], string]>([
    ['no records', 0, [Buffer.alloc(8)], 'PROTOCOL_ERROR'],
    ['no epoch', 1, [Buffer.alloc(7)], 'PROTOCOL_ERROR'],
    ['fewer records than it says', 2, [Buffer.alloc(8), record(1)], 'RECORD_CORRUPT'],
    ['more records than it says', 1, [Buffer.alloc(8), record(1), record(2)], 'PROTOCOL_ERROR'],
    ['a cut record', 1, [Buffer.alloc(8), record(1).subarray(0, -1)], 'RECORD_CORRUPT'],
  ])('is refused with %s', (_name, count, body, expected) => {
    const frame = decodeFrame(encodeFrame({ type: MESSAGE.BATCH, count, body }));
    expect(thrownCode(() => decodeBatch(frame))).toBe(expected);
  });

  it('is not made for something that is no epoch id', () => {
    expect(() => encodeBatch('epoch', [record(1)])).toThrow('epoch id');
    expect(() => encodeAck({ epochId: '', watermark: 1, creditLimit: 1 })).toThrow('epoch id');
  });
});

describe('ACK', () => {
  it('is refused when its length is wrong', () => {
    const body = bodyOf(encodeAck({ epochId: EPOCH_ID, watermark: 1, creditLimit: 2 }));
    for (let end = 0; end < body.length; end++) {
      expect(thrownCode(() => decodeAck(body.subarray(0, end)))).toBe('RECORD_UNDECODABLE');
    }
    expect(thrownCode(() => decodeAck(Buffer.concat([body, Buffer.of(0)])))).toBe('RECORD_UNDECODABLE');
  });
});

describe('REJECT and ERROR', () => {
  it('cut what they explain to 200 characters, which the other end accepts', () => {
    const text = '\ud83d\ude42'.repeat(300);
    const reject = encodeReject({ epochId: EPOCH_ID, seq: 1, code: 'UNKNOWN_KIND', samples: 0, text });
    expect(decodeReject(bodyOf(reject)).text).toHaveLength(200);
    expect(decodeError(bodyOf(encodeError('SEQ_HOLE', text))).text).toHaveLength(200);
  });

  it('may carry a code that only a newer collector knows', () => {
    const fields = { epoch: EPOCH_ID, seq: 1, code: 'NEW_CODE', samples: 0, text: '' };
    expect(decodeReject(jsonBytes(fields)).code).toBe('RECORD_UNDECODABLE');
    expect(decodeError(jsonBytes({ code: 'NEW_CODE', text: '' })).code).toBe('NEW_CODE');
    expect(thrownCode(() => decodeReject(jsonBytes({ ...fields, epoch: 'x' })))).toBe('PROTOCOL_ERROR');
  });
});

describe('small messages', () => {
  it.each(BYE_REASONS)('say why the agent leaves: %s', (reason) => {
    expect(decodeBye(bodyOf(encodeBye(reason)))).toBe(reason);
  });

  it.each<readonly [string, (body: Buffer) => unknown, unknown]>([
    ['BYE for no reason', decodeBye, {}],
    ['BYE for an unknown reason', decodeBye, { reason: 'bored' }],
    ['BYE with more than a reason', decodeBye, { reason: 'stop', run: 'rm' }],
    ['GEN_ACK with a text', decodeGenerationAck, { gen: '1' }],
    ['GEN_ACK with more', decodeGenerationAck, { gen: 1, x: 1 }],
    ['GOAWAY with a window that ends before it starts', decodeGoaway, { reason: 'x', minMs: 5, maxMs: 4 }],
    ['GOAWAY for a day', decodeGoaway, { reason: 'x', minMs: 0, maxMs: 86_400_000 }],
    ['INV_NEED with a number', decodeInventoryNeed, { sections: [1] }],
    ['INV_NEED with too many', decodeInventoryNeed, { sections: Array.from({ length: 65 }, () => 'x') }],
    ['INV_HAVE with no hash', decodeInventoryHave, { os: 'x' }],
    ['INV_HAVE with a path as name', decodeInventoryHave, { '../os': 'ab'.repeat(32) }],
  ])('refuse %s', (_name, decode, fields) => {
    expect(thrownCode(() => decode(jsonBytes(fields)))).toBe('PROTOCOL_ERROR');
  });
});

describe('inventory', () => {
  const chunk: InventoryChunk = {
    name: 'os',
    hash: 'ab'.repeat(32),
    totalBytes: 10,
    offset: 6,
    bytes: Buffer.from('abcd'),
  };

  it('says whether more chunks follow', () => {
    expect(decodeFrame(encodeInventoryChunk(chunk)).flags).toBe(0);
    expect(decodeFrame(encodeInventoryChunk({ ...chunk, offset: 5 })).flags).toBe(FRAME_FLAG_MORE);
  });

  it.each<readonly [string, Partial<InventoryChunk>, string]>([
    ['a name that is a path', { name: '../os' }, 'PROTOCOL_ERROR'],
    ['no name', { name: '' }, 'PROTOCOL_ERROR'],
    ['nothing in it', { bytes: Buffer.alloc(0) }, 'PROTOCOL_ERROR'],
    ['bytes beyond the end', { offset: 7 }, 'PROTOCOL_ERROR'],
    ['an offset near 4 GiB', { offset: 2 ** 32 - 1 }, 'PROTOCOL_ERROR'],
    ['more than 128 KiB', { bytes: Buffer.alloc(131_073), totalBytes: 200_000 }, 'PROTOCOL_ERROR'],
    ['more than 8 MiB in all', { totalBytes: LIMITS.inventoryBytes + 1 }, 'LIMIT_EXCEEDED'],
  ])('refuses a chunk with %s', (_name, change, expected) => {
    expect(
      thrownCode(() => decodeInventoryChunk(bodyOf(encodeInventoryChunk({ ...chunk, ...change })))),
    ).toBe(expected);
  });

  it('refuses a cut chunk', () => {
    const body = bodyOf(encodeInventoryChunk(chunk));
    for (let end = 0; end < 43; end++) {
      expect(thrownCode(() => decodeInventoryChunk(body.subarray(0, end)))).toBe('RECORD_UNDECODABLE');
    }
  });

  it('never shows a hostile section name in a message', () => {
    const fields = { ['x'.repeat(1_000)]: 'not a hash at all, and much too long for one'.repeat(9) };
    expect(() => decodeInventoryHave(jsonBytes(fields))).toThrow(
      /^name of an inventory section is not allowed$/,
    );
  });

  it('has at most 64 sections', () => {
    const hashes = new Map(Array.from({ length: 65 }, (_unused, i) => [`s${i}`, 'ab'.repeat(32)]));
    expect(thrownCode(() => decodeInventoryHave(bodyOf(encodeInventoryHave(hashes))))).toBe('LIMIT_EXCEEDED');
    hashes.delete('s0');
    expect(decodeInventoryHave(bodyOf(encodeInventoryHave(hashes)))).toEqual(hashes);
  });
});

describe('close codes', () => {
  it('are in the private range, one meaning each', () => {
    const codes = Object.values(CLOSE_CODE);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code).toSatisfy((value: number) => value >= 4000 && value <= 4999);
  });

  it.each([
    ['SEQ_HOLE', 4400],
    ['FRAME_CRC', 4400],
    ['AUTH_FAILED', 4401],
    ['REVOKED', 4403],
    ['TOO_SLOW', 4408],
    ['IDENTITY_CONFLICT', 4409],
    ['SEQ_CONFLICT', 4410],
    ['SUPERSEDED', 4411],
    ['LIMIT_EXCEEDED', 4413],
    ['UPGRADE_NEEDED', 4426],
    ['CREDIT_EXCEEDED', 4429],
    ['STORAGE_UNAVAILABLE', 4503],
    ['DRAINING', 4503],
  ] as const)('of %s is %i', (error, code) => {
    expect(closeCodeOf(error)).toBe(code);
  });

  it('exist for every error, and each is used', () => {
    const used = new Set(Object.keys(ERROR_CODES).filter(isErrorCode).map(closeCodeOf));
    expect(used).toEqual(new Set(Object.values(CLOSE_CODE)));
  });
});
