/** Programs that some tests need and a machine may lack. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Needed {
  /** Absolute path of the program, or `null` when the machine has none. */
  readonly path: string | null;
  /** Empty when the program was found, else a note for the title of the tests that are skipped. */
  readonly note: string;
}

/**
 * Looks a program up in `PATH`, for `describe.skipIf(needed.path === null)`. With `CI=true` a missing program is an
 * error instead, so that no test is skipped where all of them count.
 */
export function needs(program: string): Needed {
  const path = find(program);
  if (path !== null) return { path, note: '' };
  if (process.env['CI'] === 'true')
    throw new Error(`find ${program}: not in PATH, and with CI=true no test is skipped`);
  return { path: null, note: ` (skipped: ${program} is not installed)` };
}

function find(program: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, program)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
