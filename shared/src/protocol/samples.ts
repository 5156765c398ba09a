/**
 * The body of a samples record: one tick, one block of columns per sampler. Counters travel raw and cumulative. Values
 * are written metric by metric, each as the difference to the metric's previous one.
 */
import { AppError } from '../lib/errors.ts';
import { ByteReader, ByteWriter } from '../lib/varint.ts';
import { LIMITS } from './limits.ts';
import type { Schema, SchemaMetric } from './schema.ts';

/** Why a series or a whole sampler has no value in a tick. */
export const SAMPLE_ERROR = {
  NOT_PERMITTED: 1,
  TIMEOUT: 2,
  PARSE: 3,
  VANISHED: 4,
  NOT_FINITE: 5,
  OVERFLOW: 6,
  SAMPLER: 7,
} as const;

const FLAG_ALL_PRESENT = 1;
const FLAG_FAILED = 2;
const FLAG_ERRORS = 4;
/**
 * Integers above this go as float64. A power less than JavaScript's safe range, so that the difference of any two of
 * them is still exact.
 */
const INTEGER_MAX = 2 ** 52 - 1;
const XOR_EQUAL = 0x80;

/** A sampler that ran. */
export interface ValuesBlock {
  readonly kind: 'values';
  readonly schemaNumber: number;
  readonly schema: Schema;
  /** Time of the reading minus the record's time, milliseconds. */
  readonly offsetMs: number;
  /** One value per series of the schema, in its order; what stands at an absent one is ignored. */
  readonly values: Float64Array;
  /** 1 per series that has a value; undefined when all have. */
  readonly present: Uint8Array | undefined;
  /** Reasons for some of the absent ones: index of the series and SAMPLE_ERROR. */
  readonly errors: readonly { readonly index: number; readonly code: number }[];
}

/** A sampler that failed as a whole. */
export interface FailedBlock {
  readonly kind: 'failed';
  readonly schemaNumber: number;
  readonly offsetMs: number;
  readonly code: number;
}

/** A block whose schema is not known, or was refused; only its number can be told. */
export interface UnknownBlock {
  readonly kind: 'unknown';
  readonly schemaNumber: number;
}

/** Whether `value` survives a round trip as an integer with `scale` decimals. */
export function fitsInteger(value: number, scale: number): boolean {
  const power = 10 ** scale;
  const integer = Math.round(value * power);
  // -0 would come back as 0, which is the same number to every reader; it is not worth a float.
  return Math.abs(integer) <= INTEGER_MAX && integer / power === value;
}

/**
 * Writes a samples body.
 * @throws AppError LIMIT_EXCEEDED (more than 64 blocks), RECORD_UNDECODABLE (a value that the format cannot hold: the
 *   caller checks with `fitsInteger` and `Number.isFinite`)
 */
export function encodeSamples(writer: ByteWriter, blocks: readonly (ValuesBlock | FailedBlock)[]): void {
  if (blocks.length > LIMITS.blocksPerRecord) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `${blocks.length} blocks in a record, at most ${LIMITS.blocksPerRecord}`,
    );
  }
  writer.varint(blocks.length);
  const rest = new ByteWriter(4096);
  for (const block of blocks) {
    writer.varint(block.schemaNumber);
    rest.reset();
    if (block.kind === 'failed') {
      rest.u8(FLAG_FAILED);
      rest.zigzag(block.offsetMs);
      rest.u8(block.code);
    } else {
      writeValues(rest, block);
    }
    writer.varint(rest.length);
    writer.bytes(rest.view());
  }
}

/**
 * Reads a samples body. A block whose schema is unknown does not hurt the others.
 * @param schemaOf the schema behind a number of this epoch, undefined when unknown or refused
 * @throws AppError RECORD_UNDECODABLE
 */
