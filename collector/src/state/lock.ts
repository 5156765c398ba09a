/**
 * One collector per data folder. The lock is SQLite's own on a file of its own: the operating system gives it up with
 * the process, however that ends, so there is nothing stale to clean.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError } from '@rollcall/shared/lib/errors.ts';

/**
 * Takes the lock of a data folder; the result gives it back.
 * @throws AppError DATA_DIR_UNUSABLE when another collector has it
 */
export function lockDataDir(path: string): () => void {
  const connection = new DatabaseSync(join(path, 'lock.db'));
  try {
    connection.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    connection.close();
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `data folder ${path} is in use by another collector: stop that one, or choose another folder with --data-dir`,
      { cause: error },
    );
  }
  return () => connection.close();
}
