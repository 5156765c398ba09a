import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, isU48, readU48 } from './varint.ts';

const SAFE = Number.MAX_SAFE_INTEGER;
/** Where an encoding gets one byte longer, or a bit operation would overflow. */
const EDGES = [7, 14, 21, 28, 31, 32, 35, 42, 48, 49, 52, 53].flatMap((bits) => [
  2 ** bits - 1,
  2 ** bits,
  2 ** bits + 1,
]);
const unsigned = fc.oneof(
  fc.integer({ min: 0, max: SAFE }),
  fc.integer({ min: 0, max: 70_000 }),
  fc.constantFrom(0, ...EDGES.filter((value) => value <= SAFE)),
);
const signed = fc.oneof(
  unsigned,
  unsigned.map((value) => 0 - value),
);
const undecodable = expect.objectContaining({ code: 'RECORD_UNDECODABLE' });

function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(1);
  write(writer);
  return writer.copy();
}

/** LEB128 by the book, with big integers. */
function leb128(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value % 128n) + 128, ...leb128(value / 128n)];
}

describe('varint', () => {
  it('is LEB128 and comes back', () => {
    fc.assert(
      fc.property(unsigned, (value) => {
        const bytes = written((writer) => writer.varint(value));
        expect([...bytes]).toEqual(leb128(BigInt(value)));
        const reader = new ByteReader(bytes);
        expect(reader.varint()).toBe(value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('is LEB128 of the zig-zag for signed integers and comes back', () => {
    fc.assert(
      fc.property(signed, (value) => {
        const bytes = written((writer) => writer.zigzag(value));
        const doubled = BigInt(value) * 2n;
        expect([...bytes]).toEqual(leb128(value < 0 ? -doubled - 1n : doubled));
        expect(new ByteReader(bytes).zigzag()).toBe(value);
      }),
    );
  });

  it.each([
    ['more than 2^53 - 1', leb128(2n ** 53n)],
    ['ten bytes', [...Array<number>(9).fill(0xff), 1]],
    ['a longer form of 0', [0x80, 0]],
    ['a longer form of 127', [0xff, 0]],
    ['a longer form of 2^35', [0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0x00]],
    ['a cut one', [0x80, 0x80]],
    ['nothing', []],
  ])('refuses %s', (_name, bytes) => {
    expect(() => new ByteReader(Uint8Array.from(bytes)).varint()).toThrow(undecodable);
  });

  it.each([
    ['2^53', leb128(2n ** 54n)],
    ['-2^53', leb128(2n ** 54n - 1n)],
    ['a longer form of 0', [0x80, 0]],
    ['a longer form of -64', [0xff, 0]],
  ])('refuses a signed %s', (_name, bytes) => {
    expect(() => new ByteReader(Uint8Array.from(bytes)).zigzag()).toThrow(undecodable);
  });
});

describe('ByteWriter and ByteReader', () => {
  it('give back what was written, in order', () => {
    const bytes = written((writer) => {
      writer.u8(255);
      writer.u16(65_535);
      writer.u32(4_294_967_295);
      writer.u48(281_474_976_710_655);
      writer.text('größe 🙂');
      writer.bytes(Uint8Array.of(1, 2, 3));
      writer.bigEndian(-2, 4);
      writer.bigEndian(0x123456, 3);
    });
    const reader = new ByteReader(bytes);
    expect(reader.u8()).toBe(255);
    expect(reader.u16()).toBe(65_535);
    expect(reader.u32()).toBe(4_294_967_295);
    expect(reader.u48()).toBe(281_474_976_710_655);
    expect(reader.text(100)).toBe('größe 🙂');
    expect([...reader.bytes(3)]).toEqual([1, 2, 3]);
    expect(reader.bigEndian(4)).toBe(-2);
    expect(reader.bigEndian(3)).toBe(0x123456);
    reader.expectEnd();
    expect(reader.offset).toBe(bytes.length);
  });

  it('refuse what does not fit, instead of cutting it', () => {
    expect(() => written((writer) => writer.u16(65_536))).toThrow(RangeError);
    expect(() => written((writer) => writer.u32(-1))).toThrow(RangeError);
    expect(() => written((writer) => writer.u48(2 ** 48))).toThrow(RangeError);
  });

  it.each([
    ['u8', (reader: ByteReader) => reader.u8()],
    ['u16', (reader: ByteReader) => reader.u16()],
    ['u32', (reader: ByteReader) => reader.u32()],
    ['u48', (reader: ByteReader) => reader.u48()],
    ['bytes', (reader: ByteReader) => reader.bytes(1)],
    ['bigEndian', (reader: ByteReader) => reader.bigEndian(1)],
    ['skip', (reader: ByteReader) => reader.skip(1)],
    ['a huge skip', (reader: ByteReader) => reader.skip(SAFE)],
  ])('stop at the end for %s', (_name, read) => {
    expect(() => read(new ByteReader(new Uint8Array()))).toThrow(undecodable);
  });

  it('read a view in place, at its own offset', () => {
    const reader = new ByteReader(Buffer.from([9, 9, 5, 6, 9]).subarray(2, 4));
    expect([reader.u8(), reader.u8(), reader.remaining]).toEqual([5, 6, 0]);
  });

  it('complain about bytes left over', () => {
    expect(() => new ByteReader(Uint8Array.of(1)).expectEnd()).toThrow(undecodable);
  });

  it.each([
    ['longer than allowed', [4, 0x61, 0x61, 0x61, 0x61]],
    ['longer than what is there', [3, 0x61]],
    ['not UTF-8', [1, 0xff]],
    ['a cut sequence that decodes to as many bytes', [3, 0xf0, 0x9f, 0x99]],
    ['an encoded surrogate', [3, 0xed, 0xa0, 0x80]],
    ['an overlong form', [2, 0xc0, 0x80]],
  ])('refuse a text that is %s', (_name, bytes) => {
    expect(() => new ByteReader(Uint8Array.from(bytes)).text(3)).toThrow(undecodable);
  });

  it('keep a real replacement character', () => {
    const bytes = written((writer) => writer.text('a\ufffd'));
    expect(new ByteReader(bytes).text(10)).toBe('a\ufffd');
  });

  it.each([0, 1, 127, 128, 16_383, 16_384, 70_000])('put the length in front of %i bytes', (length) => {
    const content = Buffer.from(Array.from({ length }, (_unused, i) => i % 251));
    const bytes = written((writer) => {
      writer.u8(42);
      const start = writer.length;
      writer.bytes(content);
      writer.prefixLength(start);
      writer.u8(43);
    });
    const reader = new ByteReader(bytes);
    expect(reader.u8()).toBe(42);
    expect(reader.bytes(reader.varint()).equals(content)).toBe(true);
    expect(reader.u8()).toBe(43);
    reader.expectEnd();
  });

  it('reuse memory after a reset, and copies stay as they were', () => {
    const writer = new ByteWriter(4);
    writer.u8(1);
    const copy = writer.copy();
    writer.reset();
    writer.u8(2);
    expect([copy[0], writer.view()[0], writer.length]).toEqual([1, 2, 1]);
  });
});

describe('u48', () => {
  it('knows its range', () => {
    expect([0, 2 ** 48 - 1].every(isU48)).toBe(true);
    expect([-1, 0.5, 2 ** 48, Number.NaN, Infinity].some(isU48)).toBe(false);
  });

  it('is read at an offset', () => {
    expect(readU48(Buffer.from('ff010000000080', 'hex'), 1)).toBe(2 ** 47 + 1);
  });
});
