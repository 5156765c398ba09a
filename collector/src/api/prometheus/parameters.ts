/** Reads the parameters of Prometheus API requests; every fault names its parameter, in the words of Prometheus. */
import { unescape } from 'node:querystring';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { DURATION_MS_MAX, parseDuration } from '../../query/parse/literals.ts';

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

/** Most parameters of a request, repeats of `match[]` among them. */
const PARAMETERS_MAX = 1_000;

/**
 * The parameters of one request, from its URL and its form. A pair in which a percent sign escapes nothing is left out: most of
 * Prometheus' routes do not mind one, and the others ask `refuseFaults`.
 */
export class Parameters {
  readonly #values = new Map<string, string[]>();
  #count = 0;
  /** Of the first pair that is no proper one. */
  #fault: AppError | undefined;

  /**
   * Form first, then URL, as Go merges them.
   * @throws AppError BAD_REQUEST when there are too many
   */
  static of({ form, url }: { readonly form: string; readonly url: string }): Parameters {
    const queryAt = url.indexOf('?');
    const parameters = new Parameters();
    parameters.#add(form);
    if (queryAt >= 0) parameters.#add(url.slice(queryAt + 1));
    return parameters;
  }

  /** Takes in `name=value&…`. A form may be of a million names, for which URLSearchParams takes seconds. */
  #add(text: string): void {
    for (let start = 0; start < text.length;) {
      const nextAt = text.indexOf('&', start);
      const end = nextAt < 0 ? text.length : nextAt;
      if (++this.#count > PARAMETERS_MAX) {
        throw new AppError('BAD_REQUEST', `more than ${PARAMETERS_MAX} parameters`);
      }
      if (end > start) this.#addOne(text.slice(start, end));
      start = end + 1;
    }
  }

  #addOne(pair: string): void {
    const equalsAt = pair.indexOf('=');
    const name = this.#decoded(equalsAt < 0 ? pair : pair.slice(0, equalsAt));
    const value = equalsAt < 0 || name === undefined ? '' : this.#decoded(pair.slice(equalsAt + 1));
    if (name === undefined || value === undefined) return;
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  /** Text of a form; bytes that are no UTF-8 become U+FFFD, as everywhere. Undefined when a percent sign escapes nothing. */
  #decoded(text: string): string | undefined {
    const spaced = text.includes('+') ? withSpaces(text) : text;
    if (!spaced.includes('%')) return spaced.toWellFormed();
    try {
      return decodeURIComponent(spaced).toWellFormed();
    } catch {
      const [fault] = /%(?![0-9a-f]{2}).{0,2}/i.exec(spaced) ?? [];
      if (fault === undefined) return unescape(Buffer.from(spaced).toString('latin1'));
      this.#fault ??= new AppError(
        'BAD_REQUEST',
        `error parsing form values: invalid URL escape ${JSON.stringify(fault)}`,
      );
      return undefined;
    }
  }

  /**
   * For the routes that mind pairs which were left out because a percent sign in them escapes nothing.
   * @throws AppError BAD_REQUEST naming the first one
   */
  refuseFaults(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** The first value, `''` when there is none. */
  text(name: string): string {
    return this.#values.get(name)?.[0] ?? '';
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
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

/** With a blank for each plus sign. A long text may be nothing else, and then the methods of strings take ten times as long. */
function withSpaces(text: string): string {
  if (text.length <= SHORT_TEXT) return text.replaceAll('+', ' ');
  const bytes = Buffer.from(text);
  for (let at = bytes.indexOf(PLUS); at >= 0 && at < bytes.length; at++)
    if (bytes[at] === PLUS) bytes[at] = SPACE;
  return bytes.toString('utf8');
}

/** Up to this length the methods of strings are quicker, whatever the text is. */
const SHORT_TEXT = 4_096;
const PLUS = 0x2b;
const SPACE = 0x20;

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
