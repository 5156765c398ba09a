import { deflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../lib/crc.ts';
import { thrownCode } from '../testing/thrown.ts';
import { LIMITS } from './limits.ts';
import {
  CODEC,
  decodeRecord,
  encodeRecord,
  RECORD_HEADER_BYTES,
  recordBody,
  storedForm,
  type RecordDraft,
} from './record.ts';

const U48_MAX = 2 ** 48 - 1;
const DRAFT: RecordDraft = { kind: 1, flags: 0, wallMs: 1, bootMs: 1, body: Buffer.from('body') };
const arbitraryDraft = fc.record({
  kind: fc.nat({ max: 255 }),
  flags: fc.nat({ max: 65_535 }),
  wallMs: fc.integer({ min: 0, max: U48_MAX }),
  bootMs: fc.integer({ min: 0, max: U48_MAX }),
  // Some that compress and some that do not.
  body: fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.nat({ max: 255 }), fc.nat({ max: 5_000 }))
      .map(([byte, length]) => new Uint8Array(length).fill(byte)),
  ),
});

/** A record with any header, whose checksum is right. */
function forged(options: {
  stored: Uint8Array;
  codec: number;
  inflatedLength: number;
  seq?: number;
}): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + options.stored.length);
  bytes.writeUInt32LE(options.stored.length, 0);
  bytes[8] = 1;
  bytes[9] = options.codec;
  bytes.writeUInt32LE(options.inflatedLength, 12);
  bytes.writeUIntLE(options.seq ?? 1, 16, 6);
  bytes.set(options.stored, RECORD_HEADER_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

function bodyOf(bytes: Buffer): Buffer {
  return recordBody(decodeRecord(bytes, 0));
}

describe('record', () => {
  it('comes back as it was, wherever it stands in a buffer', () => {
    const seqs = fc.integer({ min: 1, max: U48_MAX });
    fc.assert(
      fc.property(arbitraryDraft, seqs, fc.nat({ max: 9 }), (draft, seq, offset) => {
        const bytes = encodeRecord(draft, seq);
        const record = decodeRecord(Buffer.concat([Buffer.alloc(offset, 0xff), bytes, Buffer.of(1)]), offset);
        const { kind, flags, wallMs, bootMs } = draft;
        expect(record).toMatchObject({ kind, flags, wallMs, bootMs, seq, inflatedLength: draft.body.length });
        expect(record.bytes.equals(bytes)).toBe(true);
        expect(recordBody(record).equals(draft.body)).toBe(true);
      }),
    );
  });

  it('leaves no memory of 16 KiB behind that only a collection of all garbage frees', () => {
    const body = Buffer.alloc(1_500, 'schema of a sampler ');
    const before = process.memoryUsage().arrayBuffers;
    for (let seq = 1; seq <= 40; seq++) encodeRecord({ ...DRAFT, body }, seq);
    // Two pieces of 64 KiB that small buffers share, and 40 records of 100 bytes.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * 1024);
  });

  it('is compressed only where that pays', () => {
    const codecOf = (body: Buffer): number => decodeRecord(encodeRecord({ ...DRAFT, body }, 1), 0).codec;
    expect(codecOf(Buffer.alloc(127))).toBe(CODEC.NONE);
    expect(codecOf(Buffer.alloc(128))).toBe(CODEC.DEFLATE_RAW);
    expect(codecOf(Buffer.from(Array.from({ length: 250 }, (_unused, i) => i)))).toBe(CODEC.NONE);
    const codecFrom = (compressMinBytes: number): number =>
      decodeRecord(encodeRecord({ ...DRAFT, body: Buffer.alloc(500), compressMinBytes }, 1), 0).codec;
    expect(codecFrom(501)).toBe(CODEC.NONE);
    expect(codecFrom(500)).toBe(CODEC.DEFLATE_RAW);
  });

  it('shows every change of a single bit and every cut', () => {
    const bytes = encodeRecord(
      { ...DRAFT, body: Buffer.from('a body of some length, 50 bytes or so'.repeat(9)) },
      77,
    );
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(thrownCode(() => decodeRecord(flipped, 0))).toBe('RECORD_CORRUPT');
    }
    for (let end = 0; end < bytes.length; end++) {
      expect(thrownCode(() => decodeRecord(bytes.subarray(0, end), 0))).toBe('RECORD_CORRUPT');
    }
  });

  it('shows a change of its length even when another record follows', () => {
    const bytes = encodeRecord(DRAFT, 1);
    const two = Buffer.concat([bytes, encodeRecord(DRAFT, 2)]);
    for (let bit = 0; bit < 32; bit++) {
      const flipped = Buffer.from(two);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(thrownCode(() => decodeRecord(flipped, 0))).toBe('RECORD_CORRUPT');
    }
  });

  it('cannot be read beyond the end of the buffer', () => {
    expect(thrownCode(() => decodeRecord(Buffer.alloc(10), 50))).toBe('RECORD_CORRUPT');
  });

  it('has a number from 1 on', () => {
    expect(() => encodeRecord(DRAFT, 0)).toThrow('numbered from 1');
    expect(() => encodeRecord(DRAFT, 2 ** 48)).toThrow(RangeError);
    const zero = forged({ stored: Buffer.of(1), codec: 0, inflatedLength: 1, seq: 0 });
    expect(thrownCode(() => decodeRecord(zero, 0))).toBe('RECORD_CORRUPT');
  });

  it('is refused over its limits', () => {
    const tooLong = { ...DRAFT, body: Buffer.alloc(LIMITS.recordInflatedBytes + 1) };
    const bytes = Buffer.alloc(LIMITS.recordBytes + 1);
    // Bytes of a simple generator do not compress.
    for (let i = 0, state = 1; i < bytes.length; i++) {
      state = (state * 48_271) % 2_147_483_647;
      bytes[i] = state >> 8;
    }
    expect(thrownCode(() => encodeRecord(tooLong, 1))).toBe('LIMIT_EXCEEDED');
    expect(thrownCode(() => encodeRecord({ ...DRAFT, body: bytes }, 1))).toBe('LIMIT_EXCEEDED');
    expect(encodeRecord({ ...DRAFT, body: bytes.subarray(1) }, 1)).toHaveLength(LIMITS.recordBytes + 34);
    const stored = forged({ stored: bytes, codec: 0, inflatedLength: bytes.length });
    expect(thrownCode(() => decodeRecord(stored, 0))).toBe('RECORD_CORRUPT');
  });
});

