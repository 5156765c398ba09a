/** Runs of integers as the file has them: differences, zig-zag, varint. */
import type { ByteReader, ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { damaged } from './block-file.ts';

const METHOD = { CONSTANT: 0, DELTA: 1, DOUBLE_DELTA: 2 } as const;

/** @param integers at least one, of at most 2^52 in magnitude, so that differences are exact */
export function writeIntegers(writer: ByteWriter, integers: Float64Array): void {
  const first = integers[0] ?? 0;
  let deltaCost = 0;
  let doubleCost = 0;
  let before = first;
  let deltaBefore = 0;
  for (const value of integers) {
    const delta = value - before;
    deltaCost += Math.log2(1 + Math.abs(delta));
    doubleCost += Math.log2(1 + Math.abs(delta - deltaBefore));
    before = value;
    deltaBefore = delta;
  }
  const method =
    deltaCost === 0 ? METHOD.CONSTANT : doubleCost < deltaCost ? METHOD.DOUBLE_DELTA : METHOD.DELTA;
  writer.u8(method);
  writer.zigzag(first);
  if (method === METHOD.CONSTANT) return;
  before = first;
  deltaBefore = 0;
  for (let i = 1; i < integers.length; i++) {
    const value = integers[i] ?? 0;
    const delta = value - before;
    writer.zigzag(method === METHOD.DELTA ? delta : delta - deltaBefore);
    before = value;
    deltaBefore = delta;
  }
}

/** @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE */
export function readIntegers(reader: ByteReader, count: number): Float64Array {
  const method = reader.u8();
  const first = reader.zigzag();
  const integers = new Float64Array(count);
  integers.fill(first);
  if (method === METHOD.CONSTANT) return integers;
  if (method > METHOD.DOUBLE_DELTA) throw damaged(`method ${method} of integers is unknown`);
  let value = first;
  let delta = 0;
  for (let i = 1; i < count; i++) {
    delta = method === METHOD.DELTA ? reader.zigzag() : delta + reader.zigzag();
    value += delta;
    integers[i] = value;
  }
  return integers;
}
