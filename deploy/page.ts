/** The built-in page is the only thing that is built: once, and again when its source is newer. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const BAD_USE = 2;

/** Builds web/dist when it is missing or stale; ends the program with 2 when that fails. */
export function buildPageIfStale(): void {
  const built = join(ROOT, 'web/dist/index.html');
  const isFresh = existsSync(built) && statSync(built).mtimeMs >= newestMs(join(ROOT, 'web/src'));
  if (isFresh) return;
  process.stdout.write('Building the page, once ...\n');
  const result = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'],
    {
      cwd: join(ROOT, 'web'),
      stdio: 'inherit',
    },
  );
  if (result.status !== 0) {
    process.stderr.write('rollcall: the page could not be built; run "npm ci" and try again\n');
    process.exit(BAD_USE);
  }
}

function newestMs(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((newest, entry) => Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}
