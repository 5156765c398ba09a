/** What the parsers of the kernel's text files share. */
import { AppError } from '@rollcall/shared/lib/errors.ts';

/**
 * Content that is not what the kernel prints. Its code is READ_FAILED; the record says `parse`.
 */
export class ParseError extends AppError {
  constructor(message: string) {
    super('READ_FAILED', message);
    this.name = 'ParseError';
  }
}

const LONGEST_SHOWN = 80;
const ZERO = 0x30;
const NINE = 0x39;
const SPACE = 0x20;
/** A number of so many digits is exact however it is put together. */
const EXACT_DIGITS_MAX = 15;
const DECIMAL = /^-?[0-9]+(\.[0-9]+)?$/;

/**
 * A decimal number as the kernel prints them; no exponent, no hexadecimal, no empty text.
 * @throws ParseError naming `what`
 */
export function parseNumber(text: string | undefined, what: string): number {
  if (text !== undefined) {
    const value = wholeNumber(text);
    if (value !== undefined) return value;
  }
  if (text === undefined || !DECIMAL.test(text)) {
    throw new ParseError(
      `parse ${what}: ${JSON.stringify((text ?? '').slice(0, LONGEST_SHOWN))} is not a number`,
    );
  }
  return Number(text);
}

/** Most numbers are short and whole, for which this takes a third of the time. */
function wholeNumber(text: string): number | undefined {
  const { length } = text;
  if (length === 0 || length > EXACT_DIGITS_MAX) return undefined;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i);
    if (digit < ZERO || digit > NINE) return undefined;
    value = value * 10 + (digit - ZERO);
  }
  return value;
}

/**
 * The numbers of a line or a part of one: what `parseNumber` makes of each of its `words`, without cutting them out.
 * @param range.what for messages
 * @throws ParseError when a word is no number
 */
export function parseNumbers(
  text: string,
  { from, end, what }: { readonly from: number; readonly end: number; readonly what: string },
): number[] {
  const numbers: number[] = [];
  for (let at = from; at < end; at++) {
    let letter = text.charCodeAt(at);
    // The kernel fills its columns up with these; a call for each would cost more than the numbers.
    if (letter === SPACE || isSpace(letter)) continue;
    const start = at;
    let value = 0;
    while (letter >= ZERO && letter <= NINE) {
      value = value * 10 + (letter - ZERO);
      at++;
      if (at >= end) break;
      letter = text.charCodeAt(at);
    }
    const isWhole = at > start && at - start <= EXACT_DIGITS_MAX;
    if (!isWhole || (at < end && letter !== SPACE && !isSpace(letter))) {
      while (at < end && !isSpace(text.charCodeAt(at))) at++;
      value = parseNumber(text.slice(start, at), what);
    }
    numbers.push(value);
  }
  return numbers;
}

/** White space as far as the kernel writes any. */
function isSpace(letter: number): boolean {
  return letter === SPACE || (letter >= 0x09 && letter <= 0x0d);
}

/** The words of a line, which may start and end with white space. */
export function words(line: string): string[] {
  const trimmed = line.trim();
  return trimmed === '' ? [] : trimmed.split(/\s+/);
}

const MINUS = 0x2d;
const NEWLINE = 0x0a;

/**
 * The whole number that a kernel file of its own holds: digits, perhaps a minus before and a line break behind them.
 * Makes no text of what it reads.
 * @throws ParseError naming `what`
 */
export function parseInteger(bytes: Buffer, what: string): number {
  const end = bytes[bytes.length - 1] === NEWLINE ? bytes.length - 1 : bytes.length;
  const start = bytes[0] === MINUS ? 1 : 0;
  if (end - start > EXACT_DIGITS_MAX) return parseNumber(bytes.toString('latin1', 0, end).trim(), what);
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] ?? 0;
    // Some drivers pad with spaces; the slow way knows what else may be meant.
    if (digit < ZERO || digit > NINE) return parseNumber(bytes.toString('latin1', 0, end).trim(), what);
    value = value * 10 + (digit - ZERO);
  }
  if (end === start) throw new ParseError(`parse ${what}: it is empty`);
  return start === 1 ? -value : value;
}

const HEXADECIMAL = /^[0-9a-f]{1,16}$/i;

/**
 * A number as the kernel prints them in hexadecimal without a prefix.
 * @throws ParseError naming `what`
 */
export function parseHexadecimal(text: string | undefined, what: string): number {
  if (text === undefined || !HEXADECIMAL.test(text)) {
    throw new ParseError(
      `parse ${what}: ${JSON.stringify((text ?? '').slice(0, LONGEST_SHOWN))} is not hexadecimal`,
    );
  }
  return Number.parseInt(text, 16);
}

/** The lines of a kernel file that are not empty. */
export function lines(bytes: Buffer): string[] {
  return bytes
    .toString()
    .split('\n')
    .filter((line) => line !== '');
}

/** Sorts names that end in a number by it: `hwmon2` before `hwmon10`. */
export function byNumber(left: string, right: string): number {
  return numberAtEnd(left) - numberAtEnd(right) || (left < right ? -1 : 1);
}

function numberAtEnd(name: string): number {
  return Number(/[0-9]*$/.exec(name)?.[0] ?? 0);
}

/**
 * The numbers behind some keys of a file with one `key number` a line, in the order of `keys`; keys that are not there
 * are left out. Quickest when the keys have the order of the file.
 * @throws ParseError when what stands behind a key is not a number
 */
export function parseKeyed<Name>(
  text: string,
  keys: ReadonlyMap<string, Name>,
  what: string,
): readonly { readonly metric: Name; readonly value: number }[] {
  const found: { metric: Name; value: number }[] = [];
  let from = 0;
  for (const [key, metric] of keys) {
    let at = behindKey(text, key, from);
    if (at === -1 && from > 0) at = behindKey(text, key, 0);
    if (at === -1) continue;
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    found.push({ metric, value: parseNumber(text.slice(at, end).trim(), what) });
    from = end;
  }
  return found;
}

/** Where the first line that is `key` and white space goes on behind the key; -1 when none begins at `from` or later. */
function behindKey(text: string, key: string, from: number): number {
  for (let at = text.indexOf(key, from); at !== -1; at = text.indexOf(key, at + 1)) {
    const end = at + key.length;
    const isWholeKey = (at === 0 || text[at - 1] === '\n') && (text[end] === ' ' || text[end] === '\t');
    if (isWholeKey) return end;
  }
  return -1;
}
