/**
 * The agent as a few files of plain JavaScript that need nothing but Node.js: built once, and again when a source is newer.
 * Stripping the types of the sources would cost every host some 30 MB for as long as the agent runs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'agent/dist');
const PROGRAM = join(DIST, 'rollcall-agent.mjs');
const CONFIG = join(ROOT, 'deploy/rolldown.config.ts');
const BUILD_MS_MAX = 60_000;
/** Stands in the file that holds the WebSocket library. */
const WEB_SOCKET = '// node_modules/ws/';
/** Where that library asks HTTP for two functions that a later Node.js may have, and does without when there are none. */
const HTTP_LOAD = 'const { websocketMask, websocketUnmask } = __require("http");';
/** How rolldown lets a CommonJS library ask for a module. */
const REQUIRE = 'var __require = (() => createRequire(import.meta.url))();';
const CREATE_REQUIRE = 'const { createRequire } = process.getBuiltinModule("node:module");\n';
const RUNTIME = 'rolldown-runtime.mjs';
/**
 * The agent's program, an absolute path. Builds it first when it is not up to date.
 * @throws Error when the build fails; what is wrong stands on standard error
 */
export function builtAgent(): string {
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > Math.max(...sources().map(modifiedMs)))
    return PROGRAM;
  const result = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/rolldown/bin/cli.mjs'), '--config', CONFIG],
    { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'], timeout: BUILD_MS_MAX },
  );
  if (result.status !== 0) throw new Error('the agent could not be built; run "npm ci" and try again');
  for (const name of readdirSync(DIST)) {
    const path = join(DIST, name);
    const code = inAscii(withoutFacades(readFileSync(path, 'utf8')));
    if (name === RUNTIME) writeFileSync(path, withoutModuleLoader(code));
    else writeFileSync(path, code.includes(WEB_SOCKET) ? withoutHttp(code) : code);
  }
  return PROGRAM;
}

/**
 * The same program, which takes what it needs out of Node.js' modules and no more. An `import` of one asks for all that it
 * has, and so loads fetch, HTTP/2, web streams and more, which nobody uses: 4 MiB for as long as the agent runs.
 * @param code a module as rolldown writes it: each import on a line of its own
 */
export function withoutFacades(code: string): string {
  return code
    .replaceAll(
      /^import \{ (.*) \} from ("node:[a-z_/]+");$/gm,
      (_line, names: string, module: string) =>
        `const { ${names.replaceAll(' as ', ': ')} } = process.getBuiltinModule(${module});`,
    )
    .replaceAll(
      /^import ([\w$]+) from ("node:[a-z_/]+");$/gm,
      (_line, name: string, module: string) => `const ${name} = process.getBuiltinModule(${module});`,
    );
}

/**
 * The same program, in which the WebSocket library does not load HTTP, which is 1.5 MiB and used for nothing.
 * @throws Error when the library does not load it where it did: look what it does now
 */
export function withoutHttp(code: string): string {
  if (!code.includes(HTTP_LOAD)) throw new Error(`the agent has no line ${HTTP_LOAD} any more`);
  return code.replace(HTTP_LOAD, 'const websocketMask = undefined, websocketUnmask = undefined;');
}

/**
 * The same program, in which libraries get Node.js' own modules without `node:module`, which is needed only where
 * one asks for a package that is not part of the program.
 * @param code what rolldown puts under all modules, without facades
 * @throws Error when it does not load that module as it did: look what it does now
 */
export function withoutModuleLoader(code: string): string {
  if (!code.includes(REQUIRE) || !code.startsWith(CREATE_REQUIRE))
    throw new Error(`the agent's program has no line ${REQUIRE} any more`);
  return code
    .replace(CREATE_REQUIRE, '')
    .replace(
      REQUIRE,
      'var __require = (name) => process.getBuiltinModule(name) ?? ' +
        'process.getBuiltinModule("node:module").createRequire(import.meta.url)(name);',
    );
}

/**
 * The same program without letters outside of ASCII: with one of them, the engine keeps two bytes for each letter of the
 * file for as long as the agent runs.
 * @param code has such letters in texts and patterns only, not in raw templates
 */
export function inAscii(code: string): string {
  return code.replaceAll(
    /[^\0-\x7f]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `builtAgent` for programs that people start: ends with exit code 2 when that fails. */
export function buildAgentOrExit(): string {
  try {
    return builtAgent();
  } catch (error) {
    process.stderr.write(`rollcall: ${error instanceof Error ? error.message : String(error)}\n`);
    return process.exit(2);
  }
}

function sources(): readonly string[] {
  const files = ['agent/src', 'agent/bin', 'shared/src'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }),
  );
  const code = files.filter((entry) => entry.isFile() && /\.m?[jt]s$/.test(entry.name));
  return [import.meta.filename, CONFIG, ...code.map((entry) => join(entry.parentPath, entry.name))];
}

function modifiedMs(path: string): number {
  return statSync(path).mtimeMs;
}
