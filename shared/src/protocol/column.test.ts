import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../lib/varint.ts';
import { thrownCode } from '../testing/thrown.ts';
import { readColumn, writeColumn } from './column.ts';
import { INTEGER_MAX } from './samples.ts';
import type { ValueEncoding } from './schema.ts';

const integer = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer({ min: -INTEGER_MAX, max: INTEGER_MAX }),
  fc.constantFrom(INTEGER_MAX, -INTEGER_MAX, 0, 2 ** 31, -(2 ** 31), 2 ** 51),
);
const float = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 5e-324, Number.MAX_VALUE, -1e308, 0.1, 1 / 3),
);
const decimal = fc
  .tuple(fc.integer({ min: -1e12, max: 1e12 }), fc.integer({ min: 0, max: 9 }))
  .map(([digits, decimals]) => digits / 10 ** decimals);

function written(values: readonly number[], encoding: ValueEncoding): Buffer {
  const writer = new ByteWriter(1);
  writeColumn(writer, Float64Array.from(values), encoding);
  return writer.copy();
}

function read(bytes: Uint8Array, count: number, encoding: ValueEncoding): number[] {
  const reader = new ByteReader(bytes);
  const values = new Float64Array(count);
  readColumn(reader, values, encoding);
  reader.expectEnd();
  return [...values];
}

describe('a column', () => {
  it.each([
    ['integers', 'integer', fc.array(integer, { minLength: 1, maxLength: 40 })],
    ['floating point', 'float64', fc.array(float, { minLength: 1, maxLength: 40 })],
    ['decimals', 'float64', fc.array(decimal, { minLength: 1, maxLength: 40 })],
    ['all of them', 'float64', fc.array(fc.oneof(integer, float, decimal), { minLength: 1, maxLength: 40 })],
  ] as const)('of %s comes back to the last bit', (_what, encoding, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (values) => {
        const back = read(written(values, encoding), values.length, encoding);
        expect(back.every((value, i) => Object.is(value, values[i]))).toBe(true);
      }),
    );
  });

  it.each([
    ['one value', [7], 'integer', '000e'],
    ['what stands still', [7, 7, 7, 7], 'integer', '000e00'],
    ['what rises steadily', [7, 8, 9, 10], 'integer', '000e02'],
    ['what moves now and then', [7, 7, 8, 8, 6], 'integer', '010e00020003'],
    ['what rises faster and faster', [0, 100, 201, 303, 406], 'integer', '0200c801020202'],
    ['decimals', [27.5, 27.5, 27.25, 27.5], 'float64', '21fc2a003132'],
    ['zero', [0, 0], 'float64', '000000'],
    ['negative zero', [-0, 0], 'float64', '0307800780'],
  ] as const)('is short for %s', (_what, values, encoding, hex) => {
    expect(written(values, encoding).toString('hex')).toBe(hex);
    expect(read(Buffer.from(hex, 'hex'), values.length, encoding)).toEqual(values);
  });

  it.each([
    ['a form that does not exist', '0400', 'integer'],
    ['floating point among integers', '0380', 'integer'],
    ['decimals among integers', '1000', 'integer'],
    ['ten decimals', 'a000', 'float64'],
    ['floating point with decimals', '1380', 'float64'],
    ['what is not finite', '03067ff0', 'float64'],
    ['too few values', '0100', 'integer'],
    ['nothing', '', 'integer'],
  ] as const)('refuses %s', (_what, hex, encoding) => {
    expect(thrownCode(() => read(Buffer.from(hex, 'hex'), 2, encoding))).toBe('RECORD_UNDECODABLE');
  });
});
