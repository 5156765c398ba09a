import type { Migration } from '../database.ts';

/** Tokens that let people and programs read. Only the SHA-256 of a token is kept. */
export const accessMigration: Migration = {
  name: 'access',
  sql: `
    CREATE TABLE access_tokens (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      secret_hash BLOB NOT NULL UNIQUE,
      created_ms INTEGER NOT NULL
    ) STRICT;
  `,
};
