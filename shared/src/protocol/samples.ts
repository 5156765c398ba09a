/**
 * The body of a samples record: one tick, one block of columns per sampler. Counters travel raw and cumulative. Values
 * are written metric by metric, each as the difference to the metric's previous one. Long, because the two directions of
 * one format are best read side by side.
 */
import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';
import { ByteReader, type ByteWriter } from '../lib/varint.ts';
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

/** Bits in front of a block. */
export const BLOCK_FLAG = { ALL_PRESENT: 1, FAILED: 2, ERRORS: 4 } as const;
/**
 * Integers above this go as float64. A power less than JavaScript's safe range, so that the difference of any two of
 * them is still exact.
 */
export const INTEGER_MAX = 2 ** 52 - 1;
/** Below this magnitude the zig-zag form of a difference is an integer of 31 bits. */
const SHORT_MAX = 0x4000_0000;
const XOR_EQUAL = 0x80;
/** By decimal scale: what integers are divided by. */
export const POWERS_OF_TEN = [1, 10, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9] as const;

/** What of a schema decides about the bytes of a block. */
export interface Layout {
  /** Series of all metrics. */
  readonly seriesCount: number;
  readonly metrics: readonly (Pick<SchemaMetric, 'name' | 'encoding' | 'scale'> & {
    readonly series: { readonly length: number };
  })[];
}

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
  const power = POWERS_OF_TEN[scale] ?? Number.NaN;
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
  for (const block of blocks) {
    writer.varint(block.schemaNumber);
    const start = writer.length;
    if (block.kind === 'failed') {
      writer.u8(BLOCK_FLAG.FAILED);
      writer.zigzag(block.offsetMs);
      writer.u8(block.code);
    } else {
      writeBlock(writer, block);
    }
    writer.prefixLength(start);
  }
}

/**
 * Reads a samples body. A block whose schema is unknown does not hurt the others. Memory is bounded by the series of one
 * agent, whatever the blocks claim: those beyond are told as unknown.
 * @param schemaOf the schema behind a number of this epoch, undefined when unknown or refused
 * @param allocate gives memory for so many values, of any content; the blocks keep it. By default each call gets its own
 * @throws AppError RECORD_UNDECODABLE
 */
export function decodeSamples(
  body: Buffer,
  schemaOf: (schemaNumber: number) => Schema | undefined,
  allocate: (count: number) => Float64Array<ArrayBuffer> = (count) => new Float64Array(count),
): (ValuesBlock | FailedBlock | UnknownBlock)[] {
  const reader = new ByteReader(body);
  // One allocation for all blocks: with several small ones it would cost more than the decoding.
  const allValues = allocate(countSeries(reader, schemaOf));
  let valuesUsed = 0;
  reader.seek(0);
  const blocks: (ValuesBlock | FailedBlock | UnknownBlock)[] = [];
  for (let count = reader.varint(); count > 0; count--) {
    const schemaNumber = reader.varint();
    const length = reader.varint();
    const end = reader.offset + length;
    const schema = schemaOf(schemaNumber);
    if (schema === undefined || schema.seriesCount > allValues.length - valuesUsed) {
      reader.skip(length);
      blocks.push({ kind: 'unknown', schemaNumber });
      continue;
    }
    const values = allValues.subarray(valuesUsed, valuesUsed + schema.seriesCount);
    valuesUsed += schema.seriesCount;
    blocks.push(readBlock(reader, { schemaNumber, schema, values }));
    if (reader.offset !== end) throw wrongLength(schemaNumber);
  }
  return blocks;
}

/** Where the values of one block go: that of the first series to `at`, each next one `step` further on. */
export interface RowPlace {
  readonly values: Float64Array;
  readonly at: number;
  readonly step: number;
}

/**
 * Reads a samples body straight into columns: the same values as `decodeSamples`, with no object per block. Samplers that
 * failed, and blocks that are told as unknown there, are left out.
 * @param schemaOf as for `decodeSamples`
 * @param rowFor called for each block that has values, which are read at once; `present` has a 1 for each series with a
 *   value, and is undefined when all have one. What stands at the others is left as it is
 * @throws AppError RECORD_UNDECODABLE; rows that were given before it may be filled
 */
