import { parser } from '@prometheus-io/lezer-promql';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { instanceIs, quoted, seconds } from './promql.ts';

test.each([
  ['web-1', '"web-1"'],
  ['a"b', '"a\\"b"'],
  ['a\\b', '"a\\\\b"'],
  ['a\nb', '"a\\nb"'],
  ['\\"\n', '"\\\\\\"\\n"'],
  ["it's `so`", '"it\'s `so`"'],
  ['"} or up{a="', '"\\"} or up{a=\\""'],
])('writes %j as %s', (text, literal) => expect(quoted(text)).toBe(literal));

test('never lets a host name out of its literal', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('"', '\\', '\n', 'n', '{', 'é', '😀'), maxLength: 30 }),
      (name) => {
        const expression = `up{${instanceIs(name)}}`;
        const inner = expression.slice('up{instance="'.length, -'"}'.length);
        // Read back as Go does: every quote and backslash inside is the second half of an escape.
        expect(inner.replace(/\\[\\"n]/g, '')).not.toMatch(/[\\"\n]/);
        const back = inner.replace(/\\([\\"n])/g, (_all, character: string) =>
          character === 'n' ? '\n' : character,
        );
        expect(back).toBe(name);
      },
    ),
  );
});

test('makes an expression that the grammar of PromQL takes, whatever the name', () => {
  for (const name of ['plain', '"} or up{a="', '\\', 'line\nbreak', '‮evil', "'`{}[]()"]) {
    let errors = 0;
    parser.parse(`rate(up{${instanceIs(name)}}[${seconds(59.2)}])`).iterate({
      enter: (node) => {
        if (node.type.isError) errors += 1;
      },
    });
    expect(`${errors} errors for ${name}`).toBe(`0 errors for ${name}`);
  }
});

test('rounds ranges up to whole seconds', () => expect(seconds(60.1)).toBe('61s'));