export function decodeSamples(
  body: Buffer,
  schemaOf: (schemaNumber: number) => Schema | undefined,
): (ValuesBlock | FailedBlock | UnknownBlock)[] {
  const reader = new ByteReader(body);
  const count = reader.varint();
  if (count < 1 || count > LIMITS.blocksPerRecord) {
    throw new AppError(
      'RECORD_UNDECODABLE',
      `${count} blocks in a record, 1 to ${LIMITS.blocksPerRecord} are allowed`,
    );
  }
  const blocks: (ValuesBlock | FailedBlock | UnknownBlock)[] = [];
  for (let i = 0; i < count; i++) {
    const schemaNumber = reader.varint();
    const block = reader.bytes(reader.varint());
    const schema = schemaOf(schemaNumber);
    blocks.push(
      schema === undefined
        ? { kind: 'unknown', schemaNumber }
        : readBlock(new ByteReader(block), schemaNumber, schema),
    );
  }
  reader.expectEnd();
  return blocks;
}

function writeValues(writer: ByteWriter, block: ValuesBlock): void {
  const { schema, values, present, errors } = block;
  const flags = (present === undefined ? FLAG_ALL_PRESENT : 0) | (errors.length > 0 ? FLAG_ERRORS : 0);
  writer.u8(flags);
  writer.zigzag(block.offsetMs);
  if (present !== undefined) writeBitmap(writer, present);
  if (errors.length > 0) {
    writer.varint(errors.length);
    for (const { index, code } of errors) {
      writer.varint(index);
      writer.u8(code);
    }
  }
  let index = 0;
  for (const metric of schema.metrics) {
    const end = index + metric.series.length;
    if (metric.encoding === 'integer') writeIntegers(writer, { metric, values, present, from: index, end });
    else writeFloats(writer, { metric, values, present, from: index, end });
    index = end;
  }
}

function writeBitmap(writer: ByteWriter, present: Uint8Array): void {
  for (let at = 0; at < present.length; at += 8) {
    let bits = 0;
    for (let bit = 0; bit < 8 && at + bit < present.length; bit++)
      if (present[at + bit] === 1) bits |= 1 << bit;
    writer.u8(bits);
  }
}

interface Column {
  readonly metric: SchemaMetric;
  readonly values: Float64Array;
  readonly present: Uint8Array | undefined;
  readonly from: number;
  readonly end: number;
}

function writeIntegers(writer: ByteWriter, { metric, values, present, from, end }: Column): void {
  const power = 10 ** metric.scale;
  let previous = 0;
  for (let i = from; i < end; i++) {
    if (present !== undefined && present[i] !== 1) continue;
    const value = values[i] ?? Number.NaN;
    const integer = Math.round(value * power);
    if (!(Math.abs(integer) <= INTEGER_MAX)) throw unwritable(metric, value);
    writer.zigzag(integer - previous);
    previous = integer;
  }
}

// One double seen as eight bytes, most significant first.
const scratch = Buffer.alloc(8);

function writeFloats(writer: ByteWriter, { metric, values, present, from, end }: Column): void {
  let previousHigh = 0;
  let previousLow = 0;
  for (let i = from; i < end; i++) {
    if (present !== undefined && present[i] !== 1) continue;
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value)) throw unwritable(metric, value);
    scratch.writeDoubleBE(value);
    const high = scratch.readUInt32BE(0);
    const low = scratch.readUInt32BE(4);
    scratch.writeUInt32BE((high ^ previousHigh) >>> 0, 0);
    scratch.writeUInt32BE((low ^ previousLow) >>> 0, 4);
    previousHigh = high;
    previousLow = low;
    writeXor(writer);
  }
}

/** Writes the XOR that stands in `scratch`: a control byte and the bytes between its zero bytes. */
function writeXor(writer: ByteWriter): void {
  let leading = 0;
  while (leading < 8 && scratch[leading] === 0) leading++;
  if (leading === 8) {
    writer.u8(XOR_EQUAL);
    return;
  }
  let trailing = 0;
  while (scratch[7 - trailing] === 0) trailing++;
  writer.u8((leading << 4) | trailing);
  writer.bytes(scratch.subarray(leading, 8 - trailing));
}

