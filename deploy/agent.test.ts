import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { builtAgent, inAscii, withoutFacades, withoutHttp, withoutModuleLoader } from './agent.ts';

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

it('takes HTTP out of the WebSocket library', () => {
  const code = 'const { websocketMask, websocketUnmask } = __require("http");';
  expect(withoutHttp(`a\n${code}\nb`)).toBe(
    'a\nconst websocketMask = undefined, websocketUnmask = undefined;\nb',
  );
  expect(() => withoutHttp('const other = 1;')).toThrow('the agent has no line const { websocketMask');
});

it('gives libraries the modules of Node.js without its loader', async () => {
  const code =
    'const { createRequire } = process.getBuiltinModule("node:module");\n' +
    'var __require = (() => createRequire(import.meta.url))();';
  const lean = withoutModuleLoader(code);
  expect(lean).not.toMatch('const { createRequire }');
  const url = `data:text/javascript,${encodeURIComponent(`${lean}\nexport const zlib = __require("zlib");`)}`;
  const module: unknown = await import(url);
  expect(module).toMatchObject({ zlib: { constants: { Z_BEST_SPEED: 1 } } });
  expect(() => withoutModuleLoader('const other = 1;')).toThrow('has no line var __require');
});

/** Says what of Node.js was loaded when the program ends. */
const WATCHER = `process.on('exit', () => process.stdout.write('\\n' + process.moduleLoadList.join('\\n')));`;

it('loads no more of Node.js than it needs all day', { timeout: 90_000 }, () => {
  const watcher = `data:text/javascript,${encodeURIComponent(WATCHER)}`;
  const output = execFileSync(process.execPath, ['--import', watcher, builtAgent(), '--version'], {
    encoding: 'utf8',
  });
  const loaded = output.split('\n').map((line) => line.replace('NativeModule ', ''));
  expect(loaded).toEqual(expect.arrayContaining(['net', 'crypto', 'zlib']));
  const unwanted = [
    'http',
    '_http_client',
    'https',
    'tls',
    'http2',
    'assert',
    'perf_hooks',
    'worker_threads',
    'module',
  ];
  expect(loaded.filter((name) => unwanted.includes(name))).toEqual([]);
});
