/** Splits a template into plain text and the tokens of its actions (https://pkg.go.dev/text/template). */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { decodeString } from '../../query/parse/literals.ts';

export type Token =
  /** A name of a function, or one of the keywords. */
  | { readonly kind: 'word'; readonly text: string }
  /** `$` or `$name`, without what follows it. */
  | { readonly kind: 'variable'; readonly name: string }
  /** `.name`; stands right behind another token when `isChained`. */
  | { readonly kind: 'field'; readonly name: string; readonly isChained: boolean }
  | { readonly kind: 'dot' }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'mark'; readonly text: '(' | ')' | '|' | ',' | ':=' | '=' };

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly source: string };

const OPEN = '{{';
const CLOSE = '}}';
const SPACE = ' \t\r\n';

/**
 * Texts and actions in their order; comments are left out, and the spaces that `{{-` and `-}}` take away.
 * @throws AppError BAD_CONFIG
 */
export function splitTemplate(source: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let isTrimming = false;
  for (;;) {
    const open = source.indexOf(OPEN, at);
    let text = source.slice(at, open === -1 ? undefined : open);
    if (isTrimming) text = text.trimStart();
    const trimsLeft = open !== -1 && source[open + 2] === '-' && isSpace(source[open + 3]);
    if (trimsLeft) text = text.trimEnd();
    if (text !== '') pieces.push({ kind: 'text', text });
    if (open === -1) return pieces;
    const action = readAction(source, open + (trimsLeft ? 3 : 2));
    isTrimming = action.trimsRight;
    at = action.end;
    if (action.tokens !== undefined) {
      pieces.push({ kind: 'action', tokens: action.tokens, source: source.slice(open, at) });
    }
  }
}

interface Action {
  /** Undefined for a comment. */
  readonly tokens: readonly Token[] | undefined;
  readonly trimsRight: boolean;
  /** Behind the closing braces. */
  readonly end: number;
}

function readAction(source: string, start: number): Action {
  const comment = /[ \t\r\n]*\/\*[\s\S]*?\*\/(\s+-)?\}\}/y;
  comment.lastIndex = start;
  const found = comment.exec(source);
  if (found !== null)
    return { tokens: undefined, trimsRight: found[1] !== undefined, end: comment.lastIndex };
  const tokens: Token[] = [];
  let at = start;
  for (;;) {
    const spaceStart = at;
    while (isSpace(source[at])) at++;
    const hasSpace = at > spaceStart;
    if (source.startsWith(CLOSE, at)) return { tokens, trimsRight: false, end: at + 2 };
    if (hasSpace && source[at] === '-' && source.startsWith(CLOSE, at + 1)) {
      return { tokens, trimsRight: true, end: at + 3 };
    }
    if (at >= source.length) throw badTemplate(source, 'an action is not closed with }}');
    at = readToken({ source, at, isChained: !hasSpace && tokens.length > 0 }, tokens);
  }
}

const PATTERNS = {
  number: /[+-]?(?:0[xX][0-9a-fA-F_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y,
  variable: /\$([A-Za-z_]\w*)?/y,
  field: /\.([A-Za-z_]\w*)/y,
  word: /[A-Za-z_]\w*/y,
  text: /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y,
  char: /'(?:[^'\\\n]|\\.)*'/y,
  mark: /:=|[()|,=]/y,
} as const;

/** Adds the token at `at` and returns where the next one begins. */
function readToken(place: { source: string; at: number; isChained: boolean }, tokens: Token[]): number {
  const { source, at, isChained } = place;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  const number = match(PATTERNS.number);
  const last = tokens.at(-1);
  // A field behind a value is no number: `$x.5` is an error, `.5` alone is one.
  if (number !== null && !(isChained && source[at] === '.' && last?.kind !== 'mark')) {
    tokens.push({ kind: 'number', text: number[0] });
    return at + number[0].length;
  }
  const field = match(PATTERNS.field);
  if (field !== null) {
    const follows = isChained && (last?.kind !== 'mark' || last.text === ')');
    tokens.push({ kind: 'field', name: field[1] ?? '', isChained: follows });
    return at + field[0].length;
  }
  const variable = match(PATTERNS.variable);
  if (variable !== null) {
    tokens.push({ kind: 'variable', name: variable[1] ?? '' });
    return at + variable[0].length;
  }
  const text = match(PATTERNS.text);
  if (text !== null) {
    const decoded = decodeString(text[0]);
    if (decoded === undefined) throw badTemplate(source, `the text ${text[0]} has a wrong escape`);
    tokens.push({ kind: 'string', text: decoded });
    return at + text[0].length;
  }
  const char = match(PATTERNS.char);
  if (char !== null) {
    tokens.push({ kind: 'number', text: String(decodeString(char[0])?.codePointAt(0) ?? 0) });
    return at + char[0].length;
  }
  const mark = match(PATTERNS.mark)?.[0];
  if (mark === '(' || mark === ')' || mark === '|' || mark === ',' || mark === ':=' || mark === '=') {
    tokens.push({ kind: 'mark', text: mark });
    return at + mark.length;
  }
  const word = match(PATTERNS.word);
  if (word !== null) {
    tokens.push({ kind: 'word', text: word[0] });
    return at + word[0].length;
  }
  if (source[at] === '.') {
    tokens.push({ kind: 'dot' });
    return at + 1;
  }
  throw badTemplate(source, `unexpected ${JSON.stringify(source.slice(at, at + 10))} in an action`);
}

function isSpace(char: string | undefined): boolean {
  return char !== undefined && SPACE.includes(char);
}

/** The error for a template that cannot be used, with the beginning of its text. */
export function badTemplate(source: string, reason: string): AppError {
  const start = source.length > 60 ? `${source.slice(0, 60)}…` : source;
  return new AppError('BAD_CONFIG', `template ${JSON.stringify(start)}: ${reason}`);
}
