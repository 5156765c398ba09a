/** Numbers, durations and strings as PromQL writes them. */

/** Units of a duration in the order in which they must appear, in milliseconds. */
const UNIT_MS: readonly (readonly [unit: string, ms: number])[] = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

/** Go keeps durations as 64-bit nanoseconds; longer ones are refused as there. */
export const DURATION_MS_MAX = 9_223_372_036_854;

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * Milliseconds of a duration such as `1h30m`; units from large to small, each at most once. `0` needs none, as in the
 * files of Prometheus.
 * @returns undefined when `text` is not a duration or too long
 */
export function parseDuration(text: string): number | undefined {
  const durationMs = parseAnyDuration(text);
  return durationMs !== undefined && durationMs <= DURATION_MS_MAX ? durationMs : undefined;
}

/** As `parseDuration`, but however long. */
export function parseAnyDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const parts = text === '' ? null : DURATION.exec(text);
  if (parts === null) return undefined;
  let totalMs = 0;
  for (const [i, [, unitMs]] of UNIT_MS.entries()) totalMs += Number(parts[i + 1] ?? 0) * unitMs;
  return totalMs;
}

/** What is wrong with a text that begins as a duration and is none: the first fault that reading part by part meets. */
export function durationFault(text: string): string {
  let lastPlace = -1;
  for (const [, unit = ''] of text.matchAll(/\d+(\D*)/g)) {
    const place = UNIT_MS.findIndex(([name]) => name === unit);
    if (unit !== '' && place === -1) return `unknown unit ${quote(unit)} in duration ${quote(text)}`;
    if (place <= lastPlace) break;
    lastPlace = place;
  }
  return `not a valid duration string: ${quote(text)}`;
}

