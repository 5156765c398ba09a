/** Sample values as text, in the forms that Prometheus uses. */

/** Shortest decimal without exponent, `+Inf`, `-Inf`, `NaN`; keeps the sign of -0. Go's `FormatFloat(v, 'f', -1)`. */
export function formatDecimal(value: number): string {
  const special = formatSpecial(value);
  if (special !== undefined) return special;
  const text = String(value);
  const exponentAt = text.indexOf('e');
  if (exponentAt === -1) return text;
  const exponent = Number(text.slice(exponentAt + 1));
  const sign = value < 0 ? '-' : '';
  const mantissa = text.slice(sign.length, exponentAt);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = whole + fraction;
  // The mantissa has one digit in front of its point.
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  return sign + digits.padEnd(exponent + 1, '0');
}

/**
 * A sample value as the HTTP API writes it: shortest decimal, with an exponent of at least two digits below 1e-6 and
 * from 1e21 on.
 */
export function formatSample(value: number): string {
  const size = Math.abs(value);
  // Most values; there are very many of them.
  if (size >= 1e-6 && size < 1e21) return String(value);
  return formatSpecial(value) ?? padExponent(String(value));
}

/** Go's `%f`: six decimals, never an exponent. */
export function formatSixDecimals(value: number): string {
  const special = Number.isFinite(value) ? undefined : formatSpecial(value);
  return special ?? (Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`);
}

/** Always with an exponent of at least two digits, as the API writes the value of an alert: `1e+00`. */
export function formatExponent(value: number): string {
  return formatSpecial(value, '0e+00') ?? padExponent(value.toExponential());
}

/** Shortest decimal, with an exponent below 1e-4 and from 1e6 on. Go's `%g`. */
export function formatGeneral(value: number): string {
  const size = Math.abs(value);
  const isLong = size !== 0 && size < Infinity && (size < 1e-4 || size >= 1e6);
  return isLong ? padExponent(value.toExponential()) : formatDecimal(value);
}

/** A span of milliseconds in seconds, whole nanoseconds of it as in Go. */
export function secondsOf(spanMs: number): number {
  return Math.round(spanMs * 1e6) / 1e9;
}

function formatSpecial(value: number, zero = '0'): string | undefined {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  if (value === 0) return Object.is(value, -0) ? `-${zero}` : zero;
  return undefined;
}

function padExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
