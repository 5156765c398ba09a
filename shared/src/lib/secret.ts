/**
 * A value that must never be printed. It shows as `[redacted]` in strings, JSON and the inspector; `reveal` is the
 * only way to the text, so that its uses can be found.
 */
const HIDDEN = '[redacted]';

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Call it where the secret leaves the program and nowhere else. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return HIDDEN;
  }
}

/** A URL as it may be shown: without user, password, and the values of its query. */
export function redactUrl(text: string): string {
  if (!URL.canParse(text)) return '[not a url]';
  const url = new URL(text);
  const query = url.search === '' ? '' : '?[redacted]';
  return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}${query}`;
}
