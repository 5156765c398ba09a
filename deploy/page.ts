/** The built-in page is the only thing that is built: once, and again when one of its sources is newer. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const WEB = join(ROOT, 'web');
const BUILD_MS_MAX = 60_000;

/**
 * The folder of the built page, an absolute path. Builds it first when it is not up to date.
 * @param announce called before a build, which takes a few seconds
 * @throws Error when the build fails; what is wrong stands on standard error
 */
export function builtPage(announce: () => void = () => {}): string {
  const dist = join(WEB, 'dist');
  const index = join(dist, 'index.html');
  if (existsSync(index) && statSync(index).mtimeMs > Math.max(...sources().map(modifiedMs))) return dist;
  announce();
  const result = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'],
    // Vitest sets NODE_ENV to "test", which would build the development version.
    { cwd: WEB, stdio: 'inherit', timeout: BUILD_MS_MAX, env: { ...process.env, NODE_ENV: 'production' } },
  );
  if (result.status !== 0) throw new Error('the page could not be built; run "npm ci" and try again');
  return dist;
}

/** `builtPage` for programs that people start: says what it does, and ends with exit code 2 when that fails. */
export function buildPageOrExit(): void {
  try {
    builtPage(() => process.stdout.write('Building the page, once ...\n'));
  } catch (error) {
    process.stderr.write(`rollcall: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

function sources(): readonly string[] {
  const code = readdirSync(join(WEB, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return [join(WEB, 'index.html'), join(WEB, 'vite.config.ts'), ...code];
}

function modifiedMs(path: string): number {
  return statSync(path).mtimeMs;
}
