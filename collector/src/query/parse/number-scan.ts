/**
 * How far a number or a duration reaches in the text of a query. What may not stand behind what belongs to the grammar, and
 * how far it was read belongs to the error text. Source: Prometheus, `promql/parser/lex.go`, scanNumber and
 * acceptRemainingDuration.
 */

/** What begins at a place in the text, and where the reading ended; a `fault` is neither. */
export interface NumberScan {
  readonly kind: 'number' | 'duration' | 'fault';
  readonly end: number;
}

const DECIMAL_DIGITS = '0123456789';
const HEXADECIMAL_DIGITS = '0123456789abcdefABCDEF';
const BEHIND_A_DOT = '_.';
const BEHIND_OTHERS = '._eE';
/** Years come first in a duration, if at all. */
const FIRST_UNITS = 'smhdwy';
const LATER_UNITS = 'smhdw';

/** The longest number or duration at `start`; whether it is a proper one is judged when it is decoded. */
export function scanNumber(text: string, start: number): NumberScan {
  const reader = new Reader(text, start);
  if (readNumber(reader)) return { kind: 'number', end: reader.end };
  return { kind: readUnits(reader) ? 'duration' : 'fault', end: reader.end };
}

class Reader {
  readonly #text: string;
  end: number;

  constructor(text: string, start: number) {
    this.#text = text;
    this.end = start;
  }

  get isAtEnd(): boolean {
    return this.end >= this.#text.length;
  }

  /** Whether one of `characters` comes next. */
  isAt(characters: string): boolean {
    return !this.isAtEnd && characters.includes(this.#text.charAt(this.end));
  }

  /** Takes the next character if it is one of these. */
  take(characters: string): boolean {
    const isThere = this.isAt(characters);
    if (isThere) this.end++;
    return isThere;
  }

  takeAll(characters: string): void {
    while (this.take(characters));
  }

  get isAtWord(): boolean {
    return /[A-Za-z0-9_]/.test(this.#text.charAt(this.end));
  }
}

function readNumber(reader: Reader): boolean {
  const { end: start } = reader;
  let digits = DECIMAL_DIGITS;
  if (reader.take('0') && reader.take('xX')) {
    reader.take('_');
    digits = HEXADECIMAL_DIGITS;
  }
  let hasDot = reader.take('.');
  let hasExponent = false;
  while (reader.isAt(`${digits}._eE`)) {
    if (reader.take('.')) {
      if (hasDot || reader.take(BEHIND_A_DOT) || digits === HEXADECIMAL_DIGITS) return false;
      hasDot = true;
    } else if (digits === DECIMAL_DIGITS && reader.take('eE')) {
      if (hasExponent) return false;
      hasExponent = true;
      reader.take('+-');
      if (reader.take(BEHIND_OTHERS) || reader.isAtEnd) return false;
    } else if (reader.take('_')) {
      if (reader.take(BEHIND_OTHERS) || reader.isAtEnd) return false;
    } else {
      reader.takeAll(digits);
    }
  }
  return reader.end > start && !reader.isAtWord;
}

/** What follows the digits of a duration: `m`, `ms`, `h30m`. */
function readUnits(reader: Reader): boolean {
  if (!reader.take(FIRST_UNITS)) return false;
  reader.take('s');
  while (reader.take(DECIMAL_DIGITS)) {
    reader.takeAll(DECIMAL_DIGITS);
    if (!reader.take(LATER_UNITS)) return false;
    reader.take('s');
  }
  if (!reader.isAtWord) return true;
  reader.end++;
  return false;
}
