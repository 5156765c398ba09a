/** Puts a mutant into the source of the product while it is loaded; the files stay as they are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './list.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

/** From now on the mutant's files are loaded with its changes. Call it before anything of the product is imported. */
export function applyMutant(mutant: Mutant): void {
  const sources = mutatedSources(mutant);
  registerHooks({
    load: (url, context, nextLoad) => {
      const source = sources.get(url);
      return source === undefined
        ? nextLoad(url, context)
        : { format: 'module-typescript', source, shortCircuit: true };
    },
  });
}

/** The changed files by their URL. Throws when a text to be replaced does not stand in its file exactly once. */
export function mutatedSources({ name, edits }: Mutant): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const { file, from, to } of edits) {
    const path = resolve(ROOT, file);
    const url = pathToFileURL(path).href;
    const parts = (sources.get(url) ?? readFileSync(path, 'utf8')).split(from);
    const times = parts.length - 1;
    assert.equal(
      times,
      1,
      `mutant "${name}": its text stands ${times} times in ${file}, expected once:\n${from}`,
    );
    sources.set(url, parts.join(to));
  }
  return sources;
}
