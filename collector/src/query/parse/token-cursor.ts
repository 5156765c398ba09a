/** Walks over the tokens of a query: looking ahead, taking what is expected, decoding literals, naming faults. */
import type { AppError } from '@rollcall/shared/lib/errors.ts';
import { parseError } from '../errors.ts';
import { describeToken, isUnsupportedModifier, isUnsupportedWord } from './grammar.ts';
import {
  decodeString,
  DURATION_MS_MAX,
  durationFault,
  parseAnyDuration,
  parseNumber,
  quote,
} from './literals.ts';
import type { PatternTally } from './pattern-tally.ts';
import { tokenize } from './tokens.ts';
import type { Token } from './tokens.ts';

/** A position in the tokens of one query. */
export class TokenCursor {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #index = 0;
  /** Where the parser is, for faults that say nothing nearer. */
  surroundings: '' | 'aggregation' = '';
  readonly patterns: PatternTally;

  constructor(text: string, patterns: PatternTally) {
    this.patterns = patterns;
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  sign(): 1 | -1 {
    if (this.takeSymbol('-')) return -1;
    this.takeSymbol('+');
    return 1;
  }

  /** A duration, or a number of seconds, as milliseconds. */
  duration(context: string, { isPositive }: { readonly isPositive: boolean }): number {
    const token = this.peek();
    if (token.kind !== 'number' && token.kind !== 'duration') {
      if (isPositive && this.#isNegativeDuration()) {
        throw this.error(token.start, 'duration must be greater than 0');
      }
      this.refuseDurationArithmetic();
      throw this.unexpected(context, 'number or duration');
    }
    this.take();
    const durationMs = Math.round(this.number(token) * 1000);
    if (!(durationMs <= DURATION_MS_MAX)) throw this.error(token.start, 'duration out of range');
    if (isPositive && durationMs <= 0) throw this.error(token.start, 'duration must be greater than 0');
    return durationMs;
  }

  /** The value of a number token, of a duration token in seconds. */
  number(token: Token): number {
    if (token.kind === 'duration') {
      const durationMs = parseAnyDuration(token.text);
      if (durationMs === undefined) {
        throw this.error(token.start, durationFault(token.text));
      }
      if (durationMs > DURATION_MS_MAX) throw this.error(token.start, 'duration out of range');
      return durationMs / 1000;
    }
    const value = parseNumber(token.text);
    const isTooLarge = value === Infinity && token.kind === 'number';
    if (value !== undefined && !isTooLarge) return value;
    const fault = isTooLarge ? 'value out of range' : 'invalid syntax';
    const reason = `error parsing number: strconv.ParseFloat: parsing ${quote(token.text)}: ${fault}`;
    throw this.error(token.start, reason);
  }

  string(token: Token): string {
    const value = decodeString(token.text);
    if (value === undefined) throw this.error(token.start, `invalid escape in string ${token.text}`);
    return value;
  }

  refuseDurationArithmetic(): void {
    const { kind, text, start } = this.peek();
    const isSum = kind === 'symbol' && ['+', '-', '*', '/', '%', '^', '('].includes(text);
    if (isSum || (kind === 'word' && ['min', 'max'].includes(text.toLowerCase()))) {
      throw this.error(start, 'arithmetic with durations is not supported');
    }
  }

  /** Whether a minus comes next, and behind it one number or duration and no more. */
  #isNegativeDuration(): boolean {
    const [next, close] = this.#tokens.slice(this.#index + 1, this.#index + 3);
    const isValue = next?.kind === 'number' || next?.kind === 'duration';
    return this.isSymbol('-') && isValue && (close?.text === ']' || close?.text === ':');
  }

  peek(): Token {
    return (
      this.#tokens[this.#index] ?? { kind: 'end', text: '', start: this.#text.length, end: this.#text.length }
    );
  }

  take(): Token {
    const token = this.peek();
    this.#index++;
    return token;
  }

  previousEnd(): number {
    return this.#tokens[this.#index - 1]?.end ?? 0;
  }

  isSymbol(symbol: string): boolean {
    const { kind, text } = this.peek();
    return kind === 'symbol' && text === symbol;
  }

  isWord(keyword: string): boolean {
    const { kind, text } = this.peek();
    return kind === 'word' && text.toLowerCase() === keyword;
  }

  takeSymbol(symbol: string): boolean {
    const isThere = this.isSymbol(symbol);
    if (isThere) this.#index++;
    return isThere;
  }

  takeWord(keyword: string): boolean {
    const isThere = this.isWord(keyword);
    if (isThere) this.#index++;
    return isThere;
  }

  expectSymbol(symbol: string, context: string, expected = quote(symbol)): Token {
    if (!this.isSymbol(symbol)) throw this.unexpected(context, context === '' ? '' : expected);
    return this.take();
  }

  unexpected(context = '', expected = ''): AppError {
    const token = this.peek();
    if (token.kind === 'error') return this.error(token.start, token.text);
    if (token.kind === 'word' && this.#isUnsupported(token.text.toLowerCase())) {
      return this.error(token.start, `"${token.text}" is not supported`);
    }
    const before = this.#tokens[this.#index - 1];
    const isTrim = token.kind === 'symbol' && token.text === '/' && before?.end === token.start;
    if (isTrim && (before.text === '<' || before.text === '>')) {
      return this.error(before.start, `"${before.text}/" is not supported`);
    }
    const nearest = context === '' ? this.surroundings : context;
    const place = nearest === '' ? '' : ` in ${nearest}`;
    const hint = expected === '' ? '' : `, expected ${expected}`;
    return this.error(token.start, `unexpected ${describeToken(token)}${place}${hint}`);
  }

  /** Whether the next word is one that we refuse; most of them mean something only when they are called. */
  #isUnsupported(word: string): boolean {
    if (!isUnsupportedWord(word)) return false;
    return isUnsupportedModifier(word) || this.#tokens[this.#index + 1]?.text === '(';
  }

  error(offset: number, reason: string): AppError {
    return parseError(this.#text, offset, reason);
  }
}
