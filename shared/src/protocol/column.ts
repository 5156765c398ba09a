/**
 * The values of one series over the ticks of a batch. Most series stand still, rise steadily or move little from tick to
 * tick, so what is written is the difference to the tick before, or the difference of differences. docs/protocol.md,
 * "Columns".
 */
import type { ByteReader, ByteWriter } from '../lib/varint.ts';
import { invalid, INTEGER_MAX, POWERS_OF_TEN, readValues, writeValues, type Layout } from './samples.ts';
import type { ValueEncoding } from './schema.ts';

/** How the values follow one another; the low four bits of a column's first byte. */
const FORM = {
  /** The first value, and the one difference that all others have to those before them. */
  STEADY: 0,
  /** The first value, and the differences. */
  DIFFERENCES: 1,
  /** The first value, the first difference, and the differences of differences. */
  BENDS: 2,
  /** No integers: as a metric of a samples body. */
  FLOATS: 3,
} as const;

/** Differences below this can be subtracted from each other and stay safe integers. */
const BENDS_MAX = 2 ** 51;
/** Nobody measures with more decimals, and what has more is taken for floating point. */
const DECIMALS_MAX = POWERS_OF_TEN.length - 1;

/**
 * Writes a column.
 * @param values at least one, finite; integers of at most INTEGER_MAX where that is the encoding. Overwritten
 */
export function writeColumn(writer: ByteWriter, values: Float64Array, encoding: ValueEncoding): void {
  const decimals = encoding === 'integer' ? 0 : decimalsOf(values);
  if (decimals === undefined) {
    writer.u8(FORM.FLOATS);
    writeValues(writer, floatsLayout(values.length), { values, at: 0, step: 1, present: undefined });
    return;
  }
  const power = POWERS_OF_TEN[decimals] ?? Number.NaN;
  if (decimals > 0) for (let i = 0; i < values.length; i++) values[i] = Math.round((values[i] ?? 0) * power);
  const form = formOf(values);
  writer.u8((decimals << 4) | form);
  let [previous = 0] = values;
  writer.zigzag(previous);
  let slope = 0;
  const end = form === FORM.STEADY ? Math.min(2, values.length) : values.length;
  for (let i = 1; i < end; i++) {
    const value = values[i] ?? 0;
    const difference = value - previous;
    writer.zigzag(difference - slope);
    previous = value;
    if (form === FORM.BENDS) slope = difference;
  }
}

/**
 * Reads what `writeColumn` wrote. What its differences add up to is not judged here: the body of a record does not take
 * what it cannot hold.
 * @param values as many as there are to read, at least one
 * @throws AppError RECORD_UNDECODABLE
 */
export function readColumn(reader: ByteReader, values: Float64Array, encoding: ValueEncoding): void {
  const first = reader.u8();
  const form = first & 0x0f;
  const decimals = first >> 4;
  const isAllowed =
    encoding === 'integer'
      ? decimals === 0 && form < FORM.FLOATS
      : form < FORM.FLOATS || first === FORM.FLOATS;
  if (!isAllowed || decimals > DECIMALS_MAX)
    throw invalid(`form ${first} of a column of ${encoding} is not allowed`);
  if (form === FORM.FLOATS) {
    readValues(reader, floatsLayout(values.length), { values, at: 0, step: 1, present: undefined });
    return;
  }
  readIntegers(reader, form, values);
  if (decimals === 0) return;
  const power = POWERS_OF_TEN[decimals] ?? Number.NaN;
  for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) / power;
}

/** A loop for each form, since this runs for each value of a backlog. */
function readIntegers(reader: ByteReader, form: number, values: Float64Array): void {
  let value = reader.zigzag();
  values[0] = value;
  if (values.length === 1) return;
  if (form === FORM.DIFFERENCES) {
    for (let i = 1; i < values.length; i++) {
      value += reader.zigzag();
      values[i] = value;
    }
    return;
  }
  let slope = reader.zigzag();
  value += slope;
  values[1] = value;
  for (let i = 2; i < values.length; i++) {
    if (form === FORM.BENDS) slope += reader.zigzag();
    value += slope;
    values[i] = value;
  }
}

/** The form that takes the fewest bits. */
function formOf(values: Float64Array): (typeof FORM)[keyof typeof FORM] {
  let isSteady = true;
  let isSafe = true;
  let differenceBits = 0;
  let bendBits = 0;
  let slope = 0;
  let [previous = 0] = values;
  for (let i = 1; i < values.length; i++) {
    const value = values[i] ?? 0;
    const difference = value - previous;
    const bend = difference - slope;
    if (i > 1 && bend !== 0) isSteady = false;
    if (difference >= BENDS_MAX || difference <= -BENDS_MAX) isSafe = false;
    differenceBits += bitsOf(difference);
    bendBits += bitsOf(bend);
    previous = value;
    slope = difference;
  }
  if (isSteady) return FORM.STEADY;
  return isSafe && bendBits < differenceBits ? FORM.BENDS : FORM.DIFFERENCES;
}

/** Bits of the magnitude, up to 32, for which no column is looked at more closely. */
function bitsOf(difference: number): number {
  return 32 - Math.clz32(Math.min(Math.abs(difference), 0xffff_ffff));
}

/**
 * The fewest decimals with which all values come back from integers to the last bit; undefined when there are none. A
 * value that has few enough stays exact with more, as long as its integer is in range, so one more look at all suffices.
 */
function decimalsOf(values: Float64Array): number | undefined {
  let decimals = 0;
  for (const value of values) {
    while (!isExact(value, decimals)) if (++decimals > DECIMALS_MAX) return undefined;
  }
  return values.every((value) => isExact(value, decimals)) ? decimals : undefined;
}

function isExact(value: number, decimals: number): boolean {
  const power = POWERS_OF_TEN[decimals] ?? Number.NaN;
  const integer = Math.round(value * power);
  if (integer === 0) return Object.is(value, 0);
  return Math.abs(integer) <= INTEGER_MAX && integer / power === value;
}

function floatsLayout(count: number): Layout {
  const metric = { name: '', encoding: 'float64', scale: 0, series: { length: count } } as const;
  return { seriesCount: count, metrics: [metric] };
}
