/** What backup and repair do with database files; nobody waits for them, so they take their time. */
import { backup, DatabaseSync } from 'node:sqlite';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';

/** More pages than a database can have. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Copies a database as it is at one moment, while others may write to it. The copy is one file, which can be read where
 * nothing can be written.
 * @param to a file that does not exist, or is empty
 * @throws AppError DATA_DIR_UNUSABLE
 */
export async function copyDatabase(from: string, to: string): Promise<void> {
  let connection: DatabaseSync | undefined;
  try {
    connection = new DatabaseSync(from, { readOnly: true, timeout: 5_000 });
    // All pages in one step: with several, every commit in between would begin it anew.
    await backup(connection, to, { rate: ALL_PAGES });
    const copy = new DatabaseSync(to);
    try {
      copy.exec('PRAGMA journal_mode = DELETE');
    } finally {
      copy.close();
    }
  } catch (error) {
    throw new AppError('DATA_DIR_UNUSABLE', `copy database ${from} to ${to}: ${describeError(error)}`, {
      cause: error,
    });
  } finally {
    connection?.close();
  }
}

/** The random number by which a journal is told from others. @throws AppError DATA_DIR_UNUSABLE */
export function storeIdOf(journalFile: string): string {
  try {
    const connection = new DatabaseSync(journalFile, { readOnly: true, timeout: 5_000 });
    try {
      const row = connection.prepare(`SELECT value FROM meta WHERE key = 'store_id'`).get();
      return String(row?.['value']);
    } finally {
      connection.close();
    }
  } catch (error) {
    throw new AppError('DATA_DIR_UNUSABLE', `read ${journalFile}: ${describeError(error)}`, { cause: error });
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
