import { expect, it } from 'vitest';
import { inAscii, withoutFacades } from './agent.ts';

it('takes single names out of the modules of Node.js', () => {
  const code = [
    'import { readSync, constants as constants$1 } from "node:fs";',
    'import assert$1 from "node:assert/strict";',
    'import { own } from "./own.mjs";',
    'const text = \'import { a } from "node:fs";\';',
    'import { createHash } from "node:crypto";',
  ];
  expect(withoutFacades(code.join('\n')).split('\n')).toEqual([
    'const { readSync, constants: constants$1 } = process.getBuiltinModule("node:fs");',
    'const assert$1 = process.getBuiltinModule("node:assert/strict");',
    'import { own } from "./own.mjs";',
    code[3],
    'const { createHash } = process.getBuiltinModule("node:crypto");',
  ]);
});

it('writes letters outside of ASCII as escapes that mean the same', async () => {
  const code = 'export const all = ["ü…\u{1F600}", /^[à-ÿ]$/.test("é"), `µ${1}`];';
  const ascii = inAscii(code);
  expect(ascii).toMatch(/^[\0-\x7f]+$/);
  const module: unknown = await import(`data:text/javascript,${encodeURIComponent(ascii)}`);
  expect(module).toMatchObject({ all: ['ü…\u{1F600}', true, 'µ1'] });
});