function readBlock(reader: ByteReader, schemaNumber: number, schema: Schema): ValuesBlock | FailedBlock {
  const flags = reader.u8();
  const offsetMs = reader.zigzag();
  if ((flags & FLAG_FAILED) !== 0) {
    const code = reader.u8();
    reader.expectEnd();
    return { kind: 'failed', schemaNumber, offsetMs, code };
  }
  if ((flags & ~(FLAG_ALL_PRESENT | FLAG_ERRORS)) !== 0) {
    throw new AppError('RECORD_UNDECODABLE', `block flags ${flags} are unknown`);
  }
  const present = (flags & FLAG_ALL_PRESENT) === 0 ? readBitmap(reader, schema.seriesCount) : undefined;
  const errors = (flags & FLAG_ERRORS) === 0 ? [] : readErrors(reader, schema.seriesCount);
  const values = new Float64Array(schema.seriesCount);
  let index = 0;
  for (const metric of schema.metrics) {
    const end = index + metric.series.length;
    if (metric.encoding === 'integer') readIntegers(reader, { metric, values, present, from: index, end });
    else readFloats(reader, { metric, values, present, from: index, end });
    index = end;
  }
  reader.expectEnd();
  return { kind: 'values', schemaNumber, schema, offsetMs, values, present, errors };
}

function readBitmap(reader: ByteReader, seriesCount: number): Uint8Array {
  const bytes = reader.bytes(Math.ceil(seriesCount / 8));
  const present = new Uint8Array(seriesCount);
  for (let i = 0; i < seriesCount; i++) present[i] = ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1;
  return present;
}

function readErrors(reader: ByteReader, seriesCount: number): { index: number; code: number }[] {
  const count = reader.varint();
  if (count > seriesCount)
    throw new AppError('RECORD_UNDECODABLE', `${count} errors for ${seriesCount} series`);
  const errors: { index: number; code: number }[] = [];
  for (let i = 0; i < count; i++) {
    const index = reader.varint();
    if (index >= seriesCount)
      throw new AppError('RECORD_UNDECODABLE', `error for series ${index} of ${seriesCount}`);
    errors.push({ index, code: reader.u8() });
  }
  return errors;
}

function readIntegers(reader: ByteReader, { metric, values, present, from, end }: Column): void {
  const power = 10 ** metric.scale;
  let integer = 0;
  for (let i = from; i < end; i++) {
    if (present !== undefined && present[i] !== 1) continue;
    integer += reader.zigzag();
    if (Math.abs(integer) > INTEGER_MAX) {
      throw new AppError('RECORD_UNDECODABLE', `value of metric ${metric.name} is out of range`);
    }
    values[i] = integer / power;
  }
}

function readFloats(reader: ByteReader, { metric, values, present, from, end }: Column): void {
  let high = 0;
  let low = 0;
  for (let i = from; i < end; i++) {
    if (present !== undefined && present[i] !== 1) continue;
    readXor(reader);
    high = (high ^ scratch.readUInt32BE(0)) >>> 0;
    low = (low ^ scratch.readUInt32BE(4)) >>> 0;
    scratch.writeUInt32BE(high, 0);
    scratch.writeUInt32BE(low, 4);
    const value = scratch.readDoubleBE();
    if (!Number.isFinite(value)) {
      throw new AppError('RECORD_UNDECODABLE', `value of metric ${metric.name} is not finite`);
    }
    values[i] = value;
  }
}

function readXor(reader: ByteReader): void {
  scratch.fill(0);
  const control = reader.u8();
  if (control === XOR_EQUAL) return;
  const leading = control >> 4;
  const trailing = control & 0x0f;
  if (leading + trailing > 7)
    throw new AppError('RECORD_UNDECODABLE', `float control byte ${control} is not allowed`);
  scratch.set(reader.bytes(8 - leading - trailing), leading);
}

function unwritable(metric: SchemaMetric, value: number): AppError {
  return new AppError(
    'RECORD_UNDECODABLE',
    `value ${value} of metric ${metric.name} cannot be written as ${metric.encoding}`,
  );
}
