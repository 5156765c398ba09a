/** Values that must never be printed. */

const HIDDEN = '[redacted]';

/**
 * A text that shows as `[redacted]` in strings, JSON and the inspector; `reveal` is the only way to it, so that its uses
 * can be found.
 */
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

/**
 * A URL as it may be shown: scheme, host and port. Chat services put their secret into the path, others into the query
 * or in front of the host, so nothing else is safe.
 */
export function redactUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null) return '[not a url]';
  const isWhole = url.pathname.length <= 1 && url.search === '' && url.hash === '';
  return `${url.protocol}//${url.host}${isWhole ? '' : `/${HIDDEN}`}`;
}
