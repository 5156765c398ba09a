/**
 * One collector per data folder. The lock is SQLite's own on a file of its own: the operating system gives it up with
 * the process, however that ends, so there is nothing stale to clean.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';

/**
 * Takes the lock of a data folder; the result gives it back.
 * @throws AppError DATA_DIR_UNUSABLE when another collector has it, or a command that changes the store
 */
export function lockDataDir(path: string): () => void {
  return takeLock(
    join(path, 'lock.db'),
    `data folder ${path} is in use by another collector or by a command: stop that one, or choose another folder with --data-dir`,
  );
}

/**
 * Takes the lock of the folder of a backup; the result gives it back.
 * @throws AppError DATA_DIR_UNUSABLE when another backup has it
 */
export function lockBackup(path: string): () => void {
  return takeLock(
    join(path, 'backup.lock'),
    `another backup to ${path} is under way: wait for its end, or choose another folder`,
  );
}

function takeLock(file: string, taken: string): () => void {
  let connection: DatabaseSync | undefined;
  try {
    connection = new DatabaseSync(file);
    connection.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    connection?.close();
    // SQLITE_BUSY; anything else is no other process but the folder.
    const isTaken = error instanceof Error && 'errcode' in error && error.errcode === 5;
    const text = isTaken ? taken : `lock ${file}: ${describeError(error)}`;
    throw new AppError('DATA_DIR_UNUSABLE', text, { cause: error });
  }
  return () => connection.close();
}
