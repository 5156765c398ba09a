/** Runs of small unsigned integers, each of the same number of bits, least significant bits first. */
import { damaged } from './block-file.ts';

/** What fits beside seven waiting bits in a 31-bit integer. */
const PUSH_BITS_MAX = 24;
const PUSH_RANGE = 2 ** PUSH_BITS_MAX;
const WORD_BYTES = 4;

/** Bytes that `count` integers of `width` bits take. */
export function bitsLength(count: number, width: number): number {
  return Math.ceil((count * width) / 8);
}

/**
 * Packs integers.
 * @param integers whole, from 0 to 2^`width` - 1
 * @param width 0 to 48
 * @param packed where they go, exactly as many bytes as they take
 */
export function packBits(integers: Float64Array, width: number, packed: Uint8Array): void {
  const lowWidth = Math.min(width, PUSH_BITS_MAX);
  const highWidth = width - lowWidth;
  let at = 0;
  let waiting = 0;
  let waitingBits = 0;
  for (let i = 0; i < integers.length; i++) {
    const integer = integers[i] ?? 0;
    const high = highWidth === 0 ? 0 : Math.floor(integer / PUSH_RANGE);
    waiting |= (integer - high * PUSH_RANGE) << waitingBits;
    waitingBits += lowWidth;
    for (; waitingBits >= 8; waitingBits -= 8, waiting >>>= 8) packed[at++] = waiting;
    if (highWidth === 0) continue;
    waiting |= high << waitingBits;
    waitingBits += highWidth;
    for (; waitingBits >= 8; waitingBits -= 8, waiting >>>= 8) packed[at++] = waiting;
  }
  if (waitingBits > 0) packed[at] = waiting;
}

/**
 * Unpacks `count` integers of `width` bits.
 * @param packed exactly as many bytes as they take
 * @throws AppError BLOCK_DAMAGED when there are more or fewer
 */
export function unpackBits(packed: Buffer, count: number, width: number): Float64Array {
  if (packed.length !== bitsLength(count, width)) throw damaged('packed bits of another length');
  const integers = new Float64Array(count);
  if (width === 0) return integers;
  // A word of 32 bits that begins at the byte of any bit has 25 bits from that one on; behind the end stand zeros.
  const padded = new Uint8Array(packed.length + WORD_BYTES);
  padded.set(packed);
  const view = new DataView(padded.buffer);
  const lowWidth = Math.min(width, PUSH_BITS_MAX);
  const lowMask = 2 ** lowWidth - 1;
  const highMask = 2 ** (width - lowWidth) - 1;
  let bit = 0;
  for (let i = 0; i < count; i++) {
    let integer = (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & lowMask;
    if (highMask > 0) {
      const highBit = bit + lowWidth;
      integer += ((view.getUint32(highBit >>> 3, true) >>> (highBit & 7)) & highMask) * PUSH_RANGE;
    }
    integers[i] = integer;
    bit += width;
  }
  return integers;
}
