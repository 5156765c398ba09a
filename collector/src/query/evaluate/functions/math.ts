/** Functions that look at one value at a time, some with scalar parameters. */

/** `value` and the parameters at one step; the value may stand anywhere in the call. */
export type ValueFunction = (value: number, first: number, second: number) => number;

/** By name; parameters that are not given are 1. */
export const valueFunctions: Readonly<Record<string, ValueFunction>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  exp: Math.exp,
  sqrt: Math.sqrt,
  ln: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  deg: (value) => (value * 180) / Math.PI,
  rad: (value) => (value * Math.PI) / 180,
  sgn: Math.sign,
  clamp_min: larger,
  clamp_max: smaller,
  round(value, nearest) {
    // Multiplying by the inverse is what Prometheus does; dividing would round differently.
    const inverse = 1 / nearest;
    return Math.floor(value * inverse + 0.5) / inverse;
  },
  clamp: (value, min, max) => larger(min, smaller(max, value)),
};

/** Unlike the platform's, those of Go let an infinity win over NaN. */
function larger(left: number, right: number): number {
  return left === Infinity || right === Infinity ? Infinity : Math.max(left, right);
}

function smaller(left: number, right: number): number {
  return left === -Infinity || right === -Infinity ? -Infinity : Math.min(left, right);
}

/** Parts of a time given in seconds since 1970, in UTC. */
export const dateFunctions: Readonly<Record<string, (seconds: number) => number>> = {
  year: onDate((date) => date.getUTCFullYear()),
  month: onDate((date) => date.getUTCMonth() + 1),
  day_of_month: onDate((date) => date.getUTCDate()),
  day_of_week: onDate((date) => date.getUTCDay()),
  // `Date.UTC` would take the years 0 to 99 for 1900 to 1999.
  day_of_year: onDate((date) => {
    const yearStartMs = new Date(date).setUTCFullYear(date.getUTCFullYear(), 0, 1);
    return Math.round((date.getTime() - yearStartMs) / 86_400_000) + 1;
  }),
  days_in_month: onDate((date) =>
    new Date(new Date(date).setUTCFullYear(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate(),
  ),
  hour: onDate((date) => date.getUTCHours()),
  minute: onDate((date) => date.getUTCMinutes()),
};

/** NaN for times that the calendar of the platform does not reach (±271,821 years). */
function onDate(part: (date: Date) => number): (seconds: number) => number {
  return (seconds) => {
    const date = new Date(Math.trunc(seconds) * 1000);
    return Number.isNaN(date.getTime()) ? NaN : part(date);
  };
}
