/** The built page for tests: `web/dist`, made anew when it is missing or older than its sources. */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const WEB_DIR = join(import.meta.dirname, '../../web');
const VITE = join(import.meta.dirname, '../../node_modules/vite/bin/vite.js');
const BUILD_TIMEOUT_MS = 60_000;

/** The folder of the built page, an absolute path. Builds it first when it is not up to date. */
export async function builtPage(): Promise<string> {
  const dist = join(WEB_DIR, 'dist');
  const builtMs = await modifiedMs(join(dist, 'index.html'));
  const sources = [
    join(WEB_DIR, 'index.html'),
    join(WEB_DIR, 'vite.config.ts'),
    ...(await filesBelow(join(WEB_DIR, 'src'))),
  ];
  const changedMs = Math.max(...(await Promise.all(sources.map(modifiedMs))));
  if (builtMs <= changedMs) {
    await promisify(execFile)(process.execPath, [VITE, 'build', '--logLevel', 'warn'], {
      cwd: WEB_DIR,
      timeout: BUILD_TIMEOUT_MS,
      // Vitest sets this to "test", which would build the development version.
      env: { ...process.env, NODE_ENV: 'production' },
    });
  }
  return dist;
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function modifiedMs(path: string): Promise<number> {
  const found = await stat(path).catch(() => null);
  return found?.mtimeMs ?? 0;
}
