/** Cuts a query into tokens. A fault becomes a token of its own, so that what stands before it is judged first. */

import { escapeFault, quoteCharacter } from './literals.ts';
import { scanNumber } from './number-scan.ts';

/** Words are names and keywords; whether a word is a keyword depends on where it stands. */
export type TokenKind = 'number' | 'duration' | 'string' | 'word' | 'symbol' | 'error' | 'end';

/** The smallest part of a query. */
export interface Token {
  readonly kind: TokenKind;
  /** As written; for an error the reason. */
  readonly text: string;
  /** UTF-16 offsets, the end exclusive. */
  readonly start: number;
  readonly end: number;
}

interface Scan {
  readonly text: string;
  readonly tokens: Token[];
  position: number;
  openParens: number;
  isInBraces: boolean;
  isInBrackets: boolean;
  /** A colon stood between the brackets that are open. */
  hasColon: boolean;
}

const BLANK = /(?:[ \t\r\n]+|#[^\n]*)+/y;
const WORD = /[A-Za-z_:][A-Za-z0-9_:]*/y;
const LABEL = /[A-Za-z_][A-Za-z0-9_]*/y;
const STRING = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`/y;
const SYMBOL = /==|!=|<=|>=|[-+*/%^<>=,()[\]{}@:]/y;
const SYMBOL_IN_BRACES = /=~|!~|!=|[=,}]/y;

/** The tokens of `text`, the last one always of kind `end` or `error`. Takes linear time. */
export function tokenize(text: string): readonly Token[] {
  const scan: Scan = {
    text,
    tokens: [],
    position: 0,
    openParens: 0,
    isInBraces: false,
    isInBrackets: false,
    hasColon: false,
  };
  for (;;) {
    scan.position += match(scan, BLANK)?.length ?? 0;
    const isAtEnd = scan.position >= text.length;
    const fault = isAtEnd ? faultAtEnd(scan) : nextToken(scan);
    if (fault === undefined && !isAtEnd) continue;
    const kind = fault === undefined ? 'end' : 'error';
    scan.tokens.push({ kind, text: fault ?? '', start: scan.position, end: text.length });
    return scan.tokens;
  }
}

function faultAtEnd({ isInBraces, isInBrackets, openParens }: Scan): string | undefined {
  if (isInBraces) return 'unexpected end of input inside braces';
  if (isInBrackets) return 'unclosed left bracket';
  return openParens > 0 ? 'unclosed left parenthesis' : undefined;
}

/** Adds the token at the position, or returns what is wrong there. */
function nextToken(scan: Scan): string | undefined {
  const char = scan.text.charAt(scan.position);
  if (char === '"' || char === "'" || char === '`') return stringToken(scan, char);
  if (scan.isInBraces) return tokenInBraces(scan);
  if (/[0-9]/.test(char) || /^\.[0-9]/.test(scan.text.slice(scan.position, scan.position + 2))) {
    return numberToken(scan);
  }
  const word = scan.isInBrackets && char === ':' ? undefined : match(scan, WORD);
  if (word !== undefined) return push(scan, 'word', word);
  const symbol = match(scan, SYMBOL);
  if (symbol === undefined) return unknownCharacter(scan);
  if (symbol === '=' && scan.text.charAt(scan.position + 1) === '~')
    return `unexpected character after '=': '~'`;
  return bracketFault(scan, symbol) ?? push(scan, 'symbol', symbol);
}

function tokenInBraces(scan: Scan): string | undefined {
  const label = match(scan, LABEL);
  if (label !== undefined) return push(scan, 'word', label);
  const symbol = match(scan, SYMBOL_IN_BRACES);
  if (scan.text.charAt(scan.position) === '{') return `unexpected left brace '{'`;
  if (symbol === undefined) {
    const char = characterAt(scan, scan.position);
    if (char !== '!') return `unexpected character inside braces: ${quoteCharacter(char)}`;
    return `unexpected character after '!' inside braces: ${quoteNext(scan)}`;
  }
  if (symbol === '}') scan.isInBraces = false;
  return push(scan, 'symbol', symbol);
}

function stringToken(scan: Scan, quote: string): string | undefined {
  const fault = quote === '`' ? undefined : escapeFault(scan.text.slice(scan.position + 1), quote);
  if (fault !== undefined) return fault;
  const literal = match(scan, STRING);
  if (literal !== undefined) return push(scan, 'string', literal);
  return quote === '`' ? 'unterminated raw string' : 'unterminated quoted string';
}

function numberToken(scan: Scan): string | undefined {
  const { kind, end } = scanNumber(scan.text, scan.position);
  const literal = scan.text.slice(scan.position, end);
  if (kind === 'fault') return `bad number or duration syntax: "${literal}"`;
  return push(scan, kind, literal);
}

/** Keeps track of what is open, and says what closes or opens at the wrong place. */
function bracketFault(scan: Scan, symbol: string): string | undefined {
  if (symbol === '{') scan.isInBraces = true;
  else if (symbol === '}') return `unexpected character: '}'`;
  else if (symbol === '(') scan.openParens++;
  else if (symbol === ')') {
    if (scan.openParens === 0) {
      // Prometheus names the place behind it.
      scan.position++;
      return `unexpected right parenthesis ')'`;
    }
    scan.openParens--;
  } else if (symbol === '[') {
    if (scan.isInBrackets) return `unexpected left bracket '['`;
    scan.isInBrackets = true;
    scan.hasColon = false;
  } else if (symbol === ':') {
    if (scan.hasColon) return `unexpected colon ':'`;
    scan.hasColon = true;
  } else if (symbol === ']') {
    if (!scan.isInBrackets) return `unexpected right bracket ']'`;
    scan.isInBrackets = false;
  }
  return undefined;
}

function unknownCharacter(scan: Scan): string {
  const char = characterAt(scan, scan.position);
  if (char !== '!') return `unexpected character: ${quoteCharacter(char)}`;
  return `unexpected character after '!': ${quoteNext(scan)}`;
}

/** What stands behind the character at the position; Go shows the end of a text as U+FFFD. */
function quoteNext(scan: Scan): string {
  const next = characterAt(scan, scan.position + 1);
  return quoteCharacter(next === '' ? '\ufffd' : next);
}

function characterAt(scan: Scan, position: number): string {
  const code = scan.text.codePointAt(position);
  return code === undefined ? '' : String.fromCodePoint(code);
}

function match(scan: Scan, pattern: RegExp): string | undefined {
  pattern.lastIndex = scan.position;
  return pattern.exec(scan.text)?.[0];
}

function push(scan: Scan, kind: TokenKind, text: string): undefined {
  const start = scan.position;
  scan.position += text.length;
  scan.tokens.push({ kind, text, start, end: scan.position });
}
