/**
 * A SQLite database with migrations: WAL, and `synchronous=FULL`, because acks and pages depend on what it holds.
 * node:sqlite is synchronous; statements here touch few rows, and long reads belong into a worker with a connection of
 * its own.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';

const IN_MEMORY = ':memory:';
const PRIVATE_MODE = 0o600;

/** One step of a database's shape. Steps are never changed once released, only added. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

export interface Database {
  readonly connection: DatabaseSync;
  /**
   * Runs `work` in one transaction and returns its result; when it throws, nothing of it remains. Must not be nested,
   * and `work` must not be asynchronous.
   */
  transaction<T>(work: () => T): T;
  /** May be called more than once. */
  close(): void;
}

/**
 * Opens or creates the database and brings it up to date.
 * @param path a file, or `:memory:`
 * @throws AppError DATA_DIR_UNUSABLE when it cannot be opened, DATABASE_TOO_NEW when a newer version wrote it
 */
export function openDatabase(path: string, migrations: readonly Migration[]): Database {
  let connection: DatabaseSync;
  try {
    // Made here, because SQLite would let everybody read it; the files that it makes beside it take over the mode. Not opened
    // when it is there: closing it would give up the locks of other connections of this process.
    if (path !== IN_MEMORY && !existsSync(path)) closeSync(openSync(path, 'a', PRIVATE_MODE));
    connection = new DatabaseSync(path);
    connection.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA foreign_keys = ON;
      PRAGMA busy_timeout = 5000;
      PRAGMA trusted_schema = OFF;
    `);
  } catch (error) {
    throw new AppError('DATA_DIR_UNUSABLE', `open database ${path}: ${describeError(error)}`, {
      cause: error,
    });
  }
  const transaction = <T>(work: () => T): T => {
    connection.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      connection.exec('COMMIT');
      return result;
    } catch (error) {
      if (connection.isTransaction) connection.exec('ROLLBACK');
      throw error;
    }
  };
  try {
    transaction(() => migrate(connection, path, migrations));
  } catch (error) {
    connection.close();
    throw error;
  }
  return {
    connection,
    transaction,
    close() {
      if (connection.isOpen) connection.close();
    },
  };
}

function migrate(connection: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  const row = connection.prepare('PRAGMA user_version').get();
  const version = Number(row?.['user_version'] ?? 0);
  if (version > migrations.length) {
    throw new AppError(
      'DATABASE_TOO_NEW',
      `database ${path} has version ${version}, this collector knows ${migrations.length}: start the newer collector again, or restore a backup`,
    );
  }
  for (const { sql } of migrations.slice(version)) connection.exec(sql);
  connection.exec(`PRAGMA user_version = ${migrations.length}`);
}
