/** A column as the file has it: the states of its rows, and the values of those that are present. */
import { STATE } from '../blocks/block.ts';
import { damaged } from './block-file.ts';
import { ChunkReader, type Chunk, type ChunkWriter } from './chunk.ts';
import { fromIntegers, toIntegers } from './decimals.ts';
import { readFloats, writeFloats } from './floats.ts';
import { areNear, readIntegers, writeIntegers } from './integers.ts';
import { Scratch } from './scratch.ts';

/** In the place of a number form: the values are no integers of any form. */
const FORM_FLOATS = 128;

/** Writes runs of equal states; nothing at all when every row is present. */
export function writeStates({ bytes }: ChunkWriter, states: Uint8Array | undefined): void {
  if (states === undefined || states.every((state) => state === STATE.PRESENT)) return;
  for (let at = 0; at < states.length;) {
    const state = states[at] ?? 0;
    let end = at + 1;
    while (end < states.length && states[end] === state) end++;
    bytes.varint((end - at) * 4 + state);
    at = end;
  }
}

/**
 * Reads what `writeStates` wrote; undefined when every row is present.
 * @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE
 */
export function readStates(chunk: Chunk, rowCount: number): Uint8Array | undefined {
  if (chunk.bytes.length === 0) return undefined;
  const { bytes } = new ChunkReader(chunk);
  const states = new Uint8Array(rowCount);
  let at = 0;
  while (bytes.remaining > 0) {
    const run = bytes.varint();
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

const presentMemory = new Scratch();
const integersMemory = new Scratch();

/** Writes the values at present rows; nothing at all when no row is. */
export function writeValues(writer: ChunkWriter, values: Float64Array, states: Uint8Array | undefined): void {
  const present = states === undefined ? values : presentValues(values, states);
  if (present.length === 0) return;
  // Most columns never change; whoever reads them knows how many rows there are.
  const telling = isConstant(present) ? present.subarray(0, 1) : present;
  const integers = integersMemory.take(telling.length);
  const form = toIntegers(telling, integers);
  if (form === undefined || !areNear(integers)) {
    writer.bytes.u8(FORM_FLOATS);
    writeFloats(writer, telling);
    return;
  }
  writer.bytes.u8(form);
  writeIntegers(writer, integers);
}

function presentValues(values: Float64Array, states: Uint8Array): Float64Array {
  const present = presentMemory.take(values.length);
  let count = 0;
  for (let row = 0; row < values.length; row++) {
    if (states[row] === STATE.PRESENT) present[count++] = values[row] ?? 0;
  }
  return present.subarray(0, count);
}

function isConstant(values: Float64Array): boolean {
  const first = values[0] ?? 0;
  for (let i = 1; i < values.length; i++) if (!Object.is(values[i], first)) return false;
  return true;
}

/**
 * Reads what `writeValues` wrote: a value per row, NaN where the row is not present.
 * @param values where they go, as many as rows were written
 * @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE
 */
export function readValues(reader: ChunkReader, values: Float64Array, states: Uint8Array | undefined): void {
  if (states === undefined) {
    readPresent(reader, values);
    return;
  }
  let count = 0;
  for (let row = 0; row < states.length; row++) if (states[row] === STATE.PRESENT) count++;
  if (count > 0) readPresent(reader, values.subarray(0, count));
  // From the last one on, because each value moves to a row that is not before it.
  for (let row = values.length - 1; row >= 0; row--)
    values[row] = states[row] === STATE.PRESENT ? (values[--count] ?? Number.NaN) : Number.NaN;
}

function readPresent(reader: ChunkReader, values: Float64Array): void {
  const form = reader.bytes.u8();
  if (form === FORM_FLOATS) {
    readFloats(reader, values);
    return;
  }
  readIntegers(reader, values);
  fromIntegers(values, form);
}
