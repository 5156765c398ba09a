import type { Migration } from '../database.ts';

/** What holds notifications back, and what an outbox row needs to be grouped, repeated and told elsewhere. */
export const suppressionMigration: Migration = {
  name: 'suppression',
  sql: `
    CREATE TABLE silences (
      id TEXT PRIMARY KEY,               -- 32 hexadecimal digits in the form of a UUID
      matchers TEXT NOT NULL,            -- JSON list of {name, operator, value}; all must fit
      starts_ms INTEGER NOT NULL,
      ends_ms INTEGER NOT NULL,
      created_by TEXT NOT NULL,
      comment TEXT NOT NULL,
      updated_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX silences_by_end ON silences (ends_ms);

    CREATE TABLE maintenance_windows (
      id TEXT PRIMARY KEY,               -- m-<ULID>
      name TEXT NOT NULL,
      matchers TEXT NOT NULL,            -- as in silences; an empty list fits everything
      schedule TEXT NOT NULL,            -- JSON: once, or a rule of recurrence with its time zone
      created_by TEXT NOT NULL,
      comment TEXT NOT NULL,
      updated_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- 1: suppressed for now, sent once nothing suppresses it and the incident is still open.
    ALTER TABLE outbox ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN group_key TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN group_wait_ms INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN repeat_ms INTEGER;      -- NULL: never told again
    ALTER TABLE outbox ADD COLUMN repeat_at_ms INTEGER;   -- set when delivered, NULL once repeated or over
    ALTER TABLE outbox ADD COLUMN fallback TEXT;          -- who is told as well when it takes too long
    ALTER TABLE outbox ADD COLUMN digest TEXT;            -- the incident whose notification told of this one
    CREATE INDEX outbox_held ON outbox (id) WHERE is_held = 1;
    CREATE INDEX outbox_repeat ON outbox (repeat_at_ms) WHERE repeat_at_ms IS NOT NULL;
    CREATE INDEX outbox_digest ON outbox (digest) WHERE digest IS NOT NULL;
  `,
};
