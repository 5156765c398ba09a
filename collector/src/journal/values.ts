/**
 * Memory for decoded values, taken from pieces of 128 KiB: typed arrays of a few hundred bytes each cost more to make and
 * to collect than to fill. Values that are decoded together are forgotten together, so pieces do not linger.
 */
const PIECE_VALUES = 16_384;

let piece = new Float64Array(PIECE_VALUES);
let used = 0;

/** Room for `count` values, for the caller alone. What is too large for a piece gets memory of its own. */
export function allocateValues(count: number): Float64Array<ArrayBuffer> {
  if (count > PIECE_VALUES / 4) return new Float64Array(count);
  if (used + count > PIECE_VALUES) {
    piece = new Float64Array(PIECE_VALUES);
    used = 0;
  }
  const values = piece.subarray(used, used + count);
  used += count;
  return values;
}
