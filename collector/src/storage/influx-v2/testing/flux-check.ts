/**
 * Flux's own front end, as its authors compiled it for editors: says whether a script parses and its types fit. The
 * package is made for bundlers, so its two halves, which need each other, are put together here.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as z from 'zod';

/** What the type library of Node.js leaves to that of browsers. */
declare const WebAssembly: {
  readonly Module: { new (bytes: Uint8Array): object; imports(module: object): unknown };
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

const glueModule = z.looseObject({
  Flux: z.custom<new (script: string) => { is_valid(): boolean }>((value) => typeof value === 'function'),
});
const importTable = z.array(z.object({ module: z.string(), name: z.string() }));

/** Loads it, which takes about a second. @returns a function that says whether a script is valid */
export async function loadFluxCheck(): Promise<(script: string) => boolean> {
  const entry = import.meta.resolve('@influxdata/flux-lsp-browser/flux-lsp-browser_bg.js');
  const folder = dirname(fileURLToPath(entry));
  const module = new WebAssembly.Module(readFileSync(join(folder, 'flux-lsp-browser_bg.wasm')));
  let glue: Readonly<Record<string, unknown>> = {};
  const imports: Record<string, Record<string, (...parameters: readonly unknown[]) => unknown>> = {};
  for (const { module: from, name } of importTable.parse(WebAssembly.Module.imports(module))) {
    imports[from] ??= {};
    imports[from][name] = (...parameters) => {
      const called = glue[name];
      return typeof called === 'function' ? Reflect.apply(called, undefined, parameters) : undefined;
    };
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  const key = Symbol.for('flux-check-exports');
  const scratch = mkdtempSync(join(tmpdir(), 'flux-check-'));
  try {
    Reflect.set(globalThis, key, exports);
    const source = readFileSync(fileURLToPath(entry), 'utf8');
    const head = `const wasm = globalThis[Symbol.for('flux-check-exports')];\n`;
    const file = join(scratch, 'glue.mjs');
    writeFileSync(file, head + source.replace(/^import \* as wasm from [^\n]*$/m, ''));
    const loaded: unknown = await import(/* @vite-ignore */ pathToFileURL(file).href);
    const parsed = glueModule.parse(loaded);
    glue = parsed;
    return (script) => new parsed.Flux(script).is_valid();
  } finally {
    Reflect.deleteProperty(globalThis, key);
    rmSync(scratch, { recursive: true, force: true });
  }
}
