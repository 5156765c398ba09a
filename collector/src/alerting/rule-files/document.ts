/** YAML as rule files and their unit tests use it: read strictly, with a line for everything that is wrong. */
import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';

/** One thing that is wrong with a file. */
export interface Problem {
  /** 1 for the first line. */
  readonly line: number;
  readonly message: string;
}

export type Path = readonly (string | number)[];

/** Largest file in characters, and in bytes where it is read. */
export const RULE_FILE_LENGTH_MAX = 8 * 1024 * 1024;
/** How often aliases may repeat a part; a file of a few lines must not become gigabytes. */
const ALIASES_MAX = 100;

/**
 * The values of a YAML file with the places where they stand. Readers report what they do not like and go on, so that
 * all problems of a file show at once.
 */
export class YamlDocument {
  readonly root: unknown;
  readonly problems: Problem[] = [];
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    const source = text.length > RULE_FILE_LENGTH_MAX ? '' : text;
    // All scalars are texts: `severity: 1` is the text "1", and durations are no numbers.
    this.#document = parseDocument(source, {
      schema: 'failsafe',
      lineCounter: this.#lines,
      prettyErrors: false,
    });
    if (text.length > RULE_FILE_LENGTH_MAX) {
      this.problems.push({
        line: 1,
        message: `the file has ${text.length} characters, ${RULE_FILE_LENGTH_MAX} are allowed`,
      });
    }
    for (const { message, pos } of this.#document.errors) {
      this.problems.push({ line: this.#lines.linePos(pos[0]).line, message });
    }
    this.root = this.problems.length === 0 ? this.#values() : null;
  }

  report(path: Path, message: string): void {
    this.problems.push({ line: this.lineOf(path), message });
  }

  /** Line of the value at a path, or of the nearest thing around it. */
  lineOf(path: Path): number {
    for (let length = path.length; length >= 0; length--) {
      const parent: unknown =
        length === 0 ? undefined : this.#document.getIn(path.slice(0, length - 1), true);
      const key = path[length - 1];
      // A key stands where people look for it, also when its value begins a line further down.
      const pair = isMap(parent)
        ? parent.items.find((item) => isScalar(item.key) && item.key.value === key)
        : undefined;
      const node: unknown = pair === undefined ? this.#document.getIn(path.slice(0, length), true) : pair.key;
      const offset = rangeOf(node)?.[0];
      if (offset !== undefined) return this.#lines.linePos(offset).line;
    }
    return 1;
  }

  /**
   * The entries of a mapping; anything else, and names that are not allowed, are reported.
   * @returns undefined when the value is no mapping
   */
  mapping(value: unknown, path: Path, allowed: readonly string[]): ReadonlyMap<string, unknown> | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.report(path, `${describe(path)} must be a mapping`);
      return undefined;
    }
    const entries = new Map<string, unknown>(Object.entries(value));
    for (const name of entries.keys()) {
      if (!allowed.includes(name)) {
        this.report(
          [...path, name],
          `field ${name} is not known in ${describe(path)}, allowed are ${allowed.join(', ')}`,
        );
      }
    }
    return entries;
  }

  /** The items of a list; nothing counts as an empty one. */
  list(value: unknown, path: Path): readonly unknown[] {
    if (isNothing(value)) return [];
    if (Array.isArray(value)) return value;
    this.report(path, `${describe(path)} must be a list`);
    return [];
  }

  /** A text; nothing counts as the empty one. */
  text(value: unknown, path: Path): string {
    if (typeof value === 'string') return value;
    if (!isNothing(value)) this.report(path, `${describe(path)} must be a text`);
    return '';
  }

  /** A mapping from names to texts. */
  texts(value: unknown, path: Path): readonly (readonly [string, string])[] {
    if (isNothing(value)) return [];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.report(path, `${describe(path)} must be a mapping`);
      return [];
    }
    return Object.entries(value).map(([name, text]) => [name, this.text(text, [...path, name])]);
  }

  #values(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: ALIASES_MAX });
    } catch (error) {
      this.problems.push({ line: 1, message: error instanceof Error ? error.message : String(error) });
      return null;
    }
  }
}

function rangeOf(node: unknown): readonly number[] | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range))
    return undefined;
  return node.range.filter((offset) => typeof offset === 'number');
}

/** An empty value of YAML; the failsafe schema makes a text of it. */
function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function describe(path: Path): string {
  const name = path.findLast((part) => typeof part === 'string');
  return name ?? 'the file';
}