export function decodeIntoColumns(
  body: Buffer,
  schemaOf: (schemaNumber: number) => Schema | undefined,
  rowFor: (schemaNumber: number, offsetMs: number, present: Uint8Array | undefined) => RowPlace,
): void {
  const reader = new ByteReader(body);
  let seriesLeft: number = LIMITS.seriesPerAgent;
  for (let count = readBlockCount(reader); count > 0; count--) {
    const schemaNumber = reader.varint();
    const length = reader.varint();
    const end = reader.offset + length;
    const schema = schemaOf(schemaNumber);
    if (schema === undefined || schema.seriesCount > seriesLeft) {
      reader.skip(length);
      continue;
    }
    seriesLeft -= schema.seriesCount;
    const head = readHead(reader, schema);
    if (head.failure === undefined) {
      const { offsetMs, present } = head;
      readValues(reader, schema, { ...rowFor(schemaNumber, offsetMs, present), present });
    }
    if (reader.offset !== end) throw wrongLength(schemaNumber);
  }
  reader.expectEnd();
}

/**
 * How many series the blocks with known schemas have, as far as the limit allows; checks the lengths of all blocks.
 * @throws AppError RECORD_UNDECODABLE
 */
export function countSeries(
  reader: ByteReader,
  schemaOf: (schemaNumber: number) => Schema | undefined,
): number {
  const count = readBlockCount(reader);
  let seriesCount = 0;
  for (let i = 0; i < count; i++) {
    const schema = schemaOf(reader.varint());
    reader.skip(reader.varint());
    if (schema !== undefined && seriesCount + schema.seriesCount <= LIMITS.seriesPerAgent) {
      seriesCount += schema.seriesCount;
    }
  }
  reader.expectEnd();
  return seriesCount;
}

/**
 * How many blocks follow.
 * @throws AppError RECORD_UNDECODABLE when there are none or too many
 */
export function readBlockCount(reader: ByteReader): number {
  const count = reader.varint();
  if (count < 1 || count > LIMITS.blocksPerRecord) {
    throw invalid(`${count} blocks in a record, 1 to ${LIMITS.blocksPerRecord} are allowed`);
  }
  return count;
}

function writeBlock(writer: ByteWriter, block: ValuesBlock): void {
  const { schema, values, present, errors } = block;
  assert(values.length === schema.seriesCount, 'one value per series of the schema');
  if (present !== undefined)
    assert(present.length === schema.seriesCount, 'one flag per series of the schema');
  writer.u8(
    (present === undefined ? BLOCK_FLAG.ALL_PRESENT : 0) | (errors.length > 0 ? BLOCK_FLAG.ERRORS : 0),
  );
  writer.zigzag(block.offsetMs);
  if (present !== undefined) writeBitmap(writer, present);
  if (errors.length > 0) {
    writer.varint(errors.length);
    for (const { index, code } of errors) {
      writer.varint(index);
      writer.u8(code);
    }
  }
  writeValues(writer, schema, { values, at: 0, step: 1, present });
}

function writeBitmap(writer: ByteWriter, present: Uint8Array): void {
  for (let at = 0; at < present.length; at += 8) {
    let bits = 0;
    for (let bit = 0; bit < 8 && at + bit < present.length; bit++)
      if (present[at + bit] === 1) bits |= 1 << bit;
    writer.u8(bits);
  }
}

/**
 * Writes the values that are present, metric by metric: what stands behind the head of a block.
 * @throws AppError RECORD_UNDECODABLE for a value that the layout cannot hold
 */
export function writeValues(writer: ByteWriter, layout: Layout, place: ValuesPlace): void {
  for (const run of runsOf(layout)) {
    if (run.isInteger) writeIntegers(writer, run, place);
    else writeFloats(writer, run, place);
  }
}

