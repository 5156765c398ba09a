import type { Migration } from '../database.ts';

/** How far external stores have been fed from the journal, and what they did not take. */
export const feedMigration: Migration = {
  name: 'feed',
  sql: `
    CREATE TABLE feed_cursors (
      store TEXT PRIMARY KEY,            -- name in the configuration
      journal TEXT NOT NULL,             -- which journal the positions are of
      pos INTEGER NOT NULL,              -- everything up to here was confirmed
      settled_pos INTEGER NOT NULL,      -- and up to here it stays, even if the store crashes
      started_ms INTEGER                 -- when the store's process started, NULL while not known
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE feed_dead_letters (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      store TEXT NOT NULL,
      noted_ms INTEGER NOT NULL,
      labels TEXT NOT NULL,              -- of the series, empty when the store did not tell
      reason TEXT NOT NULL,
      message TEXT NOT NULL,
      samples INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX feed_dead_letters_by_store ON feed_dead_letters (store, id);
  `,
};