/** A duration as PromQL writes it; `durationMs` is a whole number. Years and weeks only when nothing is left over. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0s';
  let restMs = Math.abs(durationMs);
  let text = durationMs < 0 ? '-' : '';
  for (const [unit, unitMs] of UNIT_MS) {
    const isLong = unit === 'y' || unit === 'w';
    if (restMs < unitMs || (isLong && restMs % unitMs !== 0)) continue;
    text += `${Math.floor(restMs / unitMs)}${unit}`;
    restMs %= unitMs;
  }
  return text;
}

/** Each digit has one place only: with two, a long text that is no number takes its length squared. */
const DECIMAL = /^(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?$/;
const MISPLACED_SEPARATOR = /__|_$|^_|_[.eE+-]|[.eE+-]_/;

/**
 * The value of a number: decimal, hexadecimal (`0x1F`), old octal (`017`), with `_` between digits, or `Inf`/`NaN` in
 * any case.
 * @returns undefined when `text` is none of these
 */
export function parseNumber(text: string): number | undefined {
  const lower = text.toLowerCase();
  if (lower === 'inf') return Infinity;
  if (lower === 'nan') return NaN;
  if (MISPLACED_SEPARATOR.test(text)) return undefined;
  const plain = lower.replaceAll('_', '');
  if (/^0x[0-9a-f]+$/.test(plain)) return Number(plain);
  if (/^0[0-7]+$/.test(plain)) return Number.parseInt(plain, 8);
  return DECIMAL.test(text) ? Number(plain) : undefined;
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
};
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\'"]))/y;

/**
 * The text of a string literal, quotes included in `literal`. Escapes are those of Go; `\xHH` and octal ones are
 * bytes of UTF-8, and invalid bytes become U+FFFD.
 * @returns undefined when an escape is malformed
 */
export function decodeString(literal: string): string | undefined {
  const quote = literal.charAt(0);
  const body = literal.slice(1, -1);
  if (quote === '`' || !body.includes('\\')) return body;
  const bytes: Buffer[] = [];
  let plainStart = 0;
  for (let i = body.indexOf('\\'); i !== -1; i = body.indexOf('\\', plainStart)) {
    bytes.push(Buffer.from(body.slice(plainStart, i)));
    ESCAPE.lastIndex = i;
    const match = ESCAPE.exec(body);
    const escaped = match === null ? undefined : decodeEscape(match, quote);
    if (match === null || escaped === undefined) return undefined;
    bytes.push(escaped);
    plainStart = i + match[0].length;
  }
  bytes.push(Buffer.from(body.slice(plainStart)));
  return Buffer.concat(bytes).toString('utf8');
}

/** How many digits of which base follow these letters. */
const ESCAPE_DIGITS: Readonly<Record<string, readonly [digits: number, base: number]>> = {
  x: [2, 16],
  u: [4, 16],
  U: [8, 16],
};

/**
 * What Prometheus says of the first malformed escape of a string literal, undefined when there is none.
 * @param text what follows the opening quote; only what stands before the closing one counts
 */
export function escapeFault(text: string, quote: string): string | undefined {
  for (let i = 0; i < text.length && text[i] !== quote && text[i] !== '\n'; i++) {
    if (text[i] !== '\\') continue;
    const letter = text[++i];
    if (letter === undefined) return NOT_TERMINATED;
    if (letter === quote || 'abfnrtv\\'.includes(letter)) continue;
    const isOctal = letter >= '0' && letter <= '7';
    const [count, base] = isOctal ? [3, 8] : (ESCAPE_DIGITS[letter] ?? [0, 0]);
    if (count === 0) return `unknown escape sequence ${codePointText(text, i)}`;
    const digitsStart = isOctal ? i : i + 1;
    for (i = digitsStart; i < digitsStart + count; i++) {
      const digit = text[i];
      if (digit === undefined) return NOT_TERMINATED;
      if (!/[0-9a-f]/i.test(digit) || Number.parseInt(digit, 16) >= base) {
        return `illegal character ${codePointText(text, i)} in escape sequence`;
      }
    }
    const code = Number.parseInt(text.slice(digitsStart, i--), base);
    const isSurrogate = code >= 0xd800 && code <= 0xdfff;
    if (isSurrogate || code > (isOctal ? 0xff : 0x10ffff)) {
      return 'escape sequence is an invalid Unicode code point';
    }
  }
  return undefined;
}

const NOT_TERMINATED = 'escape sequence not terminated';

/** `U+0071 'q'` */
function codePointText(text: string, at: number): string {
  const code = text.codePointAt(at) ?? 0;
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return code < 0x20 || code === 0x7f ? name : `${name} '${String.fromCodePoint(code)}'`;
}

function decodeEscape(match: RegExpExecArray, quote: string): Buffer | undefined {
  const [, hexByte, octalByte, hex4, hex8, simple] = match;
  if (simple !== undefined) {
    const isOtherQuote = (simple === "'" || simple === '"') && simple !== quote;
    const code = SIMPLE_ESCAPES[simple];
    return isOtherQuote || code === undefined ? undefined : Buffer.of(code);
  }
  if (hexByte !== undefined) return Buffer.of(Number.parseInt(hexByte, 16));
  if (octalByte !== undefined) {
    const byte = Number.parseInt(octalByte, 8);
    return byte <= 255 ? Buffer.of(byte) : undefined;
  }
  const codePoint = Number.parseInt(hex4 ?? hex8 ?? '', 16);
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
  return isSurrogate || codePoint > 0x10ffff ? undefined : Buffer.from(String.fromCodePoint(codePoint));
}

const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** `text` as a string literal in double quotes, in a form that `decodeString` takes back. */
export function quote(text: string): string {
  let result = '"';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const named = NAMED_ESCAPES[char];
    if (named !== undefined) result += named;
    else if (code < 0x20 || code === 0x7f) result += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code >= 0xd800 && code <= 0xdfff) result += '\\ufffd';
    else if (char !== ' ' && /[\p{C}\p{Z}]/u.test(char)) result += escapeCodePoint(code);
    else result += char;
  }
  return `${result}"`;
}

/** One character as Go writes it in an error text: `'\\u200b'`. */
export function quoteCharacter(char: string): string {
  if (char === '"') return `'"'`;
  return `'${char === "'" ? "\\'" : quote(char).slice(1, -1)}'`;
}

function escapeCodePoint(code: number): string {
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** What `decodeString` makes of bytes that are no UTF-8. */
export const NO_CHARACTER = '\ufffd';

/** Whether a label may be called so at all. A string that is no UTF-8 was given the mark for that when it was decoded. */
export function isUtf8LabelName(name: string): boolean {
  return name !== '' && !name.includes(NO_CHARACTER);
}

/** Whether a label of this name can be written without quotes. */
export function isClassicLabelName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}
