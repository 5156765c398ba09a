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

/** Integers and the form in which they stand for the values. */
export interface Integers {
  readonly form: NumberForm;
  readonly integers: Float64Array;
}

/** The integers of all `values` in the first form that fits them exactly; undefined when none does. */
export function toIntegers(values: Float64Array): Integers | undefined {
  return decimal(values, 0) ?? decimal(values, MULTIPLY) ?? thousandTwice(values) ?? binary(values);
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
function decimal(values: Float64Array, kind: 0 | typeof MULTIPLY): Integers | undefined {
  const integers = new Float64Array(values.length);
  let scale = kind === 0 ? 0 : 1;
  for (;;) {
    const fitting = fillDecimals(integers, { values, kind, scale });
    if (fitting === values.length) return { form: kind + scale, integers };
    // The first value that does not fit tells how many decimals are needed at least.
    const one = { values: values.subarray(fitting, fitting + 1), kind };
    do {
      if (++scale > DECIMALS_MAX) return undefined;
    } while (fillDecimals(integers, { ...one, scale }) === 0);
  }
}

/** Fills in integers up to the first value that has no exact one; the result says how many have. */
function fillDecimals(
  integers: Float64Array,
  how: { readonly values: Float64Array; readonly kind: number; readonly scale: number },
): number {
  const { values, kind, scale } = how;
  const power = POWERS[scale] ?? 1;
  const fraction = FRACTIONS[scale] ?? 1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    const integer = Math.round(value * power);
    const restored = kind === 0 ? integer / power : integer * fraction;
    if (restored !== value || !isWhole(integer, value)) return i;
    integers[i] = integer;
  }
  return values.length;
}

/** Microseconds as seconds, where a program divided by a thousand twice, as some exporters do. */
function thousandTwice(values: Float64Array): Integers | undefined {
  const integers = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    const integer = Math.round(value * 1e6);
    if (!isWhole(integer, value) || integer / 1000 / 1000 !== value) return undefined;
    integers[i] = integer;
  }
  return { form: THOUSAND_TWICE, integers };
}

/** Multiples of a power of two: any numbers of similar magnitude, such as seconds since 1970 with all their digits. */
function binary(values: Float64Array): Integers | undefined {
  let exponent = 1;
  let factor = 2;
  let magnitudeMax = 0;
  for (const value of values) {
    if (!isWhole(0, value)) return undefined;
    magnitudeMax = Math.max(magnitudeMax, Math.abs(value));
    while (!Number.isInteger(value * factor)) {
      exponent++;
      factor *= 2;
      if (exponent > BINARY_MAX) return undefined;
    }
    if (magnitudeMax * factor > INTEGER_MAX) return undefined;
  }
  return { form: BINARY + exponent, integers: values.map((value) => value * factor) };
}

/** Whether the integer is exact, and its value not one that integers do not have: NaN, an infinity or negative zero. */
function isWhole(integer: number, value: number): boolean {
  return Math.abs(integer) <= INTEGER_MAX && Math.abs(value) < Infinity && !Object.is(value, -0);
}