/**
 * The hottest loop of the agent: a difference of up to four bytes, which nearly all are, is written in place, for a call
 * per value or per metric would cost more than the value. The writer does the longer ones.
 */
function writeIntegers(
  writer: ByteWriter,
  run: Run,
  { values, at: firstFrom, step, present }: ValuesPlace,
): void {
  const { from, end, powers, begins } = run;
  const bytes = writer.roomForVarints(end - from);
  let at = writer.length;
  let previous = 0;
  for (let i = from; i < end; i++) {
    if (begins[i] === 1) previous = 0;
    if (present !== undefined && present[i] !== 1) continue;
    const value = values[firstFrom + i * step] ?? Number.NaN;
    const integer = Math.round(value * (powers[i] ?? Number.NaN));
    if (!(integer <= INTEGER_MAX && integer >= -INTEGER_MAX)) throw unwritable(run, i, value);
    const difference = integer - previous;
    previous = integer;
    if (difference < SHORT_MAX && difference > -SHORT_MAX) {
      let rest = (difference << 1) ^ (difference >> 31);
      while (rest > 0x7f) {
        bytes[at++] = (rest & 0x7f) | 0x80;
        rest >>= 7;
      }
      bytes[at++] = rest;
    } else {
      writer.seek(at);
      writer.zigzag(difference);
      at = writer.length;
    }
  }
  writer.seek(at);
}

// One double seen as its two halves. Only ever used between two statements, so nothing is shared.
const double = new DataView(new ArrayBuffer(8));

function writeFloats(writer: ByteWriter, run: Run, { values, at, step, present }: ValuesPlace): void {
  const { from, end, begins } = run;
  let previousHigh = 0;
  let previousLow = 0;
  for (let i = from; i < end; i++) {
    if (begins[i] === 1) previousHigh = previousLow = 0;
    if (present !== undefined && present[i] !== 1) continue;
    const value = values[at + i * step] ?? Number.NaN;
    if (!Number.isFinite(value)) throw unwritable(run, i, value);
    double.setFloat64(0, value);
    const high = double.getInt32(0);
    const low = double.getInt32(4);
    writeXor(writer, high ^ previousHigh, low ^ previousLow);
    previousHigh = high;
    previousLow = low;
  }
}

/** Writes eight bytes, most significant first: a control byte, then the bytes between the zero ones at both ends. */
function writeXor(writer: ByteWriter, high: number, low: number): void {
  if (high === 0 && low === 0) {
    writer.u8(XOR_EQUAL);
    return;
  }
  const leading = high === 0 ? 4 + leadingZeroBytes(low) : leadingZeroBytes(high);
  const trailing = low === 0 ? 4 + trailingZeroBytes(high) : trailingZeroBytes(low);
  writer.u8((leading << 4) | trailing);
  const end = 8 - trailing;
  if (end <= 4) {
    writer.bigEndian(high >>> (8 * (4 - end)), end - leading);
  } else {
    if (leading < 4) writer.bigEndian(high, 4 - leading);
    writer.bigEndian(low >>> (8 * trailing), end - Math.max(leading, 4));
  }
}

function leadingZeroBytes(word: number): number {
  return Math.clz32(word) >> 3;
}

function trailingZeroBytes(word: number): number {
  // The lowest set bit alone tells how many zeros stand below it.
  return (31 - Math.clz32(word & -word)) >> 3;
}

/**
 * Reads a block behind its length, up to what should be its end; the caller compares that with the declared length.
 * @param values where the values go, as many as the schema has series
 * @throws AppError RECORD_UNDECODABLE
 */
export function readBlock(
  reader: ByteReader,
  { schemaNumber, schema, values }: Pick<ValuesBlock, 'schemaNumber' | 'schema' | 'values'>,
): ValuesBlock | FailedBlock {
  const { offsetMs, failure, present, errors } = readHead(reader, schema);
  if (failure !== undefined) return { kind: 'failed', schemaNumber, offsetMs, code: failure };
  readValues(reader, schema, { values, at: 0, step: 1, present });
  return { kind: 'values', schemaNumber, schema, offsetMs, values, present, errors };
}

