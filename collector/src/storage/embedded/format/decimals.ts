/**
 * Turns floating-point numbers into integers from which the same bits come back. Most metrics are decimal fractions, or
 * come from integers by one operation that is known: the encoder tries these operations, the decoder repeats the one that
 * fits all values of a column.
 */
import { damaged } from './block-file.ts';

/**
 * How a column's values come from integers, as one byte: 0 to 15 divide by 10^form, 17 to 31 multiply by 10^-(form - 16),
 * 32 divides by 1000 twice, 65 to 127 divide by 2^(form - 64).
 */
export type NumberForm = number;

const DECIMALS_MAX = 15;
const MULTIPLY = 16;
const THOUSAND_TWICE = 32;
const BINARY = 64;
const BINARY_MAX = 63;
const INTEGER_MAX = Number.MAX_SAFE_INTEGER;

/** 10^0 to 10^15, and their reciprocals as programs write them. */
const POWERS = Array.from({ length: DECIMALS_MAX + 1 }, (_, scale) => Number(`1e${scale}`));
const FRACTIONS = Array.from({ length: DECIMALS_MAX + 1 }, (_, scale) => Number(`1e-${scale}`));

/**
 * Fills in the integers of all `values`, as many as there are, in the first form that fits them exactly.
 * @returns the form; undefined when none fits, and then `integers` is of no meaning
 */
export function toIntegers(values: Float64Array, integers: Float64Array): NumberForm | undefined {
  return (
    decimal(values, integers, 0) ??
    decimal(values, integers, MULTIPLY) ??
    thousandTwice(values, integers) ??
    binary(values, integers)
  );
}

/**
 * Undoes `toIntegers` in place.
 * @throws AppError BLOCK_DAMAGED for a form that does not exist
 */
export function fromIntegers(integers: Float64Array, form: NumberForm): void {
  const kind = form & ~(form < BINARY ? DECIMALS_MAX : BINARY_MAX);
  const scale = form - kind;
  if (form === 0) return;
  if (kind === 0) {
    const power = POWERS[scale] ?? 1;
    for (let i = 0; i < integers.length; i++) integers[i] = (integers[i] ?? 0) / power;
  } else if (kind === MULTIPLY) {
    const fraction = FRACTIONS[scale] ?? 1;
    for (let i = 0; i < integers.length; i++) integers[i] = (integers[i] ?? 0) * fraction;
  } else if (form === THOUSAND_TWICE) {
    for (let i = 0; i < integers.length; i++) integers[i] = (integers[i] ?? 0) / 1000 / 1000;
  } else if (kind === BINARY) {
    const fraction = 2 ** -scale;
    for (let i = 0; i < integers.length; i++) integers[i] = (integers[i] ?? 0) * fraction;
  } else {
    throw damaged(`form ${form} of numbers is unknown`);
  }
}

/**
 * Integers with the fewest decimals that give every value back.
 * @param kind 0 to divide by a power of ten, MULTIPLY to multiply by its reciprocal
 */
function decimal(
  values: Float64Array,
  integers: Float64Array,
  kind: 0 | typeof MULTIPLY,
): NumberForm | undefined {
  let scale = kind === 0 ? 0 : 1;
  let fitting = 0;
  for (;;) {
    fitting = fillDecimals(values, integers, { kind, scale });
    if (fitting === values.length) return kind + scale;
    // The first value that does not fit tells how many decimals are needed at least.
    const one = values.subarray(fitting, fitting + 1);
    do {
      if (++scale > DECIMALS_MAX) return undefined;
    } while (fillDecimals(one, integers, { kind, scale }) === 0);
  }
}

/** Fills in integers up to the first value that has no exact one; the result says how many have. */
function fillDecimals(
  values: Float64Array,
  integers: Float64Array,
  { kind, scale }: { readonly kind: number; readonly scale: number },
): number {
  const power = POWERS[scale] ?? 1;
  const fraction = FRACTIONS[scale] ?? 1;
  const count = values.length;
  for (let i = 0; i < count; i++) {
    const value = values[i] ?? 0;
    // Most values are integers, and no division costs less than one by 1.
    const integer = scale === 0 ? Math.floor(value) : Math.round(value * power);
    const restored = scale === 0 ? integer : kind === 0 ? integer / power : integer * fraction;
    if (restored !== value || !isWhole(integer, value)) return i;
    integers[i] = integer;
  }
  return count;
}

/** Microseconds as seconds, where a program divided by a thousand twice, as some exporters do. */
function thousandTwice(values: Float64Array, integers: Float64Array): NumberForm | undefined {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    const integer = Math.round(value * 1e6);
    if (!isWhole(integer, value) || integer / 1000 / 1000 !== value) return undefined;
    integers[i] = integer;
  }
  return THOUSAND_TWICE;
}

/** Multiples of a power of two: any numbers of similar magnitude, such as seconds since 1970 with all their digits. */
function binary(values: Float64Array, integers: Float64Array): NumberForm | undefined {
  let exponent = 1;
  let factor = 2;
  let magnitudeMax = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (!isWhole(0, value)) return undefined;
    magnitudeMax = Math.max(magnitudeMax, Math.abs(value));
    while (!Number.isInteger(value * factor)) {
      exponent++;
      factor *= 2;
      if (exponent > BINARY_MAX) return undefined;
    }
    if (magnitudeMax * factor > INTEGER_MAX) return undefined;
  }
  for (let i = 0; i < values.length; i++) integers[i] = (values[i] ?? 0) * factor;
  return BINARY + exponent;
}

/** Whether the integer is exact, and its value not one that integers do not have: NaN, an infinity or negative zero. */
function isWhole(integer: number, value: number): boolean {
  return Math.abs(integer) <= INTEGER_MAX && Math.abs(value) < Infinity && !Object.is(value, -0);
}
