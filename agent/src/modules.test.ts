/** What the agent loads is paid in memory on every machine, so the list of packages is closed. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AGENT_VERSION } from './self/version.ts';

const AGENT = join(import.meta.dirname, '..');

/** Prints the path of each module that `main.ts` loads; required by flag, so it is in place before that. */
const WATCHER = `import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:')) process.stdout.write(url + '\\n');
    return next(url, context);
  },
});`;

it('loads ws and no other package', () => {
  const watcher = `data:text/javascript,${encodeURIComponent(WATCHER)}`;
  const main = join(AGENT, 'bin/rollcall-agent.mjs');
  const output = execFileSync(process.execPath, ['--import', watcher, main, '--version'], {
    encoding: 'utf8',
  });
  const urls = output.split('\n').filter((line) => line.startsWith('file:'));
  const packages = new Set(urls.map((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]));
  packages.delete(undefined);
  expect([...packages]).toEqual(['ws']);
  for (const part of ['link/uplink', 'scheduler/scheduler', 'inventory/inventory', 'spool/durable']) {
    expect(urls.filter((url) => url.endsWith(`${part}.ts`))).toHaveLength(1);
  }
});

it('has the version of its package', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(AGENT, 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({ version: AGENT_VERSION });
});
