/**
 * Floating-point numbers that are integers of no form: each is combined with the one before by exclusive or, which leaves
 * zeros where they are equal, and the results are written byte by byte: first the highest byte of all, and so on.
 */
import { damaged } from './block-file.ts';
import type { ChunkReader, ChunkWriter } from './chunk.ts';

const VALUE_BYTES = 8;
const HALF_BYTES = 4;
const MODE = { CONSTANT: 0, COMPRESSED: 1, NOISY: 2 } as const;
/** Sign, exponent and the upper bits of the fraction repeat; what is below is noise, unless whole values repeat. */
const UPPER_PLANES = 2;
const REPEATS_RATIO = 0.25;

/** Writes any numbers, at least one; NaN comes back as the one NaN of JavaScript. */
export function writeFloats({ bytes, noise }: ChunkWriter, values: Float64Array): void {
  const { planes, repeats } = split(values);
  if (repeats === values.length - 1) {
    const first = Buffer.alloc(VALUE_BYTES);
    first.writeDoubleLE(values[0] ?? 0);
    bytes.u8(MODE.CONSTANT);
    bytes.bytes(first);
    return;
  }
  const isNoisy = repeats < values.length * REPEATS_RATIO;
  const upper = (isNoisy ? UPPER_PLANES : VALUE_BYTES) * values.length;
  bytes.u8(isNoisy ? MODE.NOISY : MODE.COMPRESSED);
  bytes.bytes(planes.subarray(0, upper));
  noise.bytes(planes.subarray(upper));
}

/**
 * Reads what `writeFloats` wrote.
 * @param values where they go, as many as were written
 * @throws AppError BLOCK_DAMAGED, RECORD_UNDECODABLE
 */
export function readFloats(reader: ChunkReader, values: Float64Array): void {
  const mode = reader.bytes.u8();
  const count = values.length;
  switch (mode) {
    case MODE.CONSTANT:
      values.fill(reader.bytes.bytes(VALUE_BYTES).readDoubleLE());
      return;
    case MODE.COMPRESSED:
      join(reader.bytes.bytes(VALUE_BYTES * count), values);
      return;
    case MODE.NOISY: {
      const upper = reader.bytes.bytes(UPPER_PLANES * count);
      const lower = reader.noise((VALUE_BYTES - UPPER_PLANES) * count);
      join(Buffer.concat([upper, lower]), values);
      return;
    }
    default:
      throw damaged(`mode ${mode} of floats is unknown`);
  }
}

/** Planes of bytes, highest first, and how many values are equal to the one before. */
function split(values: Float64Array): { readonly planes: Buffer; readonly repeats: number } {
  const count = values.length;
  const bytes = Buffer.allocUnsafe(count * VALUE_BYTES);
  values.forEach((value, i) => bytes.writeDoubleLE(value, i * VALUE_BYTES));
  const planes = Buffer.allocUnsafe(bytes.length);
  let repeats = 0;
  let highBefore = 0;
  let lowBefore = 0;
  for (let i = 0; i < count; i++) {
    const low = bytes.readInt32LE(i * VALUE_BYTES);
    const high = bytes.readInt32LE(i * VALUE_BYTES + HALF_BYTES);
    if (i > 0 && high === highBefore && low === lowBefore) repeats++;
    for (let plane = 0; plane < HALF_BYTES; plane++) {
      const shift = 24 - 8 * plane;
      planes[plane * count + i] = (high ^ highBefore) >>> shift;
      planes[(plane + HALF_BYTES) * count + i] = (low ^ lowBefore) >>> shift;
    }
    highBefore = high;
    lowBefore = low;
  }
  return { planes, repeats };
}

// One double seen as its two halves. Only ever used between two statements, so nothing is shared.
const double = new DataView(new ArrayBuffer(VALUE_BYTES));

/** Undoes `split`. */
function join(planes: Buffer, values: Float64Array): void {
  const count = values.length;
  let high = 0;
  let low = 0;
  for (let i = 0; i < count; i++) {
    for (let plane = 0; plane < HALF_BYTES; plane++) {
      const shift = 24 - 8 * plane;
      high ^= (planes[plane * count + i] ?? 0) << shift;
      low ^= (planes[(plane + HALF_BYTES) * count + i] ?? 0) << shift;
    }
    double.setInt32(0, high);
    double.setInt32(HALF_BYTES, low);
    values[i] = double.getFloat64(0);
  }
}