/** What stands in front of the values. */
export interface BlockHead {
  readonly offsetMs: number;
  /** Why the sampler failed as a whole; undefined when values follow. */
  readonly failure: number | undefined;
  readonly present: Uint8Array | undefined;
  readonly errors: ValuesBlock['errors'];
}

/**
 * Reads a block behind its length, up to its values.
 * @throws AppError RECORD_UNDECODABLE
 */
export function readHead(reader: ByteReader, { seriesCount }: Pick<Layout, 'seriesCount'>): BlockHead {
  const flags = reader.u8();
  const offsetMs = reader.zigzag();
  if (flags === BLOCK_FLAG.FAILED) return { offsetMs, failure: reader.u8(), present: undefined, errors: [] };
  if ((flags & ~(BLOCK_FLAG.ALL_PRESENT | BLOCK_FLAG.ERRORS)) !== 0)
    throw invalid(`block flags ${flags} are not allowed`);
  const present = (flags & BLOCK_FLAG.ALL_PRESENT) === 0 ? readBitmap(reader, seriesCount) : undefined;
  const errors = (flags & BLOCK_FLAG.ERRORS) === 0 ? [] : readErrors(reader, seriesCount);
  return { offsetMs, failure: undefined, present, errors };
}

/**
 * Reads what `writeValues` wrote; what stands at series without a value is left as it is.
 * @throws AppError RECORD_UNDECODABLE
 */
export function readValues(reader: ByteReader, layout: Layout, place: ValuesPlace): void {
  for (const run of runsOf(layout)) {
    if (run.isInteger) readIntegers(reader, run, place);
    else readFloats(reader, run, place);
  }
}

/** Neighbouring metrics that are written alike: the series from `from` on and before `end`. */
interface Run {
  readonly layout: Layout;
  readonly isInteger: boolean;
  readonly from: number;
  end: number;
  /** Per series of the schema: what its integers are divided by. */
  readonly powers: Float64Array;
  /** Per series of the schema: 1 where a metric begins, and with it the differences. */
  readonly begins: Uint8Array;
}

/** Where the values of a block stand, and which series have one: 1 each, undefined when all have. */
export interface ValuesPlace extends RowPlace {
  readonly present: Uint8Array | undefined;
}

const runsByLayout = new WeakMap<Layout, readonly Run[]>();

/** A layout as encoder and decoder want it; the same for every block of it. */
function runsOf(layout: Layout): readonly Run[] {
  const known = runsByLayout.get(layout);
  if (known !== undefined) return known;
  const runs: Run[] = [];
  const powers = new Float64Array(layout.seriesCount);
  const begins = new Uint8Array(layout.seriesCount);
  let from = 0;
  for (const { encoding, scale, series } of layout.metrics) {
    const isInteger = encoding === 'integer';
    const end = from + series.length;
    powers.fill(POWERS_OF_TEN[scale] ?? Number.NaN, from, end);
    if (end > from) begins[from] = 1;
    const last = runs.at(-1);
    if (last?.isInteger === isInteger) last.end = end;
    else runs.push({ layout, isInteger, from, end, powers, begins });
    from = end;
  }
  runsByLayout.set(layout, runs);
  return runs;
}

/** The name of the metric that a series belongs to. */
function metricName({ metrics }: Layout, index: number): string {
  let end = 0;
  return metrics.find(({ series }) => index < (end += series.length))?.name ?? '';
}

function readBitmap(reader: ByteReader, seriesCount: number): Uint8Array {
  const present = new Uint8Array(seriesCount);
  let bits = 0;
  for (let i = 0; i < seriesCount; i++) {
    bits = (i & 7) === 0 ? reader.u8() : bits >> 1;
    present[i] = bits & 1;
  }
  return present;
}

