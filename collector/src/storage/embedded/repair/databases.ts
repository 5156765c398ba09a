/** What backup and repair do with database files; nobody waits for them, so they take their time. */
import { backup, DatabaseSync } from 'node:sqlite';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';

/** More pages than a database can have. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Copies a database as it is at one moment, while others may write to it.
 * @param to a file that does not exist
 * @throws AppError DATA_DIR_UNUSABLE
 */
export async function copyDatabase(from: string, to: string): Promise<void> {
  const connection = new DatabaseSync(from, { readOnly: true, timeout: 5_000 });
  try {
    // All pages in one step: with several, every commit in between would begin it anew.
    await backup(connection, to, { rate: ALL_PAGES });
  } catch (error) {
    throw new AppError('DATA_DIR_UNUSABLE', `copy database ${from} to ${to}: ${describeError(error)}`, {
      cause: error,
    });
  } finally {
    connection.close();
  }
}

/** What SQLite finds wrong with a database file; nothing when it is whole. */
export function databaseProblems(path: string): string[] {
  try {
    const connection = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    try {
      const found = connection.prepare('PRAGMA quick_check').all();
      return found.map((row) => String(row['quick_check'])).filter((text) => text !== 'ok');
    } finally {
      connection.close();
    }
  } catch (error) {
    return [describeError(error)];
  }
}
