import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { parseYamlSubset, type YamlNode } from './yaml-subset.ts';

function plain(node: YamlNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.text;
    case 'list':
      return node.entries.map(plain);
    case 'map':
      return toObject(node.entries);
  }
}

function toObject(entries: ReadonlyMap<string, YamlNode>): unknown {
  return Object.fromEntries([...entries].map(([key, node]) => [key, plain(node)]));
}

const ACCEPTED: readonly (readonly [string, string])[] = [
  ['scalars', 'url: https://a.example:7655\ninterval: 10s\ninsecure: true\n'],
  ['comments', '# head\na: b # tail\n\n  # indented\nc: d#e\n'],
  ['quotes', `a: "x: # y"\nb: 'it''s' # c\nc: "tab\\t\\u0041"\nd: ''\n`],
  ['a list below its key', 'a:\n  - one\n  - two # c\nb: 3\n'],
  ['a list beside its key', 'a:\n- one\n- "two"\nb: 3\n'],
  ['maps in maps', 'a:\n  b:\n    c: d\n  e: f\ng: h\n'],
  ['maps in a list', 'a:\n  - name: x\n    url: y\n  - name: z\n    url: w\n'],
  ['a list in a list', 'a:\n  - - x\n    - y\n  - - z\n'],
  ['a map below a dash', 'a:\n  -\n    b: c\n'],
  ['empty values', 'a:\nb: # nothing\nc: d\n'],
  ['Windows line ends', 'a: b\r\nc:\r\n  - d\r\n'],
  ['quoted keys', '"a b": c\n\'d\': e\n'],
  ['odd plain texts', "a: it's\nb: -5\nc: a,b]\nd: x?y\ne: 10:30\nf: a\\b\ng: :x\n"],
  ['an indented file', '  a: b\n  c: d\n'],
];

const REFUSED: readonly (readonly [string, string, number])[] = [
  ['a flow map', 'a: {b: c}\n', 1],
  ['a flow list', 'x: y\na: [b, c]\n', 2],
  ['an anchor', 'a: &x b\n', 1],
  ['an alias', 'a: *x\n', 1],
  ['a tag', 'a: !!str b\n', 1],
  ['a block text', 'a: |\n  b\n', 2],
  ['a folded text', 'a: >-\n', 1],
  ['a document mark', '---\na: b\n', 1],
  ['a directive', '%YAML 1.2\na: b\n', 1],
  ['a tab as indentation', 'a:\n\tb: c\n', 2],
  ['a value on two lines', 'a: b\n  c\n', 2],
  ['a key twice', 'a: b\nc: d\na: e\n', 3],
  ['a colon in a plain value', 'a: b: c\n', 1],
  ['an open quote', 'a: "b\n', 1],
  ['text behind a quote', `a: 'b' c\n`, 1],
  ['an unknown escape', 'a: "\\q"\n', 1],
  ['a wild indentation', 'a:\n    b: c\n  d: e\n', 3],
  ['a list at the top', '- a\n', 1],
  ['a plain text', 'hello\n', 1],
  ['a complex key', '? a\n: b\n', 1],
  ['a control character', 'a: b\u0007\n', 1],
  ['a map and a list in one', 'a: b\n- c\n', 2],
];

describe('what it reads', () => {
  it.each(ACCEPTED)('means the same as in YAML: %s', (_what, text) => {
    const expected: unknown = parse(text, { schema: 'failsafe' });
    // The library gives null for no value where this reader gives the empty text.
    const ours: unknown = JSON.parse(JSON.stringify(toObject(parseYamlSubset(text))));
    expect(ours).toEqual(JSON.parse(JSON.stringify(expected).replaceAll('null', '""')));
  });

  it('takes a file without content for an empty map', () => {
    expect(parseYamlSubset('# nothing\n\n').size).toBe(0);
  });

  it('keeps hostile keys out of prototypes', () => {
    expect([...parseYamlSubset('__proto__: x\nconstructor: y\n').keys()]).toEqual([
      '__proto__',
      'constructor',
    ]);
  });
});

describe('what it refuses', () => {
  it.each(REFUSED)('names the line of %s', (_what, text, line) => {
    expect(() => parseYamlSubset(text)).toThrow(new RegExp(`^line ${line} `));
  });

  it('has limits', () => {
    const deep = Array.from({ length: 12 }, (_unused, depth) => `${'  '.repeat(depth)}a:`).join('\n');
    expect(() => parseYamlSubset(deep)).toThrow(/deeper than 8/);
    expect(() => parseYamlSubset(`a: ${'x'.repeat(70_000)}`)).toThrow(/larger than/);
  });

  it('never fails with anything but its own error, and never differs from YAML', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      ':',
      ': ',
      '- ',
      '-',
      '\n',
      '\n  ',
      '\n    ',
      '"',
      "'",
      ' # c',
      '#',
      '[',
      '\\n',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        expect(isFaithful(pieces.join(''))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

function attempt(read: () => unknown): { readonly value?: unknown; readonly error?: unknown } {
  try {
    return { value: read() };
  } catch (error) {
    return { error };
  }
}

/** Whether the text is refused with the reader's own error, or means the same to YAML. */
function isFaithful(text: string): boolean {
  const ours = attempt(() => toObject(parseYamlSubset(text)));
  if (ours.error !== undefined) return ours.error instanceof AppError;
  const theirs = attempt((): unknown => parse(text, { schema: 'failsafe' }) ?? {});
  const normal = (value: unknown): string => JSON.stringify(value).replaceAll('null', '""');
  return theirs.error === undefined && normal(ours.value) === normal(theirs.value);
}