function readErrors(reader: ByteReader, seriesCount: number): { index: number; code: number }[] {
  const count = reader.varint();
  if (count > seriesCount) throw invalid(`${count} errors for ${seriesCount} series`);
  const errors: { index: number; code: number }[] = [];
  for (let i = 0; i < count; i++) {
    const index = reader.varint();
    if (index >= seriesCount) throw invalid(`error for series ${index} of ${seriesCount}`);
    errors.push({ index, code: reader.u8() });
  }
  return errors;
}

/**
 * The hottest loop of the collector: differences of up to four bytes, which nearly all are, are read in place. The
 * reader does the longer ones, the last bytes of the body, and refuses what is malformed.
 */
function readIntegers(
  reader: ByteReader,
  { layout, powers, begins, from, end }: Run,
  { values, at: firstTo, step, present }: ValuesPlace,
): void {
  const bytes = reader.source;
  const safeEnd = bytes.length - 4;
  let at = reader.offset;
  let integer = 0;
  for (let i = from; i < end; i++) {
    if (begins[i] === 1) integer = 0;
    if (present !== undefined && present[i] !== 1) continue;
    const start = at;
    let byte = at < safeEnd ? (bytes[at++] ?? 0) : 0;
    let bits = byte & 0x7f;
    if (byte > 0x7f) {
      byte = bytes[at++] ?? 0;
      bits |= (byte & 0x7f) << 7;
      if (byte > 0x7f) {
        byte = bytes[at++] ?? 0;
        bits |= (byte & 0x7f) << 14;
        if (byte > 0x7f) {
          byte = bytes[at++] ?? 0;
          bits |= (byte & 0x7f) << 21;
        }
      }
    }
    // Four bytes were not enough, or the last one is a zero: then a shorter form exists, which the reader refuses.
    if (at === start || byte > 0x7f || (byte === 0 && at > start + 1)) {
      reader.seek(start);
      integer += reader.zigzag();
      at = reader.offset;
    } else {
      integer += (bits >>> 1) ^ -(bits & 1);
    }
    if (integer > INTEGER_MAX || integer < -INTEGER_MAX)
      throw invalid(`value of metric ${metricName(layout, i)} is out of range`);
    values[firstTo + i * step] = integer / (powers[i] ?? 1);
  }
  reader.seek(at);
}

function readFloats(
  reader: ByteReader,
  { layout, begins, from, end: runEnd }: Run,
  { values, at, step, present }: ValuesPlace,
): void {
  let high = 0;
  let low = 0;
  for (let i = from; i < runEnd; i++) {
    if (begins[i] === 1) {
      high = 0;
      low = 0;
    }
    if (present !== undefined && present[i] !== 1) continue;
    const control = reader.u8();
    if (control !== XOR_EQUAL) {
      const leading = control >> 4;
      const trailing = control & 0x0f;
      const end = 8 - trailing;
      if (leading >= end)
        throw invalid(`control byte ${control} of metric ${metricName(layout, i)} is not allowed`);
      if (end <= 4) {
        high ^= reader.bigEndian(end - leading) << (8 * (4 - end));
      } else {
        if (leading < 4) high ^= reader.bigEndian(4 - leading);
        low ^= reader.bigEndian(end - Math.max(leading, 4)) << (8 * trailing);
      }
    }
    double.setInt32(0, high);
    double.setInt32(4, low);
    const value = double.getFloat64(0);
    if (!Number.isFinite(value)) throw invalid(`value of metric ${metricName(layout, i)} is not finite`);
    values[at + i * step] = value;
  }
}

function wrongLength(schemaNumber: number): AppError {
  return invalid(`length of the block of schema ${schemaNumber} is wrong`);
}

function unwritable({ layout, isInteger }: Run, index: number, value: number): AppError {
  const encoding = isInteger ? 'integer' : 'float64';
  return invalid(`value ${value} of metric ${metricName(layout, index)} cannot be written as ${encoding}`);
}

/** The error that bytes break the format of a samples body. */
export function invalid(message: string): AppError {
  return new AppError('RECORD_UNDECODABLE', message);
}
