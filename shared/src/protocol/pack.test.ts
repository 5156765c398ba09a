import { deflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../lib/errors.ts';
import { seededRandom } from '../testing/mutate.ts';
import { decodeFrame, encodeFrame, FRAME_FLAG_COLUMNS, FRAME_FLAG_PACKED, MESSAGE } from './frame.ts';
import { SchemaLayouts } from './layouts.ts';
import { LIMITS } from './limits.ts';
import { decodeBatch, encodePackedBatch } from './messages.ts';
import { packRecords, unpackRecords } from './pack.ts';
import { decodeRecord, encodeRecord, RECORD_HEADER_BYTES, RECORD_KIND, recordBody } from './record.ts';

const EPOCH = '00112233445566ff';

function recordOf(body: Uint8Array, seq: number): Buffer {
  return encodeRecord({ kind: RECORD_KIND.EVENT, flags: 1, wallMs: seq * 10_000, bootMs: seq, body }, seq);
}

/** Bodies that are much alike, as the ticks of one host are. */
function ticks(count: number, bodyBytes = 400): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const body = Buffer.from(Array.from({ length: bodyBytes }, (_unused, at) => (at * 7919) % 251));
    body[index % bodyBytes] = index & 0xff;
    return recordOf(body, index + 1);
  });
}

/** Bytes of eight values in no order, which deflate to about three eighths. */
function noise(count: number): Buffer {
  const random = seededRandom(1);
  return Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 8)));
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'no error';
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

/** What a peer may claim: a length, and bytes that inflate to `content`. */
function packed(length: number, content: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(length);
  return Buffer.concat([header, deflateRawSync(content)]);
}

describe('packed records', () => {
  it.each([
    ['as they are', undefined],
    ['as columns', new SchemaLayouts()],
  ])('come back with their bodies, and the checksums by which the agent knows them: %s', (_how, layouts) => {
    const body = fc.uint8Array({ maxLength: 600 });
    fc.assert(
      fc.property(fc.array(body, { minLength: 1, maxLength: 20 }), (bodies) => {
        const records = bodies.map((bytes, index) => recordOf(bytes, index + 1));
        const bytes = packRecords(records, layouts);
        fc.pre(bytes !== undefined);
        const unpacked = unpackRecords(bytes, records.length, layouts !== undefined);
        for (const [index, record] of unpacked.entries()) {
          const before = decodeRecord(records[index] ?? Buffer.alloc(0), 0);
          expect(recordBody(record)).toEqual(Buffer.from(bodies[index] ?? []));
          const { seq, kind, flags, wallMs, bootMs, crc } = before;
          expect(record).toMatchObject({ seq, kind, flags, wallMs, bootMs, crc });
          // What the collector stores must read back by itself.
          expect(recordBody(decodeRecord(Buffer.from(record.bytes), 0))).toEqual(recordBody(before));
        }
      }),
    );
  });

  it('are a third smaller than the same records each compressed alone', () => {
    const records = ticks(64);
    const plainBytes = records.reduce((sum, { length }) => sum + length, 0);
    expect(packRecords(records)?.length).toBeLessThan(plainBytes / 1.5);
  });

  it('are not made of what cannot be inflated, is damaged or is too large', () => {
    const [good = Buffer.alloc(0)] = ticks(1);
    const damaged = Buffer.from(good);
    damaged[RECORD_HEADER_BYTES] = (damaged[RECORD_HEADER_BYTES] ?? 0) ^ 1;
    expect(packRecords([good, damaged])).toBeUndefined();
    const large = recordOf(noise(LIMITS.recordBytes + 1), 1);
    expect(packRecords([good, large])).toBeUndefined();
    const many = Array.from({ length: 5 }, (_, index) => recordOf(noise(LIMITS.recordBytes - 1), index + 1));
    expect(packRecords(many)).toBeUndefined();
  });

  const plain = recordOf(Buffer.from('small'), 1);
  const [compressed = Buffer.alloc(0)] = ticks(1);
  const bomb = deflateRawSync(Buffer.alloc(LIMITS.packedInflatedBytes * 2));
  it.each([
    ['nothing', Buffer.alloc(0), 1],
    ['a header alone', Buffer.alloc(4), 1],
    ['a claim over the limit', packed(LIMITS.packedInflatedBytes + 1, plain), 1],
    ['a claim beyond the ratio', packed(100_000, plain), 1],
    ['less than claimed', packed(plain.length + 1, plain), 1],
    ['more than claimed', packed(plain.length - 1, plain), 1],
    ['a bomb', Buffer.concat([Buffer.from([0, 0, 1, 0]), bomb]), 1],
    ['what is not deflated', Buffer.concat([Buffer.from([40, 0, 0, 0]), Buffer.alloc(40, 0xff)]), 1],
    ['too few records', packed(plain.length, plain), 2],
    ['too many records', packed(2 * plain.length, Buffer.concat([plain, plain])), 1],
    ['a record that is compressed itself', packed(compressed.length, compressed), 1],
    ['a record cut short', packed(plain.length - 2, plain.subarray(0, -2)), 1],
  ])('refuses %s', (_what, bytes, count) => {
    expect(codeOf(() => unpackRecords(bytes, count, false))).toBe('RECORD_CORRUPT');
    expect(codeOf(() => unpackRecords(bytes, count, true))).toBe('RECORD_CORRUPT');
  });
});

describe('a packed BATCH', () => {
  it('is marked by its flag, and has the records in it', () => {
    const records = ticks(8);
    const frame = decodeFrame(encodePackedBatch(EPOCH, records) ?? Buffer.alloc(0));
    expect(frame).toMatchObject({ type: MESSAGE.BATCH, flags: FRAME_FLAG_PACKED, count: 8 });
    const batch = decodeBatch(frame);
    expect(batch.epochId).toBe(EPOCH);
    expect(batch.records.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('says by another flag that it is made of columns', () => {
    const records = ticks(8);
    const frame = decodeFrame(encodePackedBatch(EPOCH, records, new SchemaLayouts()) ?? Buffer.alloc(0));
    expect(frame.flags).toBe(FRAME_FLAG_PACKED | FRAME_FLAG_COLUMNS);
    expect(decodeBatch(frame)).toEqual(
      decodeBatch(decodeFrame(encodePackedBatch(EPOCH, records) ?? Buffer.alloc(0))),
    );
  });

  it('is an ordinary one for a few records, which are no backlog', () => {
    const records = ticks(7);
    expect(encodePackedBatch(EPOCH, records)).toBeUndefined();
  });

  it('is the only message that may have the flag', () => {
    const frame = encodeFrame({ type: MESSAGE.VITALS, flags: FRAME_FLAG_PACKED, body: [] });
    expect(() => decodeFrame(frame)).toThrow('flags');
  });

  it('is refused without any of its records when its body is shorter than an epoch', () => {
    const frame = encodeFrame({
      type: MESSAGE.BATCH,
      flags: FRAME_FLAG_PACKED,
      count: 1,
      body: [Buffer.alloc(3)],
    });
    expect(() => decodeBatch(decodeFrame(frame))).toThrow('not allowed');
  });
});
