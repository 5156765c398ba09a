/** Pieces of PromQL that carry foreign text. */

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['"', '\\"'],
  ['\n', '\\n'],
]);

/**
 * `text` as a string literal of PromQL: in double quotes, with backslash, quote and newline escaped (the language takes
 * Go's rules, where a raw newline may not stand in double quotes).
 */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"\n]/g, (character) => ESCAPES.get(character) ?? character)}"`;
}

/** The matcher that selects the series of one host. */
export function instanceIs(hostName: string): string {
  return `instance=${quoted(hostName)}`;
}

/** A range of whole seconds for `rate(…[60s])`. */
export function seconds(count: number): string {
  return `${Math.ceil(count)}s`;
}
