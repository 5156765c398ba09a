/**
 * Numbers as text without making a string of each: the shortest decimal that reads as the same number, as `String` gives it.
 * Most of what an answer costs is its numbers, and most of those are rates and shares with all their digits.
 */

const SIZE_MIN = 1e-6;
const SIZE_END = 1e16;
/** Of numbers in these bounds: floor(log10), floor(log2). */
const TENS_MIN = -6;
const TWOS_MIN = -20;
const TWOS_MAX = 53;
/** Enough digits for any number, 9 and 8 of which are handled together. */
const DIGITS = 17;
const TAIL_DIGITS = 8;
const TAIL = 1e8;
/** What is as near as this to where a digit would change is left to the engine; the sums below are off by less than 1e-7. */
const DOUBT = 1e-6;

/** Powers from 10^-6 on; those below 1 are the nearest numbers to them. */
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i + TENS_MIN}`));
/** 10^0 to 10^22, all of which are exact, each as a sum of two numbers of few bits. */
const SCALES = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const SPLITTER = 2 ** 27 + 1;
const SCALE_HEADS = SCALES.map(headOf);
const SCALE_RESTS = SCALES.map((scale, i) => scale - (SCALE_HEADS[i] ?? 0));
/** Half of the distance to the next number, by floor(log2). */
const HALF_STEPS = Float64Array.from({ length: TWOS_MAX - TWOS_MIN + 1 }, (_, i) => 2 ** (i + TWOS_MIN - 53));

const MINUS = 45;
const POINT = 46;
const DIGIT_0 = 48;
/** Two digits of each number below 100, as characters. */
export const DIGIT_PAIRS = Uint8Array.from(
  { length: 200 },
  (_, i) => DIGIT_0 + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10),
);

const BITS = new DataView(new ArrayBuffer(8));

/** Numbers of thousandths that fit into 32 bits. */
const THOUSANDTHS_END = 2e9;

/**
 * Writes a number that is a whole number of thousandths, and no whole number, to `at`, where there is room for 12 bytes: what is
 * measured in hundredths or in per cent.
 * @returns where it ends; -1 for other numbers and those from two million on
 *
 * Of the decimals with up to fifteen digits only one reads as a given number, so that one is the shortest.
 */
export function writeThousandths(value: number, bytes: Uint8Array, at: number): number {
  const product = Math.abs(value) * 1_000;
  if (!(product < THOUSANDTHS_END)) return -1;
  const all = (product + 0.5) | 0;
  if (all / 1_000 !== Math.abs(value)) return -1;
  const whole = (all / 1_000) | 0;
  const rest = all - whole * 1_000;
  if (rest === 0) return -1;
  let start = at;
  if (value < 0) bytes[start++] = MINUS;
  let digits = 1;
  for (let limit = 10; whole >= limit; limit *= 10) digits++;
  for (let place = start + digits - 1, left = whole; place >= start; place--) {
    const tenth = (left / 10) | 0;
    bytes[place] = DIGIT_0 + left - tenth * 10;
    left = tenth;
  }
  let end = start + digits;
  bytes[end++] = POINT;
  const tenths = (rest / 100) | 0;
  bytes[end++] = DIGIT_0 + tenths;
  const pair = 2 * (rest - tenths * 100);
  if (pair === 0) return end;
  bytes[end++] = DIGIT_PAIRS[pair] ?? DIGIT_0;
  const last = DIGIT_PAIRS[pair + 1] ?? DIGIT_0;
  if (last !== DIGIT_0) bytes[end++] = last;
  return end;
}

/**
 * Writes a number to `at`, where there is room for 32 bytes.
 * @returns where it ends; -1 for what is left to others: whole, very large and very small numbers, NaN, some powers of two, and
 * what is too close to call: of rates 0 to 10 in a million, of numbers with fractions about a fifth from 10^14 on and nearly
 * all from 10^15 on. What stands behind `at` is of no meaning then
 *
 * The number is multiplied with a power of ten that makes 17 digits of it. The product is exact, as a sum of two numbers
 * (T. J. Dekker, A floating-point technique for extending the available precision, 1971). Of the multiples of 100, of 10 and of
 * 1 the first is taken that is nearer to it than half of the distance to the next number, so that it reads as the same.
 */
export function writeDecimal(value: number, bytes: Uint8Array, at: number): number {
  const size = Math.abs(value);
  if (!(size >= SIZE_MIN && size < SIZE_END)) return -1;
  BITS.setFloat64(0, size);
  const word = BITS.getInt32(0);
  const twos = (word >> 20) - 1_023;
  // 1233 / 4096 is a little less than log10(2), so this may be one too few.
  let tens = (twos * 1_233) >> 12;
  if (size >= (POWERS[tens + 1 - TENS_MIN] ?? 0)) tens++;
  const place = DIGITS - 1 - tens;
  const scale = SCALES[place] ?? 0;
  const scaleHead = SCALE_HEADS[place] ?? 0;
  const scaleRest = SCALE_RESTS[place] ?? 0;
  const product = size * scale;
  const head = headOf(size);
  const rest = size - head;
  const error = head * scaleHead - product + head * scaleRest + rest * scaleHead + rest * scaleRest;

  let top = Math.floor(product / TAIL);
  let low = product - top * TAIL + error;
  if (low < 0) {
    top--;
    low += TAIL;
  }
  const isPowerOfTwo = (word & 0xfffff) === 0 && BITS.getInt32(4) === 0;
  // The number below a power of two is half as far away.
  const reach = (HALF_STEPS[twos - TWOS_MIN] ?? 0) * scale * (isPowerOfTwo ? 0.5 : 1);
  let tail = nearest(low, 100);
  const missing = Math.abs(low - tail);
  if (missing > reach - DOUBT) {
    if (missing < reach + DOUBT || isPowerOfTwo) return -1;
    tail = nearest(low, 10);
    const missingTen = Math.abs(low - tail);
    if (missingTen > 5 - DOUBT) return -1;
    if (missingTen > reach - DOUBT) {
      if (missingTen < reach + DOUBT) return -1;
      tail = nearest(low, 1);
      if (Math.abs(low - tail) > 0.5 - DOUBT) return -1;
    }
  }
  if (tail === TAIL) {
    top++;
    tail = 0;
  }
  let start = at;
  if (value < 0) bytes[start++] = MINUS;
  if (tens < 0) {
    bytes[start++] = DIGIT_0;
    bytes[start++] = POINT;
    for (let zeros = -1; zeros > tens; zeros--) bytes[start++] = DIGIT_0;
    return writeDigits(top, tail, bytes, start);
  }
  // One too far to the right; what stands before the point goes back to its place.
  const end = writeDigits(top, tail, bytes, start + 1);
  const pointAt = start + tens + 1;
  for (let digit = start; digit < pointAt; digit++) bytes[digit] = bytes[digit + 1] ?? DIGIT_0;
  bytes[pointAt] = POINT;
  return end > pointAt + 1 ? end : -1;
}

/** The first bits of a number, so few that the product of two such numbers is exact. */
function headOf(value: number): number {
  const large = SPLITTER * value;
  return large - (large - value);
}

/** The multiple of `unit` nearest to a number. */
function nearest(value: number, unit: number): number {
  return Math.floor(value / unit + 0.5) * unit;
}

/** Writes nine digits and eight digits, without zeros at the end. @returns where they end */
function writeDigits(top: number, tail: number, bytes: Uint8Array, at: number): number {
  const high = (top / 10_000) | 0;
  bytes[at] = DIGIT_0 + ((high / 10_000) | 0);
  writeFour(high % 10_000, bytes, at + 1);
  writeFour(top % 10_000, bytes, at + 5);
  let end = at + DIGITS - TAIL_DIGITS;
  if (tail !== 0) {
    writeFour((tail / 10_000) | 0, bytes, end);
    writeFour(tail % 10_000, bytes, end + 4);
    end += TAIL_DIGITS;
  }
  while (bytes[end - 1] === DIGIT_0) end--;
  return end;
}

function writeFour(value: number, bytes: Uint8Array, at: number): void {
  const high = (value / 100) | 0;
  const low = value - high * 100;
  bytes[at] = DIGIT_PAIRS[2 * high] ?? DIGIT_0;
  bytes[at + 1] = DIGIT_PAIRS[2 * high + 1] ?? DIGIT_0;
  bytes[at + 2] = DIGIT_PAIRS[2 * low] ?? DIGIT_0;
  bytes[at + 3] = DIGIT_PAIRS[2 * low + 1] ?? DIGIT_0;
}
