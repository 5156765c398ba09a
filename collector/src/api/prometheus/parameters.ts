/** Reads the parameters of Prometheus API requests; every fault names its parameter, in the words of Prometheus. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { DURATION_MS_MAX, parseDuration } from '../../query/literals.ts';

/** Times without bounds: everything that a store may hold. */
export const TIME_MS_MIN = Number.MIN_SAFE_INTEGER;
/** The other end; UTC milliseconds as `TIME_MS_MIN`. */
export const TIME_MS_MAX = Number.MAX_SAFE_INTEGER;

/** @throws AppError BAD_REQUEST in the form `invalid parameter "name": reason` */
export function invalidParameter(name: string, reason: string, cause?: unknown): AppError {
  return new AppError('BAD_REQUEST', `invalid parameter "${name}": ${reason}`, { cause });
}

/** Largest form accepted; long lists of values in a regular expression are common. */
export const FORM_BYTES_MAX = 2 * 1024 * 1024;

/** The parameters of one request, from its URL and its form. */
export class Parameters {
  readonly #values: URLSearchParams;

  /** Form first, then URL, as Go merges them. */
  static of({ form, url }: { readonly form: string; readonly url: string }): Parameters {
    const queryAt = url.indexOf('?');
    const merged = new URLSearchParams(form);
    if (queryAt >= 0)
      for (const [name, value] of new URLSearchParams(url.slice(queryAt + 1))) merged.append(name, value);
    return new Parameters(merged);
  }

  constructor(values: URLSearchParams) {
    this.#values = values;
  }

  /** The first value, `''` when there is none. */
  text(name: string): string {
    return this.#values.get(name) ?? '';
  }

  list(name: string): readonly string[] {
    return this.#values.getAll(name);
  }

  /** Unix seconds with fraction, or RFC 3339, as UTC milliseconds; `fallback` when absent. */
  timeMs(name: string, fallback?: number): number {
    const text = this.text(name);
    if (text === '' && fallback !== undefined) return fallback;
    const timeMs = parseTime(text);
    if (timeMs === undefined) {
      const prefix = fallback === undefined ? '' : `Invalid time value for '${name}': `;
      throw invalidParameter(name, `${prefix}cannot parse ${JSON.stringify(text)} to a valid timestamp`);
    }
    return timeMs;
  }

  /** Seconds with fraction, or a duration such as `1m30s`, as milliseconds; undefined when absent. */
  durationMs(name: string): number | undefined {
    const text = this.text(name);
    return text === '' ? undefined : durationOf(text, (reason) => invalidParameter(name, reason));
  }

  /** `lookback_delta` in milliseconds; undefined when it is absent or not positive, which stands for the default. */
  lookbackMs(): number | undefined {
    const text = this.text('lookback_delta');
    if (text === '') return undefined;
    const lookbackMs = durationOf(
      text,
      (reason) => new AppError('BAD_REQUEST', `error parsing lookback delta duration: ${reason}`),
    );
    return lookbackMs > 0 ? lookbackMs : undefined;
  }

  /** A whole number that is not negative, 0 (no limit) when absent. */
  limit(name: string): number {
    const text = this.text(name);
    if (text === '') return 0;
    const value = parseWholeNumber(text);
    if (value === undefined) {
      const fault = WHOLE_NUMBER.test(text) ? 'value out of range' : 'invalid syntax';
      throw invalidParameter(name, `strconv.Atoi: parsing ${JSON.stringify(text)}: ${fault}`);
    }
    if (value < 0) throw invalidParameter(name, 'limit must be non-negative');
    return value;
  }

  /**
   * A whole number, undefined when absent.
   * @throws AppError BAD_REQUEST `<name> must be a number`, or whatever is `wanted`; so says Prometheus
   */
  wholeNumber(name: string, wanted = 'a number'): number | undefined {
    const text = this.text(name);
    if (text === '') return undefined;
    const value = parseWholeNumber(text);
    if (value === undefined) throw new AppError('BAD_REQUEST', `${name} must be ${wanted}`);
    return value;
  }
}

function durationOf(text: string, fault: (reason: string) => AppError): number {
  const durationMs = isNumber(text) ? Number(text) * 1000 : parseDuration(text);
  if (durationMs === undefined) throw fault(`cannot parse ${JSON.stringify(text)} to a valid duration`);
  if (Math.abs(durationMs) > DURATION_MS_MAX) {
    throw fault(`cannot parse ${JSON.stringify(text)} to a valid duration. It overflows int64`);
  }
  return Math.round(durationMs);
}

const WHOLE_NUMBER = /^[+-]?\d+$/;
const INT64_LIMIT = 2 ** 63;

function parseWholeNumber(text: string): number | undefined {
  const value = WHOLE_NUMBER.test(text) ? Number(text) : NaN;
  return Math.abs(value) < INT64_LIMIT ? value : undefined;
}

const RFC_3339 = /^(\d{4}-\d\d-(\d\d))T(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** How clients of Prometheus write its first and last time, of which no calendar knows. */
const ENDS_OF_TIME: ReadonlyMap<string, number> = new Map([
  ['-292273086-05-16T16:47:06Z', TIME_MS_MIN],
  ['292277025-08-18T07:12:54.999999999Z', TIME_MS_MAX],
]);

function parseTime(text: string): number | undefined {
  if (isNumber(text)) {
    const seconds = Number(text);
    const whole = Math.trunc(seconds);
    // The fraction alone is rounded, half a millisecond away from zero, as in Prometheus.
    const fraction = Math.abs(seconds - whole);
    const timeMs = whole * 1000 + Math.sign(seconds) * Math.round(fraction * 1000);
    return Math.abs(timeMs) <= TIME_MS_MAX ? timeMs : undefined;
  }
  const [, date, day] = RFC_3339.exec(text) ?? [];
  if (date === undefined) return ENDS_OF_TIME.get(text);
  // A 30th of February would be taken for the first days of March.
  if (new Date(date).getUTCDate() !== Number(day)) return undefined;
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** Each digit has one place only: with two for those in front of a point, a long text takes its length squared. */
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

function isNumber(text: string): boolean {
  return NUMBER.test(text);
}
