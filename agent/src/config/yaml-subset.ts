/**
 * Reads configuration files in the look of YAML: block maps, block lists, plain and quoted scalars, comments. Anything
 * else of YAML is refused with its line instead of being guessed at. What is accepted means the same as in YAML 1.2
 * (yaml.org/spec/1.2.2), except that every scalar stays the text that it is.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';

export type YamlNode =
  | { readonly kind: 'scalar'; readonly line: number; readonly text: string }
  | { readonly kind: 'list'; readonly line: number; readonly entries: readonly YamlNode[] }
  | { readonly kind: 'map'; readonly line: number; readonly entries: ReadonlyMap<string, YamlNode> };

interface Line {
  readonly number: number;
  readonly indent: number;
  readonly text: string;
}

const BYTES_MAX = 64 * 1024;
const DEPTH_MAX = 8;
const KEY = /^(?:([A-Za-z0-9_][A-Za-z0-9_.-]*)|"([^"\\]*)"|'([^']*)')[ \t]*:(?:[ \t]+(.*))?$/;
const ITEM = /^-(?:[ \t]+(.*))?$/;
/** Characters that begin what this reader does not know: flow collections, anchors, tags, block texts … */
const UNSUPPORTED_START = /^[{}[\],&*!|>%@`?#]/;

/**
 * @returns the map of the file, empty for a file without content
 * @throws AppError BAD_CONFIG naming the line
 */
export function parseYamlSubset(source: string): ReadonlyMap<string, YamlNode> {
  if (Buffer.byteLength(source) > BYTES_MAX) {
    throw new AppError('BAD_CONFIG', `is larger than ${BYTES_MAX} bytes`);
  }
  const lines = splitLines(source);
  const first = lines[0];
  if (first === undefined) return new Map();
  const reader = new BlockReader(lines);
  const node = reader.block(first.indent, 0);
  reader.expectEnd();
  if (node.kind !== 'map') throw fault(first.number, 'must be a map: key: value');
  return node.entries;
}

function splitLines(source: string): Line[] {
  const lines: Line[] = [];
  for (const [index, raw] of source
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const number = index + 1;
    const text = raw.trim();
    if (text === '' || text.startsWith('#')) continue;
    const indent = raw.length - raw.trimStart().length;
    if (raw.slice(0, indent).includes('\t')) throw fault(number, 'is indented with a tab; use spaces');
    // oxlint-disable-next-line no-control-regex -- exactly these must not stand in a file of text
    if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) throw fault(number, 'has a control character');
    if (indent === 0 && /^(?:---|\.\.\.)(?:\s|$)/.test(text)) {
      throw fault(number, 'begins or ends a document; a file is one document without marks');
    }
    lines.push({ number, indent, text });
  }
  return lines;
}

class BlockReader {
  readonly #lines: Line[];
  #at = 0;

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  expectEnd(): void {
    const line = this.#lines[this.#at];
    if (line !== undefined) throw fault(line.number, 'is indented differently from the lines above');
  }

  /** The list or map whose lines have exactly this indentation. */
  block(indent: number, depth: number): YamlNode {
    const line = this.#peek(indent);
    if (line === undefined) throw new Error('a block has at least one line');
    if (depth >= DEPTH_MAX) throw fault(line.number, `is nested deeper than ${DEPTH_MAX} levels`);
    return ITEM.test(line.text) ? this.#list(line, depth) : this.#map(line, depth);
  }

  #list({ indent, number }: Line, depth: number): YamlNode {
    const entries: YamlNode[] = [];
    for (let line = this.#peek(indent); line !== undefined; line = this.#peek(indent)) {
      const match = ITEM.exec(line.text);
      if (match === null) break;
      const rest = match[1] ?? '';
      if (ITEM.test(rest) || KEY.test(rest)) {
        // "- key: value" begins a block of its own, at the column of the key.
        const column = indent + line.text.length - rest.length;
        this.#lines[this.#at] = { number: line.number, indent: column, text: rest };
        entries.push(this.block(column, depth + 1));
      } else {
        this.#at++;
        entries.push(this.#value(line, { rest, depth, isListAllowedBeside: false }));
      }
    }
    return { kind: 'list', line: number, entries };
  }

  #map({ indent, number }: Line, depth: number): YamlNode {
    const entries = new Map<string, YamlNode>();
    for (let line = this.#peek(indent); line !== undefined; line = this.#peek(indent)) {
      const match = KEY.exec(line.text);
      if (match === null) throw fault(line.number, 'is not "key: value"');
      const key = match[1] ?? match[2] ?? match[3] ?? '';
      if (entries.has(key)) throw fault(line.number, `repeats the key ${key}`);
      this.#at++;
      const rest = match[4] ?? '';
      entries.set(key, this.#value(line, { rest, depth, isListAllowedBeside: true }));
    }
    return { kind: 'map', line: number, entries };
  }

  /** What follows a key or a dash: a scalar on the same line, or a block on the next ones. */
  #value(
    line: Line,
    options: { readonly rest: string; readonly depth: number; readonly isListAllowedBeside: boolean },
  ): YamlNode {
    const { rest, depth, isListAllowedBeside } = options;
    const next = this.#lines[this.#at];
    const isIndented = next !== undefined && next.indent > line.indent;
    if (rest !== '' && !rest.startsWith('#')) {
      if (isIndented) throw fault(next.number, 'continues a value; a value is one line');
      return { kind: 'scalar', line: line.number, text: scalar(rest, line.number) };
    }
    const isListBeside =
      isListAllowedBeside && next !== undefined && next.indent === line.indent && ITEM.test(next.text);
    if (isIndented || isListBeside) return this.block(next.indent, depth + 1);
    return { kind: 'scalar', line: line.number, text: '' };
  }

  #peek(indent: number): Line | undefined {
    const line = this.#lines[this.#at];
    if (line === undefined || line.indent < indent) return undefined;
    if (line.indent > indent) throw fault(line.number, 'is indented differently from the lines above');
    return line;
  }
}

function scalar(text: string, line: number): string {
  if (text.startsWith('"')) return doubleQuoted(text, line);
  if (text.startsWith("'")) return singleQuoted(text, line);
  if (UNSUPPORTED_START.test(text) || /^[-:](?:\s|$)/.test(text)) {
    throw fault(line, `begins a value with ${text.slice(0, 1)}, which is not supported; put it in quotes`);
  }
  const plain = text.replace(/[ \t]+#.*$/, '').trimEnd();
  if (/:(?:\s|$)/.test(plain)) throw fault(line, 'has a colon in a value; put the value in quotes');
  return plain;
}

function doubleQuoted(text: string, line: number): string {
  const match = /^("(?:[^"\\]|\\.)*")[ \t]*(?:[ \t]#.*)?$/.exec(text);
  if (match === null) throw fault(line, 'has a quoted value that does not end on its line');
  try {
    const value: unknown = JSON.parse(match[1] ?? '');
    return String(value);
  } catch {
    throw fault(line, 'has an escape in quotes that is not one of JSON');
  }
}

function singleQuoted(text: string, line: number): string {
  const match = /^'((?:[^']|'')*)'[ \t]*(?:[ \t]#.*)?$/.exec(text);
  if (match === null) throw fault(line, 'has a quoted value that does not end on its line');
  return (match[1] ?? '').replaceAll("''", "'");
}

function fault(line: number, what: string): AppError {
  return new AppError('BAD_CONFIG', `line ${line} ${what}`);
}
