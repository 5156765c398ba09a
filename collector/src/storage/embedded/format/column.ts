/** A column as the file has it: the states of its rows, and the values of those that are present. */
import type { ByteReader, ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { STATE } from '../block.ts';
import { damaged } from './block-file.ts';
import { readIntegers, writeIntegers } from './integers.ts';

const KIND = { DECIMAL: 0, FLOAT: 16 } as const;
const SCALE_MAX = 15;
const INTEGER_MAX = 2 ** 51;

/** Runs of equal states; nothing at all when every row is present. */
export function writeStates(writer: ByteWriter, states: Uint8Array | undefined, rowCount: number): void {
  if (states === undefined || states.every((state) => state === STATE.PRESENT)) return;
  for (let at = 0; at < rowCount;) {
    const state = states[at] ?? 0;
    let end = at + 1;
    while (end < rowCount && states[end] === state) end++;
    writer.varint((end - at) * 4 + state);
    at = end;
  }
}

/**
 * @returns undefined when every row is present
 * @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE
 */
export function readStates(reader: ByteReader, rowCount: number): Uint8Array | undefined {
  if (reader.remaining === 0) return undefined;
  const states = new Uint8Array(rowCount);
  let at = 0;
  while (reader.remaining > 0) {
    const run = reader.varint();
    const state = run % 4;
    const length = Math.floor(run / 4);
    if (state > STATE.STALE || length === 0 || length > rowCount - at)
      throw damaged('its states make no sense');
    states.fill(state, at, at + length);
    at += length;
  }
  if (at !== rowCount) throw damaged('rows without a state');
  return states;
}

/** Writes the values at present rows; nothing at all when no row is. */
export function writeValues(writer: ByteWriter, values: Float64Array, states: Uint8Array | undefined): void {
  const present = states === undefined ? values : values.filter((_, i) => (states[i] ?? 0) === STATE.PRESENT);
  if (present.length === 0) return;
  const scale = scaleOf(present);
  if (scale === undefined) {
    writer.u8(KIND.FLOAT);
    writer.bytes(new Uint8Array(present.slice().buffer));
    return;
  }
  writer.u8(KIND.DECIMAL + scale);
  const power = 10 ** scale;
  writeIntegers(
    writer,
    present.map((value) => Math.round(value * power)),
  );
}

/**
 * @returns a value per row, NaN where the row is not present
 * @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE
 */
export function readValues(
  reader: ByteReader,
  rowCount: number,
  states: Uint8Array | undefined,
): Float64Array {
  let count = rowCount;
  if (states !== undefined) count = states.reduce((sum, state) => sum + (state === STATE.PRESENT ? 1 : 0), 0);
  const present = count === 0 ? new Float64Array(0) : readPresent(reader, count);
  reader.expectEnd();
  if (states === undefined) return present;
  const values = new Float64Array(rowCount).fill(Number.NaN);
  let at = 0;
  for (let i = 0; i < rowCount; i++) if (states[i] === STATE.PRESENT) values[i] = present[at++] ?? Number.NaN;
  return values;
}

function readPresent(reader: ByteReader, count: number): Float64Array {
  const kind = reader.u8();
  if (kind === KIND.FLOAT) {
    const bytes = reader.bytes(count * 8);
    return new Float64Array(Uint8Array.prototype.slice.call(bytes).buffer);
  }
  if (kind > KIND.DECIMAL + SCALE_MAX) throw damaged(`kind ${kind} of column is unknown`);
  const integers = readIntegers(reader, count);
  const power = 10 ** kind;
  for (let i = 0; i < count; i++) integers[i] = (integers[i] ?? 0) / power;
  return integers;
}

/** The least number of decimals that all values have exactly, undefined when there is none. */
function scaleOf(values: Float64Array): number | undefined {
  let scale = 0;
  for (const value of values) {
    if (Object.is(value, -0)) return undefined;
    while (!fits(value, 10 ** scale)) {
      scale++;
      if (scale > SCALE_MAX) return undefined;
    }
  }
  // A larger scale may push an earlier value out of range.
  return values.every((value) => fits(value, 10 ** scale)) ? scale : undefined;
}

function fits(value: number, power: number): boolean {
  const integer = Math.round(value * power);
  return Math.abs(integer) <= INTEGER_MAX && integer / power === value;
}