describe('recordBody', () => {
  const bomb = deflateRawSync(Buffer.alloc(LIMITS.recordInflatedBytes));

  it.each<readonly [string, Buffer]>([
    [
      'claims to inflate by more than 100',
      forged({ stored: bomb, codec: 1, inflatedLength: LIMITS.recordInflatedBytes }),
    ],
    ['claims more than 512 KiB', forged({ stored: Buffer.alloc(9_000), codec: 1, inflatedLength: 600_000 })],
    ['claims 4 GiB', forged({ stored: Buffer.alloc(9), codec: 1, inflatedLength: 2 ** 32 - 1 })],
    ['inflates to more than it claims', forged({ stored: bomb, codec: 1, inflatedLength: 100 })],
    ['inflates to something where it claims nothing', forged({ stored: bomb, codec: 1, inflatedLength: 0 })],
    [
      'inflates to less than it claims',
      forged({ stored: deflateRawSync(Buffer.of(1)), codec: 1, inflatedLength: 2 }),
    ],
    ['is no deflate stream', forged({ stored: Buffer.alloc(50, 0xff), codec: 1, inflatedLength: 50 })],
    ['is a cut deflate stream', forged({ stored: bomb.subarray(0, 90), codec: 1, inflatedLength: 9_000 })],
    ['is empty but called compressed', forged({ stored: Buffer.alloc(0), codec: 1, inflatedLength: 0 })],
    ['has another length than it claims', forged({ stored: Buffer.alloc(3), codec: 0, inflatedLength: 2 })],
    ['has a codec that is not known', forged({ stored: Buffer.alloc(3), codec: 2, inflatedLength: 3 })],
  ])('refuses a body that %s', (_name, bytes) => {
    expect(thrownCode(() => bodyOf(bytes))).toBe('RECORD_UNDECODABLE');
  });

  it('allocates no more than was claimed, whatever is inside', () => {
    const record = decodeRecord(forged({ stored: bomb, codec: 1, inflatedLength: 1_000 }), 0);
    const startBytes = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 20; i++) thrownCode(() => recordBody(record));
    // Twenty times 512 KiB would be 10 MiB.
    expect(process.memoryUsage().arrayBuffers - startBytes).toBeLessThan(4 * 1024 * 1024);
  });

  it('reads an empty body and an empty stream', () => {
    expect(bodyOf(encodeRecord({ ...DRAFT, body: Buffer.alloc(0) }, 1))).toHaveLength(0);
    expect(
      bodyOf(forged({ stored: deflateRawSync(Buffer.alloc(0)), codec: 1, inflatedLength: 0 })),
    ).toHaveLength(0);
  });
});

describe('the form in which a record is stored', () => {
  it('has the same header and body, and needs no inflating', () => {
    fc.assert(
      fc.property(arbitraryDraft, fc.integer({ min: 1, max: U48_MAX }), (draft, seq) => {
        const record = decodeRecord(encodeRecord(draft, seq), 0);
        const stored = decodeRecord(storedForm(record, recordBody(record)), 0);
        expect(stored).toMatchObject({ codec: CODEC.NONE, kind: draft.kind, seq, wallMs: draft.wallMs });
        expect(recordBody(stored).equals(Buffer.from(draft.body))).toBe(true);
      }),
    );
  });

  it('stays as it came when the body is longer than a record may be', () => {
    const body = new Uint8Array(LIMITS.recordBytes + 1).fill(7);
    for (let i = 0; i < body.length; i += 50) body[i] = i % 251;
    const record = decodeRecord(encodeRecord({ ...DRAFT, body }, 1), 0);
    expect(storedForm(record, recordBody(record))).toBe(record.bytes);
  });
});
